/* SPDX-License-Identifier: Apache-2.0 */
#include "task/governor.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(governor, .timeout = 10);

#define MS UINT64_C(1000000)
#define ON \
        { .oncpu = true, .n_samples = 100 }
#define OFF \
        { .offcpu = true, .n_switches = 100 }
#define BOTH \
        { .oncpu = true, .offcpu = true, .n_samples = 100, .n_switches = 100 }

/* A second on two CPUs: 20 ms are 1 %. */
static GovernorInput second(uint64_t daemon_ms, uint64_t oncpu_ms, uint64_t offcpu_ms) {
        return (GovernorInput){
                .wall_nsec = NSEC_PER_SEC,
                .n_cpus = 2,
                .daemon_nsec = daemon_ms * MS,
                .oncpu_nsec = oncpu_ms * MS,
                .offcpu_nsec = offcpu_ms * MS,
                .budget_percent = 1,
        };
}

static GovernorStep step(Governor *g, GovernorInput in, const GovernorTask *tasks, size_t n) {
        GovernorAction a;

        in.tasks = tasks;
        in.n_tasks = n;
        cr_expect_eq(governor_step(g, &in, &a), a.step != GOVERNOR_STEP_NONE);
        cr_expect_eq(strlen(a.text) > 0, a.step != GOVERNOR_STEP_NONE);
        cr_expect_lt(strlen(a.text), sizeof(a.text) - 1);
        return a.step;
}

Test(governor, steps_come_in_order_and_each_needs_two_seconds) {
        static const struct {
                GovernorTask tasks[2];
                size_t n_tasks;
                uint64_t daemon_ms, oncpu_ms, offcpu_ms;
                const char *steps; /* of each second: '.' nothing, 't' thin, 'w' threshold of waits, 's' stop
                                    */
        } rows[] = {
                /* within the budget, exactly at it, above */
                { { ON }, 1, 5, 5, 0, "........" },
                { { ON }, 1, 10, 10, 0, "........" },
                { { ON }, 1, 10, 11, 0, ".t.t.t.s.s" },
                { { OFF }, 1, 10, 0, 11, ".w.w.w.s.s" },
                { { ON, OFF }, 2, 1, 15, 15, ".t.t.t.w.w.w.s" },
                /* the lever of a kind that costs next to nothing is left alone */
                { { ON, OFF }, 2, 0, 1, 40, ".w.w.w.s" },
                { { ON, OFF }, 2, 0, 40, 1, ".t.t.t.s" },
                { { BOTH }, 1, 1, 15, 15, ".t.t.t.w.w.w.s" },
                /* cprofd's own part is for samples */
                { { ON, OFF }, 2, 40, 0, 0, ".t.t.t.s" },
                { { OFF }, 1, 40, 0, 0, ".w.w.w.s" },
                /* nothing runs: nothing to do */
                { {}, 0, 400, 400, 400, "........" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Governor g = {};

                for (size_t k = 0; rows[i].steps[k]; k++) {
                        GovernorStep s =
                                        step(&g,
                                             second(rows[i].daemon_ms, rows[i].oncpu_ms, rows[i].offcpu_ms),
                                             rows[i].tasks,
                                             rows[i].n_tasks);

                        cr_expect_eq(".tws"[s],
                                     rows[i].steps[k],
                                     "row %zu, second %zu: %c",
                                     i,
                                     k,
                                     ".tws"[s]);
                }
        }
}

Test(governor, one_expensive_second_is_forgiven) {
        const GovernorTask task = ON;
        Governor g = {};

        for (unsigned i = 0; i < 10; i++) {
                cr_expect_eq(step(&g, second(100, 100, 0), &task, 1), GOVERNOR_STEP_NONE);
                cr_expect_eq(step(&g, second(1, 1, 0), &task, 1), GOVERNOR_STEP_NONE);
        }
        cr_expect_eq(governor_thin(&g), 1);
}

Test(governor, takes_nothing_back_until_no_task_runs) {
        const GovernorTask task = ON;
        Governor g = {};

        (void) step(&g, second(0, 100, 0), &task, 1);
        cr_assert_eq(step(&g, second(0, 100, 0), &task, 1), GOVERNOR_STEP_THIN);
        for (unsigned i = 0; i < 100; i++)
                cr_expect_eq(step(&g, second(0, 0, 0), &task, 1), GOVERNOR_STEP_NONE);
        cr_expect_eq(governor_thin(&g), 2);

        governor_reset(&g);
        cr_expect_eq(governor_thin(&g), 1);
        cr_expect_eq(governor_threshold_nsec(&g), 0);
}

Test(governor, halves_the_rate_and_raises_the_threshold_tenfold) {
        static const struct {
                unsigned thin;
                uint64_t threshold_usec;
                const char *text;
        } rows[] = {
                { 2, 0, "on-CPU sampling lowered to 1 in 2: " },
                { 4, 0, "on-CPU sampling lowered to 1 in 4: " },
                { 8, 0, "on-CPU sampling lowered to 1 in 8: " },
                { 8, 100, "stacks of waits from 0.1 ms only: " },
                { 8, 1000, "stacks of waits from 1 ms only: " },
                { 8, 10000, "stacks of waits from 10 ms only: " },
                { 8, 10000, "stopped to save the host: " },
        };
        const GovernorTask tasks[] = { ON, OFF };
        GovernorInput in = second(0, 24, 24);
        GovernorAction a;
        Governor g = {};

        in.tasks = tasks;
        in.n_tasks = 2;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                cr_expect_not(governor_step(&g, &in, &a));
                cr_assert(governor_step(&g, &in, &a));
                cr_expect_eq(a.thin, rows[i].thin, "row %zu", i);
                cr_expect_eq(a.threshold_nsec, rows[i].threshold_usec * 1000, "row %zu", i);
                cr_expect_eq(governor_thin(&g), a.thin);
                cr_expect_eq(governor_threshold_nsec(&g), a.threshold_nsec);
                cr_expect_eq(strncmp(a.text, rows[i].text, strlen(rows[i].text)), 0, "%s", a.text);
                cr_expect(strstr(a.text, "recording took 2.40% of the host's CPU time, its budget is 1%"),
                          "%s",
                          a.text);
        }
}

