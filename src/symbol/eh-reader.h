/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "symbol/cfa.h"
#include "symbol/elf-image.h"

/* Walks the FDEs of an .eh_frame in the order of the file. The section is read through a small window,
 * whatever its size. */

#define EH_ENTRY_BYTES_MAX (64U * 1024U) /* of one FDE; a larger one is malformed */
#define EH_WINDOW_BYTES (128U * 1024U)
#define EH_CIE_BYTES_MAX 4096U
#define EH_CIES_KEPT 32U
#define EH_ENTRIES_MAX (4U * 1000U * 1000U) /* the rest is not read */
#define EH_CIE_READS_MAX 20000U /* some microseconds each; the FDEs of those beyond are malformed */

/* What describes one function, or a part of it. */
typedef struct EhFde {
        uint64_t start, size;
        const Cie *cie;      /* valid up to the next eh_reader_next(), as the program is */
        DwarfReader program; /* its call frame instructions */
} EhFde;

typedef struct EhReader EhReader;

/* @image is borrowed until eh_reader_free(). -ENODATA: nothing to read (or not for x86-64), -EFBIG,
 * -EBADMSG, -ENOMEM. */
int eh_reader_new(const ElfImage *image, EhReader **ret_reader);
EhReader *eh_reader_free(EhReader *r);
DEFINE_CLEANUP(EhReader *, eh_reader_free)

/* Looks at one entry. Returns 1 with an FDE, 0 for anything else, -EBADMSG for a malformed one, -ENODATA at
 * the end. Bytes that can't be read (any more) are the end as well, and so is the last of EH_ENTRIES_MAX. */
int eh_reader_next(EhReader *r, EhFde *ret_fde);
