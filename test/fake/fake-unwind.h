/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/unwind-tables.h"

/* Rows of files that are no ELF files: what a file is called says what is found in it. One segment, at
 * offset 0x1000 of the file and address 0x401000; pc 0 of the rows is at 0x400000. A path with "no-table"
 * has none, one with "broken" can't be read, "/big" takes 100 rows and three steps, others 10 rows and one.
 * "gaps" has three entries that are malformed. The build id is what follows "+". */
typedef struct FakeUnwind {
        unsigned n_jobs; /* that are not freed */
        unsigned n_begun, n_steps;
} FakeUnwind;

#define FAKE_SEGMENT_OFFSET 0x1000U
#define FAKE_SEGMENT_ADDRESS 0x401000U
#define FAKE_SEGMENT_SIZE 0x100000U
#define FAKE_ROWS_BASE 0x400000U
#define FAKE_ROWS 10U
#define FAKE_ROWS_BIG 100U

UnwindSource fake_unwind_source(FakeUnwind *fake); /* borrowed */