Test(governor, stops_the_task_that_costs_most) {
        const GovernorTask tasks[] = {
                { .oncpu = true, .n_samples = 10 },
                { .oncpu = true, .n_samples = 90 },
                { .offcpu = true, .n_switches = 1000000 },
        };
        GovernorInput in = second(10, 40, 10);
        Governor g = { .n_thin = 3, .n_threshold = 3 };
        GovernorAction a;

        in.tasks = tasks;
        in.n_tasks = 3;
        (void) governor_step(&g, &in, &a);
        cr_assert(governor_step(&g, &in, &a));
        cr_expect_eq(a.step, GOVERNOR_STEP_STOP);
        cr_expect_eq(a.task, 1);
}

Test(governor, shares_the_cost_by_what_was_recorded) {
        const GovernorTask tasks[] = {
                { .oncpu = true, .n_samples = 10 },
                { .oncpu = true, .n_samples = 30 },
                { .offcpu = true, .n_switches = 7 },
        };
        GovernorInput in = second(10, 30, 20);

        in.tasks = tasks;
        in.n_tasks = 3;
        cr_expect_lt(fabs(governor_total_percent(&in) - 3), 1e-9);
        cr_expect_lt(fabs(governor_task_percent(&in, 0) - 0.5), 1e-9);
        cr_expect_lt(fabs(governor_task_percent(&in, 1) - 1.5), 1e-9);
        cr_expect_lt(fabs(governor_task_percent(&in, 2) - 1), 1e-9);
}

Test(governor, a_task_of_both_kinds_has_a_share_of_both) {
        const GovernorTask tasks[] = {
                { .oncpu = true, .offcpu = true, .n_samples = 10, .n_switches = 30 },
                { .oncpu = true, .n_samples = 30 },
                { .offcpu = true, .n_switches = 10 },
        };
        GovernorInput in = second(0, 40, 20);

        in.tasks = tasks;
        in.n_tasks = 3;
        cr_expect_lt(fabs(governor_task_percent(&in, 0) - 0.5 - 0.75), 1e-9);
        cr_expect_lt(fabs(governor_task_percent(&in, 1) - 1.5), 1e-9);
        cr_expect_lt(fabs(governor_task_percent(&in, 2) - 0.25), 1e-9);
}

Test(governor, without_any_sample_the_tasks_share_equally) {
        const GovernorTask tasks[] = { { .oncpu = true }, { .oncpu = true } };
        GovernorInput in = second(10, 10, 0);

        in.tasks = tasks;
        in.n_tasks = 2;
        cr_expect_lt(fabs(governor_task_percent(&in, 0) - 0.5), 1e-9);
        cr_expect_lt(fabs(governor_task_percent(&in, 1) - 0.5), 1e-9);
}

Test(governor, a_second_of_no_length_costs_nothing) {
        const GovernorTask task = ON;
        GovernorInput in = second(10, 10, 10);

        in.wall_nsec = 0;
        in.tasks = &task;
        in.n_tasks = 1;
        cr_expect_eq(governor_total_percent(&in), 0);
        in.wall_nsec = NSEC_PER_SEC;
        in.n_cpus = 0;
        cr_expect_lt(fabs(governor_total_percent(&in) - 3), 1e-9, "at least one CPU is there");
}

Test(governor, a_task_over_its_own_budget_is_the_one_to_be_curbed) {
        const GovernorTask tasks[] = {
                { .oncpu = true, .n_samples = 100 },
                { .offcpu = true, .n_switches = 1, .budget_percent = 0.1 },
        };
        GovernorInput in = second(0, 10, 4); /* 0.7 % in all, 0.2 % of the second */
        GovernorAction a;
        Governor g = {};

        in.tasks = tasks;
        in.n_tasks = 2;
        for (unsigned i = 0; i < 3; i++) {
                (void) governor_step(&g, &in, &a);
                cr_assert(governor_step(&g, &in, &a));
                cr_expect_eq(a.step, GOVERNOR_STEP_THRESHOLD);
        }

        (void) governor_step(&g, &in, &a);
        cr_assert(governor_step(&g, &in, &a));
        cr_expect_eq(a.step, GOVERNOR_STEP_STOP);
        cr_expect_eq(a.task, 1);
        cr_expect(strstr(a.text, "the task took 0.20% of the host's CPU time, its budget is 0.1%"),
                  "%s",
                  a.text);
        cr_expect_eq(governor_thin(&g), 1);
}
