/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/trigger-world.h"

#include <string.h>

TestSuite(test_trigger, .timeout = 30);

Test(test_trigger, causes_of_one_subject_are_one_task) {
        _cleanup_(world_freep) World *w = world_new();

        world_begin(w, 100);
        world_add_process(w, 0, w->policy, CPU_RULE);
        world_add_process(w, 1, w->policy, CPU_RULE);
        world_add_process(w, 0, w->other, CPU_RULE);
        cr_assert_eq(trigger_commit(w->trigger), 2);

        cr_assert_eq(w->n_started, 2);
        cr_expect_eq(w->started[0].subject.process, w->processes);
        cr_expect_eq(w->started[0].kinds, PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU));
        cr_assert_eq(w->started[0].n_causes, 2);
        cr_expect_eq(w->started[0].causes[0].policy, w->policy);
        cr_expect_eq(w->started[0].causes[1].policy, w->other);
        cr_expect_eq(w->started[0].causes[1].peak, 95);
        cr_expect_eq(w->started[0].duration_usec, 2 * USEC_PER_MINUTE, "the longest");
        cr_expect_eq(w->started[0].silence_usec, 10 * USEC_PER_MINUTE, "the longest");
        cr_expect_eq(w->started[1].subject.process, w->processes + 1);
        cr_expect_eq(w->started[1].duration_usec, USEC_PER_MINUTE);
}

Test(test_trigger, causes_by_other_requests_stay_apart_in_one_task) {
        _cleanup_(policy_unrefp) Policy *p = fake_policy(
                        "slow",
                        "[Policy]\nUnit=*\n[Trigger]\nWhen=http-avg-response-time >= 250ms on /orders /pay\n");
        _cleanup_(world_freep) World *w = world_new();

        world_begin(w, 100);
        world_add_process(w, 0, p, 0);
        world_add_process(w, 0, p, 1);
        cr_assert_eq(trigger_commit(w->trigger), 1);
        cr_assert_eq(w->started[0].n_causes, 2);
        cr_expect_str_eq(w->started[0].causes[0].trigger->uri.text, "/orders");
        cr_expect_str_eq(w->started[0].causes[1].trigger->uri.text, "/pay");
}

Test(test_trigger, a_second_without_causes_starts_nothing) {
        _cleanup_(world_freep) World *w = world_new();

        cr_assert_eq(world_second(w, 100, 0, w->policy), 1);
        world_begin(w, 2000);
        cr_expect_eq(trigger_commit(w->trigger), 0);
        cr_expect_eq(w->n_started, 0);
}

Test(test_trigger, silence_runs_from_the_start_of_the_task_for_each_name) {
        _cleanup_(world_freep) World *w = world_new();
        Process respawned = fake_process(77, "w", &w->unit);

        cr_expect_eq(world_second(w, 100, 0, w->policy), 1);
        cr_expect_eq(world_second(w, 101, 0, w->policy), 0);
        cr_expect_eq(world_second(w, 699, 0, w->policy), 0);
        cr_expect_eq(world_second(w, 699, 1, w->policy), 1, "the sibling has its own");

        w->processes[0] = respawned;
        cr_expect_eq(world_second(w, 699, 0, w->policy), 0, "the new one inherits it");
        cr_expect_eq(world_second(w, 700, 0, w->policy), 1);
        cr_expect_eq(trigger_counters(w->trigger)->n_silent, 3);
}

Test(test_trigger, silence_of_a_unit_is_not_that_of_its_processes) {
        _cleanup_(world_freep) World *w = world_new();

        world_begin(w, 100);
        world_add(w, (Subject){ .unit = &w->unit }, w->policy, CPU_RULE);
        cr_assert_eq(trigger_commit(w->trigger), 1);
        cr_expect_eq(cooldown_left(w->cooldown, "a.service", "", PROFILE_KIND_ON_CPU, 100 * USEC_PER_SEC),
                     10 * USEC_PER_MINUTE);

        w->unit_is_running = false;
        cr_expect_eq(world_second(w, 101, 0, w->policy), 1);
}

