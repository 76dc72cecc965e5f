/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/row-index.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define ROWS_MAX 50000U

/* What the program in the kernel does with it: the last row at or below @pc, -1 for none. */
static long
find(const RowIndex *plan, const struct cprof_unwind_row *index, const UnwindRows *rows, uint32_t pc) {
        uint32_t block = pc >> plan->shift, last = plan->n - 2;
        uint32_t begin = index[block < last ? block : last].pc,
                 end = index[(block < last ? block : last) + 1].pc;
        long found = -1;

        for (uint32_t i = begin - (begin > 0); i < end; i++)
                if (rows->rows[i].pc <= pc)
                        found = i;

        return found;
}

static long find_plainly(const UnwindRows *rows, uint32_t pc) {
        long found = -1;

        for (size_t i = 0; i < rows->n && rows->rows[i].pc <= pc; i++)
                found = (long) i;

        return found;
}

static void check(const UnwindRows *rows, const uint32_t *extra, size_t n_extra) {
        RowIndex plan = row_index_plan(rows);
        struct cprof_unwind_row *index = calloc(plan.n, sizeof(*index));

        cr_assert_not_null(index);
        row_index_write(&plan, rows, index);
        cr_expect_leq(plan.n, rows->n / 16 + 3);

        for (size_t i = 0; i < rows->n; i += 1 + rows->n / 300) {
                cr_expect_eq(find(&plan, index, rows, rows->rows[i].pc),
                             find_plainly(rows, rows->rows[i].pc));
                cr_expect_eq(find(&plan, index, rows, rows->rows[i].pc + 1),
                             find_plainly(rows, rows->rows[i].pc + 1));
        }
        for (size_t i = 0; i < n_extra; i++)
                cr_expect_eq(find(&plan, index, rows, extra[i]), find_plainly(rows, extra[i]));

        free(index);
}

Test(row_index, leads_to_the_row_in_force_wherever_blocks_begin) {
        static const uint32_t edges[] = {
                0, 1, 255, 256, 257, 511, 512, 1 << 20, UINT32_MAX - 1, UINT32_MAX
        };
        struct cprof_unwind_row *all = calloc(ROWS_MAX, sizeof(*all));
        static const uint32_t steps[] = { 1, 7, 64, 300, 70000 };

        cr_assert_not_null(all);
        for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++)
                for (size_t n = 1; n <= ROWS_MAX; n = n * 3 + 1) {
                        UnwindRows rows = { .rows = all, .n = n };

                        for (size_t i = 0; i < n; i++)
                                all[i].pc = 100 + (uint32_t) (i * steps[s]);
                        check(&rows, edges, sizeof(edges) / sizeof(edges[0]));
                }

        free(all);
}

Test(row_index, is_small_for_few_rows_far_apart) {
        struct cprof_unwind_row two[] = { { .pc = 0 }, { .pc = UINT32_MAX } };
        UnwindRows rows = { .rows = two, .n = 2 };
        static const uint32_t edges[] = { 0, 5, UINT32_MAX - 1, UINT32_MAX };

        check(&rows, edges, 4);
        rows.n = 0;
        cr_expect_eq(row_index_plan(&rows).n, 0);
}
