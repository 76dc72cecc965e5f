/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that record several kinds, and kernels that cannot. */
#include "task/task-bed.h"
#include "task/task-kind.h"

#include <criterion/criterion.h>
#include <string.h>

#define ON PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU)
#define OFF PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU)

static TaskBed bed;

static void make_bed(void) {
        task_bed_init(&bed);
        fake_host_set_process(&bed.host, 71, 1071, "web", "/usr/bin/web", WEB);
        task_bed_tick(&bed, 0);
}

static void free_bed(void) {
        task_bed_done(&bed);
}

TestSuite(task_kinds, .timeout = 30, .init = make_bed, .fini = free_bed);

Test(task_kinds, kinds_that_cannot_be_recorded_are_left_out_while_one_is_left) {
        static const struct {
                ProfileKinds asked, running, missing; /* running: by another task of the process */
                int result;
                ProfileKinds kinds;
                const char *left_out; /* or, of a failed task, its reason */
        } rows[] = {
                { ON, 0, 0, 0, ON, NULL },
                { OFF, 0, 0, 0, OFF, NULL },
                { ON | OFF, 0, 0, 0, ON | OFF, NULL },
                { ON | OFF, 0, OFF, 0, ON, "off-cpu is not available: made to fail by the test" },
                { ON | OFF, 0, ON, 0, OFF, "on-cpu is not available: made to fail by the test" },
                { ON | OFF, ON, 0, 0, OFF, "on-cpu is recorded by another task" },
                { ON | OFF, OFF, 0, 0, ON, "off-cpu is recorded by another task" },
                { ON, ON | OFF, 0, -EEXIST, 0, NULL },
                { ON | OFF, ON | OFF, 0, -EEXIST, 0, NULL },
                { OFF, 0, OFF, -EOPNOTSUPP, OFF, "off-cpu is not available: made to fail by the test" },
                { ON | OFF,
                  0,
                  ON | OFF,
                  -EOPNOTSUPP,
                  ON | OFF,
                  "on-cpu is not available: made to fail by the test; "
                  "off-cpu is not available: made to fail by the test" },
                { ON | OFF,
                  ON,
                  OFF,
                  -EOPNOTSUPP,
                  ON | OFF,
                  "on-cpu is recorded by another task; off-cpu is not available: made to fail by the test" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                unsigned n_ended = bed.n_ended;
                Task *other = NULL, *t;
                const char *left_out;

                memset(bed.fake.fail, 0, sizeof(bed.fake.fail));
                if (rows[i].running)
                        cr_assert_eq(task_bed_start_kinds(&bed, 71, rows[i].running, &other), 0);
                for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                        bed.fake.fail[task_kind_feature(k)] =
                                        rows[i].missing & PROFILE_KIND_BIT(k) ? -EOPNOTSUPP : 0;

                cr_expect_eq(task_bed_start_kinds(&bed, 71, rows[i].asked, &t),
                             rows[i].result,
                             "row %zu",
                             i);
                cr_expect_eq(t != NULL, rows[i].result == 0, "row %zu", i);
                cr_assert_eq(bed.n_ended, n_ended + (rows[i].result == -EOPNOTSUPP), "row %zu", i);

                left_out = t ? t->left_out : rows[i].result == -EEXIST ? NULL : bed.ended[n_ended]->reason;
                if (rows[i].left_out)
                        cr_expect_str_eq(left_out, rows[i].left_out, "row %zu", i);
                else
                        cr_expect_null(left_out, "row %zu", i);
                if (rows[i].kinds)
                        cr_expect_eq((t ?: bed.ended[n_ended])->kinds, rows[i].kinds, "row %zu", i);

                for (Task *running; (running = task_manager_next(bed.manager, NULL));)
                        cr_assert_eq(task_manager_stop(bed.manager, running->id, NULL, bed.now_usec), 0);
                cr_expect_eq(bed.fake.n_watched, 0, "row %zu: as often unwatched as watched", i);
        }
}

Test(task_kinds, each_kind_is_watched_for_and_is_running) {
        Process *p = target_set_find_process(bed.targets, 71);
        Subject subject = { .process = p };
        Task *t;

        cr_assert_eq(task_bed_start_kinds(&bed, 71, ON | OFF, &t), 0);
        cr_expect_eq(bed.fake.n_watched, 2, "once for each");
        cr_expect(task_manager_is_running(bed.manager, subject, PROFILE_KIND_ON_CPU));
        cr_expect(task_manager_is_running(bed.manager, subject, PROFILE_KIND_OFF_CPU));

        cr_assert_eq(task_manager_stop(bed.manager, t->id, NULL, bed.now_usec), 0);
        cr_assert_eq(task_bed_start_kinds(&bed, 71, OFF, &t), 0);
        cr_expect_not(task_manager_is_running(bed.manager, subject, PROFILE_KIND_ON_CPU));
        cr_expect(task_manager_is_running(bed.manager, subject, PROFILE_KIND_OFF_CPU));
}

Test(task_kinds, samples_are_for_tasks_that_record_on_cpu) {
        static const uint64_t frames[] = { 0x400123, 0 };
        Task *off, *on;

        cr_assert_eq(task_bed_start_kinds(&bed, 71, OFF, &off), 0);
        cr_assert_eq(task_bed_start_kinds(&bed, 71, ON, &on), 0);
        task_bed_sample(&bed, 71, 10, frames);
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_expect_eq(on->n_samples, 1);
        cr_expect_eq(on->quality.n_stacks_user, 1);
        cr_expect_eq(on->quality.ends[CPROF_END_ROOT], 1);
        cr_expect_gt(on->sample_period_nsec, 0);
        cr_expect_eq(off->n_samples, 0);
        cr_expect_eq(off->sample_period_nsec, 0, "nothing is sampled");
}
