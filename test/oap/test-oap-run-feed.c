/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings of ours begin, fail, end and are stopped while OAP's tasks last. */
#include "oap/run-bed.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_run_feed, .timeout = 60);

#define POLLS_SEC 12U

static uint64_t recorded(const RunBed *b, size_t i) {
        return b->recordings[i].n_recorded[PROFILE_KIND_ON_CPU];
}

static uint64_t told(RunBed *b, const char *task) {
        const BedTold *t = run_bed_told(b, task, "p0", OAP_TARGET_ON_CPU);

        return t ? t->analysis.n_count : 0;
}

Test(oap_run_feed, item_20_what_cannot_start_is_tried_again_while_there_is_time) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        b->start_error = -EBUSY;
        b->start_message = "16 tasks run already";
        run_bed_ask(b, "T1", 300);
        run_bed_advance(b, 120);
        cr_expect_geq(b->n_start_calls, 5, "1, 2, 4, 8, … s");
        cr_expect_leq(b->n_start_calls, 9);
        cr_expect_eq(run_bed_status(b).n_started, 0);

        b->start_error = 0;
        run_bed_advance(b, 60);
        cr_expect_eq(b->n_starts, 1);
        cr_expect_eq(run_bed_status(b).n_started, 1);
        run_bed_advance(b, 130);
        cr_expect_eq(run_bed_n_runs(b), 0);
        cr_expect_eq(told(b, "T1"), recorded(b, 0));
}

Test(oap_run_feed, item_20_what_never_starts_ends_with_its_time) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        b->start_error = -EOPNOTSUPP;
        run_bed_ask(b, "T1", 300);
        run_bed_advance(b, 310);
        cr_expect_eq(run_bed_n_runs(b), 0);
        cr_expect_eq(run_bed_status(b).n_started, 0);
        cr_expect_eq(b->n_told, 0);
        cr_expect_leq(b->n_start_calls, 12);
}

Test(oap_run_feed, item_33_what_a_recording_had_before_is_not_the_runs) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        uint64_t before;

        cr_assert(run_bed_record(b, 0, PROFILE_KINDS_ALL, 200 * USEC_PER_SEC));
        run_bed_advance(b, 50);
        run_bed_ask(b, "T1", 60)->start_ms += 20 * 1000;
        run_bed_advance(b, 20);
        before = recorded(b, 0);
        run_bed_advance(b, 60);
        cr_expect_eq(b->n_starts, 0, "it is recorded already");

        run_bed_advance(b, 20);
        cr_expect_eq(run_bed_n_runs(b), 0, "the run is over, the recording is not");
        cr_expect_gt(before, 0);
        cr_expect_lt(told(b, "T1"), recorded(b, 0) - before);
        cr_expect_gt(told(b, "T1"), (recorded(b, 0) - before) / 2);
}

/* Second by second, until something of ours feeds the only run. */
static void advance_until_fed(RunBed *b) {
        for (unsigned i = 0; i < 600; i++) {
                _cleanup_(freep) OapRunInfo *infos = NULL;
                size_t n;

                cr_assert_eq(oap_runs_list(b->runs, &infos, &n), 0);
                if (n > 0 && infos[0].ours[0])
                        return;
                run_bed_advance(b, 1);
        }

        cr_assert_fail("nothing does");
}

static void advance_to(RunBed *b, int64_t at_ms) {
        while (run_bed_now_ms(b) < at_ms)
                run_bed_advance(b, 1);
}

Test(oap_run_feed, item_33_what_a_run_had_without_names_is_told_when_it_is_over) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        uint64_t n;

        cr_assert(run_bed_record(b, 0, PROFILE_KINDS_ALL, 600 * USEC_PER_SEC));
        b->has_no_names = true; /* but those of the first seconds */
        run_bed_advance(b, 10);
        run_bed_ask(b, "T1", 60);
        advance_until_fed(b);
        n = recorded(b, 0);
        advance_to(b, b->tasks[0].start_ms + 60 * 1000);
        n = recorded(b, 0) - n;

        run_bed_advance(b, 4);
        cr_expect_eq(run_bed_n_runs(b), 1);
        cr_expect_lt(told(b, "T1"), n);
        run_bed_advance(b, 10);
        cr_expect_eq(run_bed_n_runs(b), 0);
        cr_expect_eq(told(b, "T1"), n);
}

