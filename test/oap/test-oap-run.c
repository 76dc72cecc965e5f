/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/log.h"
#include "fake/fake-transport.h"
#include "oap/run-bed.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_run, .timeout = 60);

#define POLLS_SEC 12U /* one poll at least */

/* Runs of @b until there is nothing under way. */
static void finish(RunBed *b) {
        for (unsigned i = 0; i < 4000 && run_bed_n_runs(b) > 0; i++)
                run_bed_advance(b, 1);

        cr_assert_eq(run_bed_n_runs(b), 0);
}

Test(oap_run, item_01_25_tasks_are_asked_for_by_the_agent_of_the_registry_about_each_ten_seconds) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_advance(b, 600);
        cr_expect_str_eq(b->agent, "agent-1");
        cr_expect_eq(b->since_ms, 0, "nothing was told yet");
        cr_expect_geq(run_bed_status(b).n_queries, 600 / 11 - 2);
        cr_expect_leq(run_bed_status(b).n_queries, 600 / 9 + 1);
        cr_expect_eq(fake_transport_n_started(b->transport, "queryTasks"), run_bed_status(b).n_queries);
}

Test(oap_run, item_25_26_a_task_is_recorded_told_and_ends_with_its_time) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        BedTold *told;
        BedTask *t;

        run_bed_advance(b, 30);
        t = run_bed_ask(b, "T1", 60);
        run_bed_advance(b, POLLS_SEC);
        cr_assert_eq(b->n_starts, 1);
        cr_expect_eq(run_bed_n_runs(b), 1);
        cr_expect_eq(run_bed_status(b).n_started, 1);
        cr_expect_eq(b->now_usec / USEC_PER_MSEC * 1000, b->now_usec);

        run_bed_advance(b, 20);
        told = run_bed_told(b, "T1", "p0", OAP_TARGET_ON_CPU);
        cr_assert(told, "told while it runs");
        cr_expect_not(told->is_ours);
        cr_expect_eq(told->pid, 100);

        finish(b);
        cr_expect_eq(b->n_starts, 1);
        cr_expect_eq(told->analysis.n_count, b->recordings[0].n_recorded[PROFILE_KIND_ON_CPU]);
        cr_expect_leq(told->last_ms, t->start_ms + 61 * 1000);
        cr_expect_geq(told->n_flushes, 8);

        run_bed_advance(b, 300);
        cr_expect_eq(b->n_starts, 1, "not again, though OAP tells it once more");
        cr_expect_eq(b->since_ms, t->update_ms - 30 * 1000, "the overlap");
}

Test(oap_run, item_33_waits_have_their_time) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        BedTold *told;

        run_bed_ask(b, "T1", 40)->target = "OFF_CPU";
        run_bed_advance(b, POLLS_SEC);
        finish(b);

        told = run_bed_told(b, "T1", "p0", OAP_TARGET_OFF_CPU);
        cr_assert(told);
        cr_expect_eq(told->analysis.n_count, b->recordings[0].n_recorded[PROFILE_KIND_OFF_CPU]);
        cr_expect_eq(told->analysis.n_duration, 1000 * told->analysis.n_count);
}

Test(oap_run, item_26_expired_tasks_are_dropped_and_counted_once) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        BedTask *t = run_bed_ask(b, "T1", 60);

        t->start_ms -= 61 * 1000;
        t->update_ms = t->start_ms;
        run_bed_advance(b, 120);
        cr_expect_eq(b->n_starts, 0);
        cr_expect_eq(run_bed_status(b).n_expired, 1);
        cr_expect_eq(run_bed_n_runs(b), 0);
}

Test(oap_run, item_26_the_rest_of_a_task_that_began_before_us_is_recorded) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        BedTask *t = run_bed_ask(b, "T1", 300);

        t->start_ms -= 200 * 1000;
        t->update_ms = t->start_ms;
        run_bed_advance(b, POLLS_SEC);
        cr_assert_eq(b->n_starts, 1);
        cr_expect_leq(b->started_usec, 100 * USEC_PER_SEC);
        cr_expect_geq(b->started_usec, 88 * USEC_PER_SEC);
}

Test(oap_run, item_26_a_future_task_starts_at_its_time) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        BedTask *t = run_bed_ask(b, "T1", 30);

        t->start_ms += 100 * 1000;
        run_bed_advance(b, 99);
        cr_expect_eq(b->n_starts, 0);
        cr_expect_eq(run_bed_n_runs(b), 1, "it waits");
        run_bed_advance(b, 2);
        cr_expect_eq(b->n_starts, 1);
        cr_expect_geq(b->started_usec, 29 * USEC_PER_SEC);
        finish(b);
        cr_expect(run_bed_told(b, "T1", "p0", OAP_TARGET_ON_CPU));
}

