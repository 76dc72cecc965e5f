/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/trigger-world.h"

TestSuite(test_trigger_kinds, .timeout = 30);

#define ON PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU)
#define OFF PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU)

Test(test_trigger_kinds, causes_merge_into_one_task_of_the_kinds_that_are_free) {
        static const struct {
                ProfileKinds policy, other; /* what the two policies record; 0: no cause of the second */
                ProfileKinds silent, running;
                ProfileKinds expected; /* 0: no task */
                unsigned n_causes, n_silent, n_running;
        } rows[] = {
                { ON, 0, 0, 0, ON, 1, 0, 0 },
                { OFF, 0, 0, 0, OFF, 1, 0, 0 },
                { ON | OFF, 0, 0, 0, ON | OFF, 1, 0, 0 },
                { ON, OFF, 0, 0, ON | OFF, 2, 0, 0 },
                { ON | OFF, ON, 0, 0, ON | OFF, 2, 0, 0 },
                { ON | OFF, 0, ON, 0, OFF, 1, 0, 0 },
                { ON | OFF, 0, 0, OFF, ON, 1, 0, 0 },
                { ON, OFF, ON, 0, OFF, 1, 1, 0 },
                { ON, OFF, 0, ON, OFF, 1, 0, 1 },
                { ON | OFF, 0, ON, OFF, 0, 0, 0, 1 },
                { ON | OFF, ON | OFF, ON | OFF, 0, 0, 0, 2, 0 },
                { ON | OFF, OFF, 0, ON | OFF, 0, 0, 0, 2 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(world_freep) World *w = world_new();

                w->policy->kinds = rows[i].policy;
                w->other->kinds = rows[i].other;
                w->running = rows[i].running;
                for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                        if (rows[i].silent & PROFILE_KIND_BIT(k))
                                cr_assert_eq(cooldown_start(w->cooldown, "a.service", "w", k, USEC_PER_HOUR),
                                             0);

                world_begin(w, 100);
                world_add_process(w, 0, w->policy, CPU_RULE);
                if (rows[i].other)
                        world_add_process(w, 0, w->other, CPU_RULE);
                cr_expect_eq(trigger_commit(w->trigger), rows[i].expected != 0, "row %zu", i);

                cr_assert_eq(w->n_started, rows[i].expected != 0, "row %zu", i);
                if (w->n_started > 0) {
                        cr_expect_eq(w->started[0].kinds, rows[i].expected, "row %zu", i);
                        cr_expect_eq(w->started[0].n_causes, rows[i].n_causes, "row %zu", i);
                }
                cr_expect_eq(trigger_counters(w->trigger)->n_silent, rows[i].n_silent, "row %zu", i);
                cr_expect_eq(trigger_counters(w->trigger)->n_running, rows[i].n_running, "row %zu", i);
        }
}

Test(test_trigger_kinds, silence_follows_for_the_kinds_that_were_started_alone) {
        _cleanup_(world_freep) World *w = world_new();

        w->policy->kinds = OFF;
        cr_assert_eq(world_second(w, 100, 0, w->policy), 1);
        cr_expect_eq(cooldown_left(w->cooldown, "a.service", "w", PROFILE_KIND_OFF_CPU, 100 * USEC_PER_SEC),
                     10 * USEC_PER_MINUTE);
        cr_expect_eq(cooldown_left(w->cooldown, "a.service", "w", PROFILE_KIND_ON_CPU, 100 * USEC_PER_SEC),
                     0);

        w->policy->kinds = ON | OFF;
        cr_assert_eq(world_second(w, 101, 0, w->policy), 1);
        cr_expect_eq(w->started[0].kinds, ON);
        cr_expect_eq(world_second(w, 102, 0, w->policy), 0);
}

Test(test_trigger_kinds, a_kind_that_began_to_run_within_the_second_is_taken_out) {
        _cleanup_(world_freep) World *w = world_new();

        w->policy->kinds = ON | OFF;
        world_begin(w, 100);
        world_add_process(w, 0, w->policy, CPU_RULE);
        w->running = OFF;
        cr_assert_eq(trigger_commit(w->trigger), 1);
        cr_expect_eq(w->started[0].kinds, ON);
        cr_expect_eq(cooldown_left(w->cooldown, "a.service", "w", PROFILE_KIND_OFF_CPU, 100 * USEC_PER_SEC),
                     0);
}
