/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/late-close.h"

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>

TestSuite(late_close, .timeout = 10);

/* The other end sees it when @fd is closed, by whichever thread. */
static void expect_closed(int other_end) {
        struct pollfd p = { .fd = other_end };

        cr_expect_eq(poll(&p, 1, 5000), 1, "still open");
        cr_expect(p.revents & POLLERR);
        (void) close(other_end);
}

static void open_pipes(LateClose *l, int *ends, size_t n) {
        for (size_t i = 0; i < n; i++) {
                int fds[2];

                cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
                ends[i] = fds[1];
                late_close_add(l, fds[0]);
        }
}

Test(late_close, all_are_closed_by_others) {
        static const size_t rows[] = { 0, 1, 7, 8, 9, 200 };
        LateClose l = {};
        int ends[200];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                open_pipes(&l, ends, rows[i]);
                late_close_run(&l);
                cr_expect_eq(l.n, 0u);
                for (size_t k = 0; k < rows[i]; k++)
                        expect_closed(ends[k]);
        }

        late_close_done(&l);
}

Test(late_close, the_end_waits_for_the_rest) {
        static const size_t rows[] = { 0, 1, 64, 65, 200 };
        int ends[200];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                LateClose l = {};

                open_pipes(&l, ends, rows[i]);
                late_close_done(&l);
                cr_expect_null(l.fds);
                for (size_t k = 0; k < rows[i]; k++) {
                        struct pollfd p = { .fd = ends[k] };

                        cr_expect_eq(poll(&p, 1, 0), 1, "still open");
                        (void) close(ends[k]);
                }
        }
}