Test(oap_run, item_26_processes_of_one_task_are_recorded_in_parallel) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        for (unsigned i = 0; i < BED_PROCESSES; i++)
                (void) snprintf(run_bed_ask(b, "T1", 60)->process, 16, "p%u", i);
        run_bed_advance(b, POLLS_SEC);
        cr_expect_eq(b->n_starts, BED_PROCESSES);

        finish(b);
        for (unsigned i = 0; i < BED_PROCESSES; i++) {
                char process[16];
                BedTold *told;

                (void) snprintf(process, sizeof(process), "p%u", i);
                told = run_bed_told(b, "T1", process, OAP_TARGET_ON_CPU);
                cr_assert(told);
                cr_expect_eq(told->pid, 100 + i);
        }
}

Test(oap_run, item_26_overlapping_tasks_of_one_process_share_a_recording) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        BedTold *one, *two;

        run_bed_ask(b, "T1", 90);
        run_bed_advance(b, 40);
        run_bed_ask(b, "T2", 90);
        run_bed_advance(b, 20);
        cr_expect_eq(run_bed_n_runs(b), 2);
        cr_expect_eq(b->n_starts, 1, "there is one recording of a kind");

        finish(b);
        cr_expect_eq(b->n_starts, 2, "the rest of the second one");
        one = run_bed_told(b, "T1", "p0", OAP_TARGET_ON_CPU);
        two = run_bed_told(b, "T2", "p0", OAP_TARGET_ON_CPU);
        cr_assert(one);
        cr_assert(two);
        cr_expect_eq(one->analysis.n_count, b->recordings[0].n_recorded[PROFILE_KIND_ON_CPU]);
        cr_expect_lt(two->analysis.n_count,
                     one->analysis.n_count + b->recordings[1].n_recorded[PROFILE_KIND_ON_CPU],
                     "what was there before is not its own");
        cr_expect_gt(two->analysis.n_count, b->recordings[1].n_recorded[PROFILE_KIND_ON_CPU]);
}

Test(oap_run, item_27_a_longer_duration_extends) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        int64_t start_ms, first_ms;
        BedTold *told;
        BedTask *t;

        t = run_bed_ask(b, "T1", 60);
        first_ms = t->start_ms;
        run_bed_advance(b, 40);
        told = run_bed_told(b, "T1", "p0", OAP_TARGET_ON_CPU);
        cr_assert(told);
        start_ms = told->start_ms;

        t->duration_sec = 150;
        t->update_ms = run_bed_oap_ms(b);
        finish(b);
        cr_expect_eq(told->start_ms, start_ms);
        cr_expect_geq(told->last_ms, first_ms + 145 * 1000);
        cr_expect_leq(told->last_ms, first_ms + 152 * 1000);
        cr_expect_eq(b->n_starts, 2, "the first recording had the length of the first request");

        /* and once more when it is over */
        t->duration_sec = 300;
        t->update_ms = run_bed_oap_ms(b);
        run_bed_advance(b, POLLS_SEC);
        cr_expect_eq(run_bed_n_runs(b), 1);
        finish(b);
        cr_expect_eq(told->start_ms, start_ms, "one schedule still");
        cr_expect_geq(told->last_ms, first_ms + 295 * 1000);
}

Test(oap_run, item_28_the_cursor_waits_for_a_process_that_is_not_known_yet) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        int64_t update_ms;

        b->is_gone[1] = true;
        run_bed_advance(b, 30);
        update_ms = run_bed_oap_ms(b);
        strcpy(run_bed_ask(b, "T1", 300)->process, "p1");
        run_bed_advance(b, 60);
        run_bed_ask(b, "T2", 30);
        run_bed_advance(b, 60);
        cr_expect(run_bed_told(b, "T2", "p0", OAP_TARGET_ON_CPU));
        cr_expect_lt(b->since_ms, update_ms);
        cr_expect_eq(b->n_starts, 1);

        /* an answer that OAP's own trouble made empty says nothing */
        b->is_broken = true;
        run_bed_advance(b, 30);
        b->is_broken = false;

        b->is_gone[1] = false;
        run_bed_advance(b, POLLS_SEC);
        cr_expect_eq(b->n_starts, 2);
        run_bed_advance(b, POLLS_SEC);
        cr_expect_gt(b->since_ms, update_ms, "it moves on");
        finish(b);
        cr_expect(run_bed_told(b, "T1", "p1", OAP_TARGET_ON_CPU));
}

