/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/pprof-reader.h"

/* The tables of a foreign profile, reduced to what folded stacks need: from a location to the texts of its
 * frames. */
typedef struct PprofNames PprofNames;

#define PPROF_TABLE_MAX (16U * 1024 * 1024) /* entries, and highest id, of each table */

/* Reads the tables of the file; each reference within them is checked. Ids have to be dense, in any order
 * but without large gaps. -EBADMSG, -EFBIG for too many, and
 * what pprof_reader_next() says. */
int pprof_names_read(int fd, PprofNames **ret);
PprofNames *pprof_names_free(PprofNames *n);
DEFINE_CLEANUP(PprofNames *, pprof_names_free)

/* A text of the string table: valid UTF-8 without control characters, ';' replaced. NULL for no such index.
 */
const char *pprof_names_text(const PprofNames *n, int64_t index);

/* Which value of a sample has that type, "samples"; -ENOENT. */
int pprof_names_value_index(const PprofNames *n, const char *type);

/* Frames of a location, innermost first, 1 at least; -EBADMSG for no such location. */
int pprof_names_n_frames(const PprofNames *n, uint64_t location);
/* One of them. A location without a function is "0xADDRESS", written to @buf. */
const char *pprof_names_frame(const PprofNames *n, uint64_t location, unsigned frame, char buf[static 24]);
bool pprof_names_is_kernel(const PprofNames *n, uint64_t location);
