/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/elf-image.h"

/* Looks for the separate file of debug information of an ELF file: first by build id, then by
 * .gnu_debuglink, whose checksum has to match. In both ways the build ids must be equal. */
typedef struct DebugFileSearch DebugFileSearch;

#define DEBUG_ROOTS_MAX 8U
#define DEBUG_FILE_SIZE_MAX (UINT64_C(4) << 30) /* of one that has to be read for its checksum */

typedef struct DebugFile {
        int fd;          /* owned */
        ElfImage *image; /* owned, reads @fd */
        char *path;      /* owned */
} DebugFile;

#define DEBUG_FILE_INIT \
        { .fd = -EBADF }
void debug_file_done(DebugFile *f);

/* @roots is NULL-terminated. @path is where the file is, as its process sees it, and is
 * taken as a path of the host: what is found there is checked, so that a wrong one can't
 * lie. All are borrowed during the search. */
int debug_file_search_new(
                const char *const *roots,
                const ElfImage *image,
                const char *path,
                DebugFileSearch **ret_search);
DebugFileSearch *debug_file_search_free(DebugFileSearch *s);
DEFINE_CLEANUP(DebugFileSearch *, debug_file_search_free)

/* Tries one candidate, or reads a slice of it for the checksum. Returns 1 to go on, 0 when the file was
 * found, -ENOENT when there is none, -ENOMEM. */
int debug_file_search_step(DebugFileSearch *s);

/* After 0. */
DebugFile debug_file_search_take(DebugFileSearch *s);

/* Opens a regular file without the side effects that opening devices and pipes has; -ENOTSUP for these. */
int open_regular_file(const char *path);