Test(oap_run, item_28_a_process_that_never_is_known_expires) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        strcpy(run_bed_ask(b, "T1", 60)->process, "elsewhere");
        run_bed_advance(b, 300);
        cr_expect_eq(b->n_starts, 0);
        cr_expect_eq(run_bed_status(b).n_expired, 1);
        cr_expect_gt(b->since_ms, 0);
}

Test(oap_run, item_25_what_this_build_cannot_is_refused_once) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();

        run_bed_ask(b, "T1", 60)->target = "NETWORK";
        run_bed_ask(b, "T2", 60)->target = "GPU";
        run_bed_ask(b, "T3", 60)->trigger = "CONTINUOUS_PROFILING";
        run_bed_ask(b, "T4", 0);
        run_bed_ask(b, "T5", 60)->update_ms += INT64_C(30) * 24 * 3600 * 1000;
        run_bed_ask(b, "T6", 60)->start_ms += INT64_C(8) * 24 * 3600 * 1000;
        run_bed_advance(b, 120);
        cr_expect_eq(b->n_starts, 0);
        cr_expect_eq(run_bed_status(b).n_refused, 6);
        cr_expect_eq(run_bed_status(b).n_expired, 0);
        cr_expect_eq(run_bed_n_runs(b), 0);

        run_bed_ask(b, "T7", 60);
        run_bed_advance(b, POLLS_SEC);
        cr_expect_eq(b->n_starts, 1, "T5's time did not move the cursor past it");
}

/* What is on standard error, for the journal. */
static size_t count_said(FILE *said, const char *words) {
        char line[1024];
        size_t n = 0;

        rewind(said);
        while (fgets(line, sizeof(line), said))
                n += !!strstr(line, words);
        return n;
}

Test(oap_run, item_25_a_refusal_is_said_once_for_a_task_of_many_processes) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        _cleanup_(fclosep) FILE *said = tmpfile();

        cr_assert(said);
        cr_assert_geq(dup2(fileno(said), STDERR_FILENO), 0);
        for (unsigned i = 0; i < 50; i++) {
                BedTask *t = run_bed_ask(b, i % 2 ? "T1" : "T2", 60);

                t->target = "NETWORK";
                (void) snprintf(t->process, sizeof(t->process), "other%u", i);
        }
        run_bed_advance(b, 40);
        cr_expect_eq(run_bed_status(b).n_refused, 50);
        cr_expect_eq(count_said(said, "T1 is refused"), 1);
        cr_expect_eq(count_said(said, "T2 is refused"), 1);
}

Test(oap_run, item_20_what_is_recorded_and_what_cannot_be_is_said_once) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        _cleanup_(fclosep) FILE *said = tmpfile();

        cr_assert(said);
        cr_assert_geq(dup2(fileno(said), STDERR_FILENO), 0);
        b->start_error = -EBUSY;
        b->start_message = "16 tasks run already";
        run_bed_ask(b, "T1", 200);
        run_bed_advance(b, 100);
        cr_expect_eq(count_said(said, "16 tasks run already"), 1);
        cr_expect_eq(count_said(said, "recorded"), 0);
        b->start_error = 0;
        run_bed_advance(b, 150);
        cr_expect_eq(count_said(said, "OAP's task T1 has on-cpu of 'p0' recorded."), 1);
}

/* Whatever a server says: nothing overflows, runs are bounded, and what is sensible is still done. */
Test(oap_run, item_25_numbers_of_any_size_do_no_harm) {
        static const int64_t numbers[] = {
                0,
                1,
                59,
                86400,
                86401,
                INT64_C(1) << 31,
                INT64_C(1) << 53,
                BED_START_MS,
                BED_START_MS + 86400000,
        };
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        char name[32];

        log_set_max_level(LOG_ERR);
        for (size_t i = 0; i < BED_TASKS_MAX - 1; i++) {
                BedTask *t;

                (void) snprintf(name, sizeof(name), "T%zu", i);
                t = run_bed_ask(b, name, numbers[i % ELEMENTSOF(numbers)]);
                t->start_ms = numbers[i / ELEMENTSOF(numbers) % ELEMENTSOF(numbers)];
                t->update_ms = numbers[i / ELEMENTSOF(numbers) / ELEMENTSOF(numbers) % ELEMENTSOF(numbers)];
        }
        for (unsigned i = 0; i < 60; i++) {
                run_bed_advance(b, 10);
                cr_assert_leq(run_bed_n_runs(b), OAP_RUNS_MAX);
        }
        cr_expect_lt(b->since_ms, run_bed_now_ms(b));

        strcpy(run_bed_ask(b, "last", 60)->process, "p1");
        run_bed_advance(b, 100);
        cr_expect(run_bed_told(b, "last", "p1", OAP_TARGET_ON_CPU));
}
