/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/elf-image.h"

/* MiniDebugInfo: an xz-compressed ELF file with the symbols that
 * .dynsym lacks, in section .gnu_debugdata. */
typedef struct MiniDebugInfo MiniDebugInfo;

#define MINI_DEBUG_INFO_SIZE_MAX (64U << 20) /* decompressed */
#define MINI_DEBUG_INFO_MEMORY_MAX \
        (64U << 20) /* of the decoder: xz -9 needs 65 MiB for files above 64 MiB only */

/* @image is borrowed. Returns -ENOENT when it has no such section, -ENOMEM. */
int mini_debug_info_new(const ElfImage *image, MiniDebugInfo **ret);
MiniDebugInfo *mini_debug_info_free(MiniDebugInfo *m);
DEFINE_CLEANUP(MiniDebugInfo *, mini_debug_info_free)

/* Decompresses a slice. Returns 1 while there is more, 0 when done, -EBADMSG (no xz,
 * truncated, wrong checksum), -E2BIG, -ENOMEM. */
int mini_debug_info_step(MiniDebugInfo *m);

/* After 0: the ELF file, owned by @m. */
const void *mini_debug_info_data(const MiniDebugInfo *m, size_t *ret_size);
