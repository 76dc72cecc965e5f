/* SPDX-License-Identifier: Apache-2.0 */
/* OAP's clock is not ours; its answers are not always answers. */
#include "fake/fake-transport.h"
#include "oap/run-bed.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_run_clock, .timeout = 60);

#define HOUR_MS (INT64_C(3600) * 1000)
#define POLLS_SEC 12U
#define ANSWERS_SEC 200U /* enough answers to know that a task is new */

Test(oap_run_clock, item_26_a_clock_an_hour_ahead_makes_no_task_wait) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        b->ahead_ms = HOUR_MS;
        run_bed_advance(b, 30);
        run_bed_ask(b, "T1", 60);
        run_bed_advance(b, POLLS_SEC);
        cr_assert_eq(b->n_starts, 1);
        cr_expect_geq(b->started_usec, 48 * USEC_PER_SEC);
        cr_expect_leq(b->started_usec, 72 * USEC_PER_SEC);

        run_bed_ask(b, "T2", 60)->start_ms += 100 * 1000;
        strcpy(b->tasks[1].process, "p1");
        run_bed_advance(b, 95);
        cr_expect_eq(b->n_starts, 1, "later is later");
        run_bed_advance(b, 20);
        cr_expect_eq(b->n_starts, 2);
}

Test(oap_run_clock, item_28_tasks_are_found_when_the_clock_was_put_right) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        b->ahead_ms = HOUR_MS;
        run_bed_ask(b, "T1", 30);
        run_bed_advance(b, 60);
        cr_expect_eq(b->n_starts, 1);

        b->ahead_ms = 0;
        run_bed_ask(b, "T2", 30);
        run_bed_advance(b, POLLS_SEC);
        cr_expect_eq(b->n_starts, 2);
        run_bed_advance(b, 120);
        cr_expect_eq(b->n_starts, 2, "what is told again and again is not run again");
        cr_expect_eq(run_bed_status(b).n_expired, 0);
}

Test(oap_run_clock, item_26_a_clock_an_hour_behind_lets_no_new_task_expire) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        b->ahead_ms = -HOUR_MS;
        run_bed_advance(b, ANSWERS_SEC);
        run_bed_ask(b, "T1", 60);
        run_bed_advance(b, POLLS_SEC);
        cr_assert_eq(b->n_starts, 1);
        cr_expect_geq(b->started_usec, 48 * USEC_PER_SEC);
        cr_expect_leq(b->started_usec, 72 * USEC_PER_SEC);
        cr_expect_eq(run_bed_status(b).n_expired, 0);
}

Test(oap_run_clock, item_26_an_old_task_of_a_process_that_is_new_is_not_taken_for_a_new_one) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_advance(b, ANSWERS_SEC);
        b->processes[0].key.start_ticks = (b->now_usec - 30 * USEC_PER_SEC) / (USEC_PER_SEC / 100);
        run_bed_ask(b, "T1", 60)->start_ms -= HOUR_MS;
        b->tasks[0].update_ms -= HOUR_MS;
        run_bed_advance(b, 60);
        cr_expect_eq(b->n_starts, 0);
        cr_expect_eq(run_bed_status(b).n_expired, 1);
}

/* OAP tells nothing of a process in the first half minute. */
Test(oap_run_clock, item_26_an_old_task_after_some_empty_answers_is_not_taken_for_a_new_one) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_advance(b, 45);
        run_bed_ask(b, "T1", 60)->start_ms -= HOUR_MS;
        b->tasks[0].update_ms -= HOUR_MS;
        run_bed_advance(b, ANSWERS_SEC);
        cr_expect_eq(b->n_starts, 0);
        cr_expect_eq(run_bed_status(b).n_expired, 1);
}

Test(oap_run_clock, item_26_an_old_task_of_the_first_answer_is_not_taken_for_a_new_one) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_ask(b, "T1", 60)->start_ms -= HOUR_MS;
        b->tasks[0].update_ms -= HOUR_MS;
        run_bed_advance(b, ANSWERS_SEC);
        cr_expect_eq(b->n_starts, 0);
        cr_expect_eq(run_bed_status(b).n_expired, 1);
}

