/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/extents.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

TestSuite(extents);

#define REST EXTENTS_REST_USEC

Test(extents, the_first_place_that_fits_is_taken) {
        Extents e = {};
        uint32_t a, b, c, d;

        cr_assert_eq(extents_init(&e, 100), 0);
        cr_assert_eq(extents_take(&e, 30, 0, &a), 0);
        cr_assert_eq(extents_take(&e, 20, 0, &b), 0);
        cr_assert_eq(extents_take(&e, 40, 0, &c), 0);
        cr_expect_eq(a, 0);
        cr_expect_eq(b, 30);
        cr_expect_eq(c, 50);
        cr_expect_eq(e.n_taken, 90);

        extents_give(&e, b, 0);
        cr_expect_eq(extents_take(&e, 15, REST, &d), 0);
        cr_expect_eq(d, 30);
        cr_expect_eq(extents_take(&e, 6, REST, &d), 0);
        cr_expect_eq(d, 90);
        cr_expect_eq(extents_take(&e, 5, REST, &d), 0);
        cr_expect_eq(d, 45);
        extents_done(&e);
}

Test(extents, what_was_given_back_rests) {
        Extents e = {};
        uint32_t a;

        cr_assert_eq(extents_init(&e, 10), 0);
        cr_assert_eq(extents_take(&e, 10, 5, &a), 0);
        cr_expect_eq(extents_take(&e, 1, 5, &a), -ENOSPC);
        extents_give(&e, 0, 7);
        cr_expect_eq(e.n_taken, 0);
        cr_expect_eq(extents_take(&e, 1, 7 + REST - 1, &a), -ENOSPC);
        cr_expect_eq(extents_take(&e, 1, 7 + REST, &a), 0);
        cr_expect_eq(a, 0);
        extents_done(&e);
}

Test(extents, neighbours_join_whatever_the_order) {
        static const unsigned orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 }, { 0, 2, 1 } };

        for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
                Extents e = {};
                uint32_t at[3], all;

                cr_assert_eq(extents_init(&e, 30), 0);
                for (unsigned k = 0; k < 3; k++)
                        cr_assert_eq(extents_take(&e, 10, 0, at + k), 0);
                for (unsigned k = 0; k < 3; k++)
                        extents_give(&e, at[orders[i][k]], k);

                cr_expect_eq(extents_take(&e, 30, REST + 2, &all), 0, "order %zu", i);
                cr_expect_eq(all, 0);
                extents_done(&e);
        }
}

Test(extents, parts_never_overlap) {
        enum { SIZE = 1000, PARTS = 40 };
        struct {
                uint32_t first, n;
        } parts[PARTS] = {};
        Extents e = {};

        srand(1);
        cr_assert_eq(extents_init(&e, SIZE), 0);
        for (usec_t now = 0; now < 20000 * REST / 4; now += REST / 4) {
                unsigned i = (unsigned) rand() % PARTS;
                uint32_t n = 1 + (uint32_t) rand() % 60, first;

                if (parts[i].n > 0) {
                        extents_give(&e, parts[i].first, now);
                        parts[i].n = 0;
                        continue;
                }
                if (extents_take(&e, n, now, &first) < 0)
                        continue;

                cr_assert_leq(first + n, SIZE);
                for (unsigned k = 0; k < PARTS; k++)
                        cr_assert(parts[k].n == 0 || first + n <= parts[k].first ||
                                  first >= parts[k].first + parts[k].n);
                parts[i].first = first;
                parts[i].n = n;
        }

        extents_done(&e);
}