Test(oap_run_feed, item_27_a_run_that_just_ended_is_taken_up_again) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        uint64_t first, second;

        cr_assert(run_bed_record(b, 0, PROFILE_KINDS_ALL, 600 * USEC_PER_SEC));
        run_bed_ask(b, "T1", 60);
        advance_until_fed(b);
        first = recorded(b, 0);
        b->is_late = true;
        advance_to(b, b->tasks[0].start_ms + 60 * 1000);
        first = recorded(b, 0) - first;
        run_bed_advance(b, 3);
        cr_assert_eq(run_bed_n_runs(b), 1, "it waits for its last data");

        b->tasks[0].duration_sec = 200;
        b->tasks[0].update_ms = run_bed_oap_ms(b);
        advance_until_fed(b);
        second = recorded(b, 0);
        b->is_late = false;
        advance_to(b, b->tasks[0].start_ms + 200 * 1000);
        second = recorded(b, 0) - second;
        run_bed_advance(b, 10);
        cr_expect_eq(run_bed_n_runs(b), 0);
        cr_expect_eq(b->n_starts, 0);
        cr_expect_eq(told(b, "T1"), first + second);
}

Test(oap_run_feed, when_a_recording_ends_and_time_is_left_another_one_is_started) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        b->delay_usec = 7 * USEC_PER_SEC; /* its last data comes when the next one has begun */
        cr_assert(run_bed_record(b, 0, PROFILE_KINDS_ALL, 30 * USEC_PER_SEC));
        run_bed_ask(b, "T1", 100);
        run_bed_advance(b, 33);
        cr_expect_eq(b->n_starts, 1);
        run_bed_advance(b, 80);
        cr_expect_eq(run_bed_n_runs(b), 0);
        cr_expect_lt(told(b, "T1"), recorded(b, 0) + recorded(b, 1));
        cr_expect_gt(told(b, "T1"), recorded(b, 1));
}

Test(oap_run_feed, a_recording_that_was_stopped_here_is_not_started_again) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_ask(b, "T1", 300);
        run_bed_advance(b, 30);
        cr_assert_eq(b->n_starts, 1);
        run_bed_stop(b, b->recordings, TASK_STATE_STOPPED);
        run_bed_advance(b, 60);
        cr_expect_eq(b->n_starts, 1);
        cr_expect_eq(told(b, "T1"), recorded(b, 0));

        /* what somebody else records is its all the same */
        cr_assert(run_bed_record(b, 0, PROFILE_KINDS_ALL, 30 * USEC_PER_SEC));
        run_bed_advance(b, 60);
        cr_expect_eq(told(b, "T1"), recorded(b, 0) + recorded(b, 1));
        run_bed_advance(b, 200);
        cr_expect_eq(run_bed_n_runs(b), 0);
}

Test(oap_run_feed, a_recording_of_somebody_else_that_was_stopped_is_followed_by_one_of_the_runs) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        cr_assert(run_bed_record(b, 0, PROFILE_KINDS_ALL, 300 * USEC_PER_SEC));
        run_bed_ask(b, "T1", 300);
        run_bed_advance(b, 30);
        run_bed_stop(b, b->recordings, TASK_STATE_STOPPED);
        run_bed_advance(b, 5);
        cr_expect_eq(b->n_starts, 1);
}

Test(oap_run_feed, recordings_that_fail_at_once_are_not_started_each_second) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_ask(b, "T1", 300);
        for (unsigned i = 0; i < 300; i++) {
                BedRecording *r = run_bed_recording(b, 0, PROFILE_KIND_ON_CPU);

                if (r)
                        run_bed_stop(b, r, TASK_STATE_FAILED);
                run_bed_advance(b, 1);
        }
        cr_expect_geq(b->n_starts, 5);
        cr_expect_leq(b->n_starts, 12);
}

