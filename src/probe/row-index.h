/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/unwind-rows.h"

/* The index that stands before the rows of a table in the kernel, see struct cprof_unwind_mapping. Pure. */
typedef struct RowIndex {
        uint32_t shift; /* blocks of 1 << shift bytes */
        uint32_t n;     /* elements: the blocks and one more */
} RowIndex;

/* Blocks of as few bytes as keep the index below a sixteenth of the rows. No elements for no rows. */
RowIndex row_index_plan(const UnwindRows *rows);

/* Writes @plan->n elements. */
void row_index_write(const RowIndex *plan, const UnwindRows *rows, struct cprof_unwind_row *ret_elements);
