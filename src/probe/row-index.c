/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/row-index.h"

#define SHIFT_MIN 8U /* some rows at least */
#define ROWS_PER_BLOCK 16U

RowIndex row_index_plan(const UnwindRows *rows) {
        RowIndex plan = { .shift = SHIFT_MIN };
        uint32_t last;

        if (rows->n == 0)
                return (RowIndex){};

        last = rows->rows[rows->n - 1].pc;
        while (plan.shift < 31 && (last >> plan.shift) + 1 > rows->n / ROWS_PER_BLOCK + 1)
                plan.shift++;

        plan.n = (last >> plan.shift) + 2;
        return plan;
}

void row_index_write(const RowIndex *plan, const UnwindRows *rows, struct cprof_unwind_row *ret_elements) {
        size_t row = 0;

        for (uint32_t i = 0; i < plan->n; i++) {
                uint64_t start = (uint64_t) i << plan->shift;

                while (row < rows->n && rows->rows[row].pc < start)
                        row++;

                ret_elements[i] = (struct cprof_unwind_row){ .pc = (uint32_t) row };
        }
}
