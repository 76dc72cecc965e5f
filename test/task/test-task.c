/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(task, .timeout = 5);

#define NOW_REALTIME_USEC (UINT64_C(1795230605) * USEC_PER_SEC) /* 2026-11-21 03:10:05 UTC */

static Task *make_task(void) {
        Task *t = NULL;

        cr_assert_eq(task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), NOW_REALTIME_USEC, 0x0f3c, &t), 0);
        return t;
}

Test(task, id_is_the_start_in_utc_and_four_hex_digits) {
        _cleanup_(task_freep) Task *t = make_task();

        cr_expect_str_eq(t->id, "20261121T031005-0f3c");
        cr_expect(task_id_is_valid(t->id));
        cr_expect_eq(t->state, TASK_STATE_PENDING);
        cr_expect_null(t->profile);
}

Test(task, a_time_beyond_four_digits_of_year_has_no_id) {
        _cleanup_(task_freep) Task *t = NULL;

        cr_expect_eq(task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU),
                              UINT64_C(253402300800) * USEC_PER_SEC,
                              1,
                              &t),
                     -ERANGE);
        cr_expect_null(t);
}

Test(task, only_ids_of_the_form_are_valid) {
        static const struct {
                const char *id;
                bool valid;
        } table[] = {
                { "20261121T031005-9f3c", true },
                { "00000000T000000-0000", true },
                { "", false },
                { NULL, false },
                { "20261121T031005-9f3", false },
                { "20261121T031005-9f3c0", false },
                { "20261121T031005-9F3C", false },
                { "20261121T031005-9f3g", false },
                { "20261121t031005-9f3c", false },
                { "20261121T031005_9f3c", false },
                { "2026112aT031005-9f3c", false },
                { "../../etc/passwd", false },
                { "20261121T03100/-9f3c", false },
                { "20261121T031005-9f3c\n", false },
                { " 0261121T031005-9f3c", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                cr_expect_eq(task_id_is_valid(table[i].id), table[i].valid, "row %zu: %s", i, table[i].id);
}

Test(task, every_state_has_a_name_that_reads_back) {
        for (int s = 0; s < _TASK_STATE_MAX; s++) {
                const char *name = task_state_to_string((TaskState) s);

                cr_assert_not_null(name);
                cr_expect_eq(task_state_from_string(name), s);
        }

        cr_expect_null(task_state_to_string(_TASK_STATE_MAX));
        cr_expect_null(task_state_to_string(_TASK_STATE_INVALID));
        cr_expect_eq(task_state_from_string("Running"), _TASK_STATE_INVALID);
        cr_expect_eq(task_state_from_string(""), _TASK_STATE_INVALID);
}

Test(task, steps_are_those_of_the_table_and_no_others) {
        static const char table[_TASK_STATE_MAX][_TASK_STATE_MAX + 1] = {
                /* to: PRFXS (pending, running, finished, failed, stopped) */
                [TASK_STATE_PENDING] = ".+.++",  [TASK_STATE_RUNNING] = "..+++",
                [TASK_STATE_FINISHED] = ".....", [TASK_STATE_FAILED] = ".....",
                [TASK_STATE_STOPPED] = ".....",
        };

        for (int from = 0; from < _TASK_STATE_MAX; from++)
                for (int to = 0; to < _TASK_STATE_MAX; to++) {
                        _cleanup_(task_freep) Task *t = make_task();
                        bool allowed = table[from][to] == '+';

                        t->state = (TaskState) from;
                        cr_expect_eq(task_set_state(t, (TaskState) to, "because", (TaskInstant){ 1, 2 }),
                                     allowed ? 0 : -EINVAL,
                                     "%i to %i",
                                     from,
                                     to);
                        cr_expect_eq(t->state, (TaskState) (allowed ? to : from), "%i to %i", from, to);
                }
}

Test(task, a_state_that_is_none_is_refused) {
        _cleanup_(task_freep) Task *t = make_task();

        cr_expect_eq(task_set_state(t, _TASK_STATE_MAX, "x", (TaskInstant){ 1, 2 }), -EINVAL);
        cr_expect_eq(task_set_state(t, _TASK_STATE_INVALID, "x", (TaskInstant){ 1, 2 }), -EINVAL);
        cr_expect_eq(t->state, TASK_STATE_PENDING);
}

Test(task, begin_and_end_are_noted_with_the_reason) {
        _cleanup_(task_freep) Task *t = make_task();
        char reason[] = "duration reached";

        cr_assert_eq(task_set_state(t, TASK_STATE_RUNNING, NULL, (TaskInstant){ 100, 1100 }), 0);
        cr_expect_not(task_is_over(t));
        cr_expect_eq(t->started.monotonic_usec, 100);
        cr_expect_eq(t->started.realtime_usec, 1100);
        cr_expect_null(t->reason);

        cr_assert_eq(task_set_state(t, TASK_STATE_FINISHED, reason, (TaskInstant){ 200, 1200 }), 0);
        memset(reason, 'x', strlen(reason)); /* it keeps a copy */
        cr_expect(task_is_over(t));
        cr_expect_eq(t->started.monotonic_usec, 100);
        cr_expect_eq(t->ended.monotonic_usec, 200);
        cr_expect_eq(t->ended.realtime_usec, 1200);
        cr_expect_str_eq(t->reason, "duration reached");
}

Test(task, a_refused_step_changes_nothing) {
        _cleanup_(task_freep) Task *t = make_task();

        cr_assert_eq(task_set_state(t, TASK_STATE_FAILED, "first", (TaskInstant){ 1, 2 }), 0);
        cr_assert_eq(task_set_state(t, TASK_STATE_FINISHED, "second", (TaskInstant){ 3, 4 }), -EINVAL);

        cr_expect_str_eq(t->reason, "first");
        cr_expect_eq(t->ended.monotonic_usec, 1);
        cr_expect_eq(t->started.monotonic_usec, 0, "it never ran");
}

Test(task, complete_stacks_are_those_that_are_known_to_reach_the_root) {
        static const struct {
                unsigned end;
                double percent; /* of ten stacks, six of which end that way and two at the root */
        } rows[] = {
                { CPROF_END_ROOT, 80 },       { CPROF_END_FRAME_POINTER, 80 }, { CPROF_END_NO_MAPPING, 20 },
                { CPROF_END_NO_ROW, 20 },     { CPROF_END_UNSUPPORTED, 20 },   { CPROF_END_REGISTER, 20 },
                { CPROF_END_UNREADABLE, 20 }, { CPROF_END_BACKWARDS, 20 },     { CPROF_END_TRUNCATED, 20 },
                { CPROF_END_HELPER, 20 },     { CPROF_END_NONE, 20 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(task_freep) Task *t = make_task();

                cr_expect_lt(task_quality_complete_percent(t), 0, "nothing is known");
                t->quality.n_stacks_user = 10;
                t->quality.ends[CPROF_END_ROOT] = 2;
                t->quality.ends[rows[i].end] += 6;
                cr_expect_float_eq(task_quality_complete_percent(t), rows[i].percent, 1e-9, "row %zu", i);
        }
}

Test(task, shares_that_are_not_known_are_none) {
        _cleanup_(task_freep) Task *t = make_task();

        cr_expect_lt(task_quality_named_percent(t), 0);
        cr_expect_lt(task_cost_percent(t), 0);

        t->quality.n_frames = 200;
        t->quality.n_frames_named = 150;
        t->cost.wall_nsec = 1;
        t->cost.host_share_ppm = 3000;
        cr_expect_float_eq(task_quality_named_percent(t), 75, 1e-9);
        cr_expect_float_eq(task_cost_percent(t), 0.3, 1e-9);
}

Test(task, each_end_has_a_name_of_its_own) {
        for (unsigned i = 0; i < CPROF_END_MAX; i++)
                for (unsigned k = 0; k < i; k++)
                        cr_expect_str_neq(task_end_to_string(i), task_end_to_string(k));

        cr_expect_null(task_end_to_string(CPROF_END_MAX));
}