Test(test_trigger, results_that_leave_silence_open) {
        static const struct {
                int result;
                unsigned n_started;
                bool silent;
        } rows[] = {
                { 0, 1, true },    { 1, 1, true },       { -EBUSY, 0, false }, { -EEXIST, 0, false },
                { -EIO, 0, true }, { -ENOSPC, 0, true }, { -ESRCH, 0, true },  { -ENOMEM, 0, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(world_freep) World *w = world_new();

                w->start_result = rows[i].result;
                cr_expect_eq(world_second(w, 100, 0, w->policy), rows[i].n_started, "row %zu", i);
                cr_expect_eq(w->n_started, 1);

                w->start_result = 0;
                cr_expect_eq(world_second(w, 101, 0, w->policy), !rows[i].silent, "row %zu", i);
                cr_expect_eq(trigger_counters(w->trigger)->n_busy, rows[i].result == -EBUSY);
        }
}

Test(test_trigger, a_dead_process_starts_neither_task_nor_silence) {
        _cleanup_(world_freep) World *w = world_new();

        w->dead = w->processes;
        cr_expect_eq(world_second(w, 100, 0, w->policy), 0);
        cr_expect_eq(w->n_started, 0);
        cr_expect_eq(trigger_counters(w->trigger)->n_dead, 1);

        w->dead = NULL;
        cr_expect_eq(world_second(w, 101, 0, w->policy), 1);
}

Test(test_trigger, what_runs_already_is_dropped_without_silence) {
        _cleanup_(world_freep) World *w = world_new();

        w->all_are_running = true;
        cr_expect_eq(world_second(w, 100, 0, w->policy), 0);
        cr_expect_eq(w->n_started, 0);
        cr_expect_eq(trigger_counters(w->trigger)->n_running, 1);

        w->all_are_running = false;
        cr_expect_eq(world_second(w, 101, 0, w->policy), 1);
}

Test(test_trigger, the_task_of_a_unit_comes_first_and_covers_its_processes) {
        _cleanup_(world_freep) World *w = world_new();

        world_begin(w, 100);
        world_add_process(w, 0, w->policy, CPU_RULE);
        world_add(w, (Subject){ .unit = &w->unit }, w->other, CPU_RULE);
        world_add_process(w, 1, w->policy, CPU_RULE);
        cr_expect_eq(trigger_commit(w->trigger), 1);

        cr_assert_eq(w->n_started, 1);
        cr_expect_eq(w->started[0].subject.unit, &w->unit);
        cr_expect_eq(cooldown_left(w->cooldown, "a.service", "w", PROFILE_KIND_ON_CPU, 0), 0);
}

Test(test_trigger, silence_of_zero_is_none) {
        _cleanup_(world_freep) World *w = world_new();
        _cleanup_(policy_unrefp) Policy *p = fake_policy("none", "[Policy]\nUnit=*\nSilence=0\n" RULES);

        cr_expect_eq(world_second(w, 100, 0, p), 1);
        cr_expect_eq(world_second(w, 101, 0, p), 1);
}

Test(test_trigger, more_causes_than_a_request_holds_are_counted) {
        _cleanup_(world_freep) World *w = world_new();

        world_begin(w, 100);
        for (unsigned i = 0; i < TRIGGER_CAUSES_MAX + 4; i++)
                world_add_process(w, 0, w->policy, CPU_RULE);
        world_add_process(w, 0, w->other, CPU_RULE);
        cr_assert_eq(trigger_commit(w->trigger), 1);
        cr_expect_eq(w->started[0].n_causes, TRIGGER_CAUSES_MAX);
        cr_expect_eq(w->started[0].n_causes_dropped, 5);
        cr_expect_eq(w->started[0].duration_usec, 2 * USEC_PER_MINUTE);
}

Test(test_trigger, more_subjects_than_a_second_holds_are_counted_and_come_later) {
        _cleanup_(world_freep) World *w = world_new();
        enum { N = TRIGGER_REQUESTS_MAX + 20 };
        static Process many[N];
        static char many_names[N][16];

        for (unsigned i = 0; i < N; i++) {
                (void) snprintf(many_names[i], sizeof(many_names[i]), "x#%u", i);
                many[i] = fake_process((pid_t) i + 100, many_names[i], &w->unit);
        }

        world_begin(w, 100);
        for (unsigned i = 0; i < N; i++)
                world_add(w, (Subject){ .process = many + i }, w->policy, CPU_RULE);
        cr_expect_eq(trigger_commit(w->trigger), TRIGGER_REQUESTS_MAX);
        cr_expect_eq(trigger_counters(w->trigger)->n_over_cap, 20);

        world_begin(w, 101);
        for (unsigned i = 0; i < N; i++)
                world_add(w, (Subject){ .process = many + i }, w->policy, CPU_RULE);
        cr_expect_eq(trigger_commit(w->trigger), 20, "the silent ones take no place");
}

Test(test_trigger, load_profiles_the_busiest_only) {
        static const double percents[] = { 5, 0, 70, 40, 300, 41, 0, 1 };
        static const int expected[] = { 4, 2, 5 };
        _cleanup_(world_freep) World *w = world_new();

        world_begin(w, 100);
        for (size_t i = 0; i < ELEMENTSOF(percents); i++) {
                fake_process_use_cpu(w->processes + i, percents[i]);
                world_add_process(w, i, w->policy, LOAD_RULE);
                world_add_process(w, i, w->policy, LOAD_RULE_HIGHER);
        }
        cr_expect_eq(trigger_commit(w->trigger), ELEMENTSOF(expected));

        cr_assert_eq(w->n_started, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                cr_expect_eq(w->started[i].subject.process, w->processes + expected[i]);
                cr_expect_eq(w->started[i].n_causes, 2, "both rules");
        }

        /* They are silent now, and the next busiest are no substitute. */
        world_begin(w, 101);
        for (size_t i = 0; i < ELEMENTSOF(percents); i++)
                world_add_process(w, i, w->policy, LOAD_RULE);
        cr_expect_eq(trigger_commit(w->trigger), 0);
}

Test(test_trigger, load_profiles_nothing_that_uses_no_cpu) {
        _cleanup_(world_freep) World *w = world_new();

        fake_process_use_cpu(w->processes + 1, 0);
        world_begin(w, 100);
        world_add_process(w, 0, w->policy, LOAD_RULE); /* not measured yet */
        world_add_process(w, 1, w->policy, LOAD_RULE);
        cr_expect_eq(trigger_commit(w->trigger), 0);
        cr_expect_eq(w->n_started, 0);
}

Test(test_trigger, each_policy_has_its_own_busiest_and_they_merge) {
        _cleanup_(world_freep) World *w = world_new();
        size_t n_causes[ELEMENTSOF(w->processes)] = {};

        world_begin(w, 100);
        for (size_t i = 0; i < 6; i++) {
                fake_process_use_cpu(w->processes + i, 10 * (double) (i + 1));
                world_add_process(w, i, w->policy, LOAD_RULE);
                if (i < 4)
                        world_add_process(w, i, w->other, LOAD_RULE);
        }
        world_add_process(w, 0, w->other, CPU_RULE);
        cr_expect_eq(trigger_commit(w->trigger), 6);

        cr_assert_eq(w->n_started, 6);
        for (size_t i = 0; i < w->n_started; i++)
                n_causes[w->started[i].subject.process - w->processes] = w->started[i].n_causes;
        cr_expect_eq(n_causes[0], 1, "not for the load but for its own CPU");
        cr_expect_eq(n_causes[1], 1, "of the other policy");
        cr_expect_eq(n_causes[2], 1, "of the other policy");
        cr_expect_eq(n_causes[3], 2, "of both");
        cr_expect_eq(n_causes[4], 1);
        cr_expect_eq(n_causes[5], 1);
}