Test(oap_run_feed, a_run_goes_on_with_the_process_that_has_the_names_next) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_ask(b, "T1", 120);
        run_bed_advance(b, 40);
        run_bed_stop(b, b->recordings, TASK_STATE_FINISHED); /* "process ended" */
        b->is_gone[0] = true;
        run_bed_advance(b, 5);
        b->identities[0].pid = 777;
        b->is_gone[0] = false;
        run_bed_advance(b, 20);
        cr_expect_eq(b->n_starts, 2);
        cr_expect_eq(run_bed_told(b, "T1", "p0", OAP_TARGET_ON_CPU)->pid, 777);
        run_bed_advance(b, 60);
        cr_expect_eq(run_bed_n_runs(b), 0);
        cr_expect_eq(told(b, "T1"), recorded(b, 0) + recorded(b, 1));
}

Test(oap_run_feed, a_run_ends_when_its_process_is_gone) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_ask(b, "T1", 600);
        run_bed_advance(b, 40);
        run_bed_stop(b, b->recordings, TASK_STATE_FINISHED);
        b->is_gone[0] = true;
        run_bed_advance(b, 20);
        cr_expect_eq(run_bed_n_runs(b), 0);
        cr_expect_eq(told(b, "T1"), recorded(b, 0));
        run_bed_advance(b, 60);
        cr_expect_eq(run_bed_n_runs(b), 0, "what OAP says again is known");
}

Test(oap_run_feed, item_26_durations_are_capped_and_long_runs_have_several_recordings) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        _cleanup_(freep) OapRunInfo *infos = NULL;
        uint64_t sum = 0;
        size_t n;

        run_bed_ask(b, "T1", INT64_C(1) << 50);
        run_bed_advance(b, POLLS_SEC);
        cr_assert_eq(oap_runs_list(b->runs, &infos, &n), 0);
        cr_assert_eq(n, 1);
        cr_expect_str_eq(infos[0].oap_task, "T1");
        cr_expect_str_eq(infos[0].ours, b->recordings[0].task->id);
        cr_expect_str_eq(infos[0].entity.process, "p0");
        cr_expect_eq(infos[0].target, OAP_TARGET_ON_CPU);
        cr_expect_eq(infos[0].end_ms, BED_START_MS + OAP_RUN_DURATION_MAX_SEC * 1000LL);

        b->delay_usec = 3 * USEC_PER_SEC;
        run_bed_advance(b, 3 * 3600);
        cr_expect_eq(b->n_starts, 4, "an hour each");
        for (size_t i = 0; i < 3; i++)
                sum += recorded(b, i);
        cr_expect_geq(told(b, "T1"), sum);
}

Test(oap_run_feed, no_more_runs_than_the_limit_and_the_others_wait) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        char name[32];

        for (unsigned i = 0; i < OAP_RUNS_MAX + 3; i++) {
                (void) snprintf(name, sizeof(name), "T%u", i);
                run_bed_ask(b, name, i < OAP_RUNS_MAX ? 60 : 200);
        }
        run_bed_advance(b, 30);
        cr_expect_eq(run_bed_n_runs(b), OAP_RUNS_MAX);
        cr_expect_eq(b->n_starts, 1, "of one process");
        run_bed_advance(b, 60);
        cr_expect_eq(run_bed_n_runs(b), 3);
        cr_expect_eq(run_bed_status(b).n_started, OAP_RUNS_MAX + 3);
        cr_expect_eq(run_bed_status(b).n_refused, 0);
}

/* They end as they come, without being told: what is left is freed. */
Test(oap_run_feed, runs_are_freed_in_any_state) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        b->delay_usec = 100 * USEC_PER_SEC;
        run_bed_ask(b, "T1", 20);
        run_bed_ask(b, "T2", 200);
        run_bed_ask(b, "T3", 200)->start_ms += 1000 * 1000;
        run_bed_advance(b, 40);
        cr_expect_eq(run_bed_n_runs(b), 3);
}

Test(oap_run_feed, what_the_spool_does_not_take_is_an_error_of_that_recording_alone) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_ask(b, "T1", 60);
        run_bed_advance(b, 20);
        b->forward_error = -ENOSPC;
        run_bed_advance(b, 20);
        b->forward_error = 0;
        run_bed_advance(b, 40);
        cr_expect_eq(run_bed_n_runs(b), 0);
        cr_expect_gt(told(b, "T1"), 0);
        cr_expect_lt(told(b, "T1"), recorded(b, 0), "counted there, not told twice");
}
