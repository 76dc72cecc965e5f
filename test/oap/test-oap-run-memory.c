/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that ends at each allocation in turn: linked with --wrap. */
#include "basic/log.h"
#include "fake/fake-transport.h"
#include "fake/short-memory.h"
#include "oap/profile-bed.h"
#include "oap/run-bed.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_run_memory, .timeout = 60);

/* Whether memory ended meanwhile. */
static bool has_failed(void) {
        bool failed = short_memory_left == 0;

        short_memory_left = 0;
        return failed;
}

/* Until a query was answered, but that was not handed over yet. */
static void advance_to_answer(RunBed *b) {
        uint64_t n = run_bed_status(b).n_queries;

        for (unsigned i = 0; i < 60 && run_bed_status(b).n_queries == n; i++) {
                b->now_usec += USEC_PER_SEC;
                (void) oap_runs_step(b->runs, b->now_usec, run_bed_now_ms(b));
        }
        cr_assert_gt(run_bed_status(b).n_queries, n);
}

Test(oap_run_memory, item_28_a_task_for_which_there_was_no_memory_is_asked_for_again) {
        unsigned n_failed = 0;

        log_set_max_level(LOG_ERR);
        for (unsigned at = 1;; at++) {
                _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
                bool failed;

                run_bed_advance(b, 30);
                run_bed_ask(b, "T1", 60);
                run_bed_ask(b, "T2", 60)->target = "NETWORK";
                b->start_error = -EBUSY;
                advance_to_answer(b);

                short_memory_left = at;
                oap_client_dispatch(b->client, b->now_usec);
                (void) oap_runs_step(b->runs, b->now_usec, run_bed_now_ms(b));
                failed = has_failed();
                n_failed += failed;

                b->start_error = 0;
                run_bed_advance(b, 100);
                cr_assert_eq(run_bed_n_runs(b), 0);
                cr_assert_eq(b->n_starts, 1, "allocation %u", at);
                cr_assert(run_bed_told(b, "T1", "p0", OAP_TARGET_ON_CPU));
                cr_assert_geq(run_bed_status(b).n_refused, 1);
                if (!failed)
                        break;
        }

        cr_expect_gt(n_failed, 4);
}

Test(oap_run_memory, item_33_data_for_which_there_was_no_memory_comes_with_the_next) {
        unsigned n_failed = 0;

        for (unsigned at = 1;; at++) {
                _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
                _cleanup_(symbols_freep) Symbols *symbols = NULL;
                const Frame frame = profile_bed_user(0, 1);
                bool failed;
                int r;

                run_bed_ask(b, "T1", 60);
                b->is_late = true;
                run_bed_advance(b, 12);
                cr_assert_eq(b->n_starts, 1);
                cr_assert_geq(profile_add(b->recordings[0].task->profile, "t", &frame, 1, 0, 7), 0);
                b->recordings[0].n_recorded[PROFILE_KIND_ON_CPU] += 7;
                symbols = profile_bed_symbols(b->recordings[0].task->profile);

                b->is_counted_only = true;
                short_memory_left = at;
                r = oap_runs_task_data(
                                b->runs,
                                b->recordings[0].task,
                                b->recordings[0].task->profile,
                                symbols,
                                false,
                                run_bed_now_ms(b));
                failed = has_failed();
                if (!failed) {
                        cr_assert_eq(r, 0);
                        cr_assert_eq(b->n_counted, 1);
                        break;
                }

                n_failed++;
                cr_assert_eq(r, -ENOMEM, "allocation %u", at);
                cr_assert_eq(b->n_counted, 0);
                b->is_counted_only = b->is_late = false;
                run_bed_advance(b, 60);
                cr_assert_eq(run_bed_told(b, "T1", "p0", OAP_TARGET_ON_CPU)->analysis.n_count,
                             b->recordings[0].n_recorded[PROFILE_KIND_ON_CPU]);
        }

        cr_expect_gt(n_failed, 10);
}

Test(oap_run_memory, item_21_a_report_for_which_there_was_no_memory_is_no_run) {
        unsigned n_failed = 0;

        for (unsigned at = 1;; at++) {
                _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
                BedRecording *r = run_bed_record(
                                b, 0, PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), 60 * USEC_PER_SEC);
                bool failed;
                int k;

                r->task->causes = calloc(1, sizeof(TaskCause));
                cr_assert(r->task->causes);
                r->task->n_causes = 1;
                r->task->causes[0] =
                                (TaskCause){ .metric = strdup("process-cpu"), .threshold = 8, .value = 9 };

                b->is_counted_only = true;
                short_memory_left = at;
                k = oap_runs_task_started(b->runs, r->task, b->identities, run_bed_now_ms(b));
                failed = has_failed();
                cr_assert_eq(k, failed ? -ENOMEM : 0, "allocation %u", at);
                cr_assert_eq(b->n_counted, !failed);
                cr_assert_eq(run_bed_n_runs(b), !failed);
                if (!failed)
                        break;

                n_failed++;
                run_bed_advance(b, 70);
        }

        cr_expect_gt(n_failed, 3);
}