Test(oap_run_clock, a_step_of_our_wall_clock_changes_no_run) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        BedTold *told;

        run_bed_ask(b, "T1", 120);
        run_bed_advance(b, 40);
        b->wall_ms -= HOUR_MS;
        run_bed_advance(b, 70);
        cr_expect_eq(run_bed_n_runs(b), 1);
        run_bed_advance(b, 20);
        cr_expect_eq(run_bed_n_runs(b), 0);
        cr_expect_eq(b->n_starts, 1);

        told = run_bed_told(b, "T1", "p0", OAP_TARGET_ON_CPU);
        cr_assert(told, "with times that go on rising");
        cr_expect_eq(told->analysis.n_count, b->recordings[0].n_recorded[PROFILE_KIND_ON_CPU]);
}

Test(oap_run_clock, item_28_a_time_that_is_none_moves_no_cursor) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_ask(b, "T1", 60)->update_ms = INT64_C(1) << 52;
        b->tasks[0].start_ms = INT64_C(1) << 52;
        run_bed_advance(b, 30);
        cr_expect_eq(run_bed_status(b).n_refused, 1);
        cr_expect_lt(b->since_ms, run_bed_now_ms(b));
        cr_expect_eq(run_bed_n_runs(b), 0);
}

/* The oldest call gets an answer of the test's. */
static void answer(RunBed *b, const void *bytes, size_t size) {
        OapCall *call = NULL;

        for (unsigned i = 0; i < 120 && !call; i++) {
                run_bed_advance(b, 1);
                call = fake_transport_find(b->transport, "queryTasks");
        }
        cr_assert(call);
        fake_call_answer(call, bytes, size);
        run_bed_advance(b, 1);
}

Test(oap_run_clock, item_39_garbage_is_no_answer) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_advance(b, 30);
        b->is_silent = true;
        answer(b, "\xff\xff\xff\xff", 4);
        answer(b, "\x0a\x05\x0a\x03xyz", 7); /* a command of another name */
        b->is_silent = false;
        run_bed_ask(b, "T1", 60);
        run_bed_advance(b, 2 * POLLS_SEC);
        cr_expect_eq(b->n_starts, 1);
}

Test(oap_run_clock, item_37_a_call_that_fails_is_made_again) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        uint64_t n;

        run_bed_advance(b, 30);
        b->is_silent = true;
        run_bed_advance(b, 60);
        cr_expect_eq(fake_transport_n_waiting(b->transport), 1, "one at a time");
        fake_transport_fail_all(b->transport, OAP_STATUS_DEADLINE_EXCEEDED, NULL);
        b->is_silent = false;
        n = run_bed_status(b).n_queries;
        run_bed_ask(b, "T1", 600);
        run_bed_advance(b, 120);
        cr_expect_gt(run_bed_status(b).n_queries, n);
        cr_expect_eq(b->n_starts, 1);
}

Test(oap_run_clock, more_tasks_than_one_answer_holds_are_asked_for_from_the_newest) {
        static const char one[] = "\x0a\x18\x0a\x16"
                                  "EBPFProfilingTaskQuery";
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        _cleanup_(freep) char *bytes = malloc((OAP_COMMANDS_MAX + 1) * (sizeof(one) - 1));
        int64_t since_ms;

        cr_assert(bytes);
        for (size_t i = 0; i <= OAP_COMMANDS_MAX; i++)
                memcpy(bytes + i * (sizeof(one) - 1), one, sizeof(one) - 1);

        b->is_silent = true;
        for (unsigned i = 0; i < 5; i++)
                answer(b, bytes, (OAP_COMMANDS_MAX + 1) * (sizeof(one) - 1));
        since_ms = b->since_ms;
        answer(b, "", 0);
        cr_expect_gt(b->since_ms, since_ms);
        cr_expect_gt(b->since_ms, run_bed_now_ms(b) - 3 * HOUR_MS);

        b->is_silent = false;
        run_bed_ask(b, "T1", 60);
        run_bed_advance(b, POLLS_SEC);
        cr_expect_eq(b->n_starts, 1);
}

/* What lacks arguments is told each time: counted once. */
Test(oap_run_clock, item_25_commands_that_cannot_be_read_are_counted_once) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        b->is_silent = true;
        for (unsigned i = 0; i < 3; i++)
                answer(b,
                       "\x0a\x18\x0a\x16"
                       "EBPFProfilingTaskQuery",
                       26);
        cr_expect_eq(run_bed_status(b).n_refused, 1);
}
