/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of tasks that were triggered here, and the ids that OAP gives them. */
#include "oap/forward-bed.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

TestSuite(oap_forward_report, .timeout = 60);

#define REPORT "reportProfilingTask"
#define PROFILE "collectProfilingData"

static void let_pass(ForwardBed *b) {
        forward_bed_advance(b, 0);
        forward_bed_advance(b, 2 * OAP_BACKOFF_MAX_USEC);
}

/* Another part of us is answered: OAP is there. */
static void on_other(const OapCallResult *result, void *userdata) {
        (*(unsigned *) userdata)++;
}

static void expect_refused(const ForwardBed *b, const char *reason) {
        char ours[TASK_ID_MAX];

        cr_assert_eq(b->n_refused, 1);
        cr_expect_eq(b->n_known, 0);
        cr_expect_str_eq(b->refused[0].ours, bed_task(1, ours));
        cr_expect_eq(b->refused[0].target, OAP_TARGET_ON_CPU);
        cr_expect_str_eq(b->refused[0].text, reason);
        cr_expect_eq(bed_status(b).n_refused[OAP_SPOOL_REPORT], 1);
        cr_expect_null(oap_forward_task_id(b->forward, ours, OAP_TARGET_ON_CPU));
}

Test(oap_forward_report, item_21_an_answer_without_a_task_id_is_an_error_and_bounded) {
        static const struct {
                const char *bytes, *reason;
                size_t size;
        } rows[] = {
                { "",
                  "OAP gave no task id in 2 attempts: an answer to a report that is not one ContinuousProfilingReportTask",
                  0 },
                { "\x0a\x02\x0a\x00",
                  "OAP gave no task id in 2 attempts: an answer to a report that is not one ContinuousProfilingReportTask",
                  4 },
                { "\xff\xff\xff",
                  "OAP gave no task id in 2 attempts: an answer that is no Commands message",
                  3 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

                cr_assert_eq(bed_report(b, 1, OAP_TARGET_ON_CPU), 0);
                cr_assert_eq(bed_profile(b, 1, NULL, 1, 1), 0);
                for (unsigned k = 0; k < 2; k++) {
                        fake_call_answer(forward_bed_call(b, REPORT), rows[i].bytes, rows[i].size);
                        let_pass(b);
                }
                forward_bed_expect_idle(b);
                expect_refused(b, rows[i].reason);
                cr_expect_eq(fake_transport_n_started(b->transport, REPORT), 2);
                cr_expect_eq(fake_transport_n_started(b->transport, PROFILE), 0);
                cr_expect_eq(bed_status(b).n_refused[OAP_SPOOL_PROFILE], 1);
        }
}

Test(oap_forward_report, item_21_an_id_that_is_no_text_is_none) {
        static const char *const ids[] = { "", "a\nb", "a\tb", "\x80" };

        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

                cr_assert_eq(bed_report(b, 1, OAP_TARGET_ON_CPU), 0);
                for (unsigned k = 0; k < 2; k++) {
                        bed_answer_id(forward_bed_call(b, REPORT), ids[i]);
                        let_pass(b);
                }
                forward_bed_expect_idle(b);
                cr_expect_eq(b->n_refused, 1);
                cr_expect_eq(b->n_known, 0);
        }
}

Test(oap_forward_report, item_23_reports_are_spaced) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

        for (unsigned i = 1; i <= 3; i++)
                cr_assert_eq(bed_report(b, i, OAP_TARGET_ON_CPU), 0);

        bed_answer_id(forward_bed_call(b, REPORT), "a1");
        forward_bed_expect_idle(b);
        cr_expect_eq(b->due_usec, b->now_usec + OAP_REPORT_SPACING_USEC);
        forward_bed_advance(b, OAP_REPORT_SPACING_USEC - 1);
        cr_expect_eq(fake_transport_n_waiting(b->transport), 0);
        forward_bed_advance(b, 1);
        bed_answer_id(forward_bed_call(b, REPORT), "a2");
        forward_bed_expect_idle(b);
}

Test(oap_forward_report, item_23_an_id_that_another_task_has_is_asked_for_again) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

        bed_make_known(b, 1, "a1");
        cr_assert_eq(bed_report(b, 1, OAP_TARGET_OFF_CPU), 0);
        forward_bed_advance(b, OAP_REPORT_SPACING_USEC);
        bed_answer_id(forward_bed_call(b, REPORT), "a1");
        forward_bed_expect_idle(b);
        forward_bed_advance(b, OAP_REPORT_SPACING_USEC);
        bed_answer_id(forward_bed_call(b, REPORT), "a2");
        forward_bed_expect_idle(b);

        cr_expect_eq(bed_status(b).n_collisions, 1);
        cr_assert_eq(b->n_known, 2);
        cr_expect_str_eq(b->known[1].text, "a2");
        cr_expect_eq(b->known[1].target, OAP_TARGET_OFF_CPU);
        cr_expect_eq(b->n_refused, 0);
}

Test(oap_forward_report, item_23_an_oap_that_knows_one_id_only_is_not_asked_for_ever) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        unsigned n = 0;

        bed_make_known(b, 2, "a1");
        b->n_known = 0;
        cr_assert_eq(bed_report(b, 1, OAP_TARGET_ON_CPU), 0);
        for (forward_bed_advance(b, USEC_PER_SEC); bed_status(b).spool.n_records > 0; n++) {
                cr_assert_lt(n, 50);
                bed_answer_id(forward_bed_call(b, REPORT), "a1");
                forward_bed_advance(b, OAP_REPORT_SPACING_USEC);
                forward_bed_advance(b, OAP_REPORT_SPACING_USEC);
        }
        expect_refused(b, "OAP gave it the id of another task each time");
        cr_expect_eq(bed_status(b).n_collisions, n);
}

Test(oap_forward_report, item_24_a_lost_answer_is_asked_for_again_no_more_often_than_it_says) {
        for (unsigned attempts = 1; attempts <= 3; attempts++) {
                _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
                char reason[128];
                unsigned n_others = 0;

                b->config.report_attempts = attempts;
                forward_bed_restart(b);
                cr_assert_eq(bed_report(b, 1, OAP_TARGET_ON_CPU), 0);
                for (unsigned k = 0; k < attempts; k++) {
                        fake_call_fail(forward_bed_call(b, REPORT), OAP_STATUS_DEADLINE_EXCEEDED, "");
                        let_pass(b);
                        if (k + 1 == attempts)
                                break;

                        /* nobody else was answered either: it waits */
                        forward_bed_expect_idle(b);
                        cr_assert_eq(oap_client_call(b->client,
                                                     &(const OapCallRequest){ .method = "/keepAlive",
                                                                              .timeout_usec = 1 },
                                                     b->now_usec,
                                                     on_other,
                                                     &n_others),
                                     0);
                        fake_call_answer(fake_transport_find(b->transport, "keepAlive"), "", 0);
                        let_pass(b);
                }

                forward_bed_expect_idle(b);
                cr_expect_eq(fake_transport_n_started(b->transport, REPORT), attempts);
                (void) snprintf(reason,
                                sizeof(reason),
                                "OAP gave no task id in %u attempts: no answer in time",
                                attempts);
                expect_refused(b, reason);
        }
}

Test(oap_forward_report, items_24_34_a_report_that_was_not_delivered_is_kept_for_as_long_as_it_takes) {
        static const int statuses[] = { OAP_STATUS_UNAVAILABLE,
                                        OAP_STATUS_PERMISSION_DENIED,
                                        OAP_STATUS_RESOURCE_EXHAUSTED,
                                        OAP_STATUS_UNIMPLEMENTED,
                                        OAP_STATUS_UNAUTHENTICATED };

        for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
                _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

                cr_assert_eq(bed_report(b, 1, OAP_TARGET_ON_CPU), 0);
                for (unsigned k = 0; k < 30; k++) {
                        fake_call_fail(forward_bed_call(b, REPORT), statuses[i], "no");
                        forward_bed_expect_idle(b);
                        forward_bed_advance(b, 2 * OAP_REFUSED_BACKOFF_USEC);
                }
                bed_answer_id(forward_bed_call(b, REPORT), "a1");
                forward_bed_expect_idle(b);
                cr_expect_eq(b->n_known, 1, "status %i", statuses[i]);
                cr_expect_eq(b->n_refused, 0, "status %i", statuses[i]);
        }
}

Test(oap_forward_report, item_34_what_oap_refuses_is_told_and_its_data_not_kept_any_more) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

        cr_assert_eq(bed_report(b, 1, OAP_TARGET_ON_CPU), 0);
        cr_assert_eq(bed_profile(b, 1, NULL, 1, 1), 0);
        fake_call_fail(forward_bed_call(b, REPORT),
                       OAP_STATUS_UNKNOWN,
                       "Application error\x1b processing RPC");
        forward_bed_expect_idle(b);
        expect_refused(b, "OAP refused it, status 2: Application error? processing RPC");

        cr_expect_eq(bed_status(b).spool.n_records, 0);
        cr_assert_eq(bed_profile(b, 1, NULL, 1, 1), 0);
        cr_expect_eq(bed_status(b).spool.n_records, 0);

        forward_bed_restart(b);
        cr_assert_eq(bed_profile(b, 1, NULL, 1, 1), 0);
        cr_expect_eq(bed_status(b).spool.n_records, 0, "known after a restart, too");
        cr_expect_eq(b->n_refused, 1);
}

static char *read_file(const ForwardBed *b, const char *name, size_t *ret_size) {
        _cleanup_(closep) int fd = openat(b->directory.fd, name, O_RDONLY | O_CLOEXEC);
        char *data = malloc(65536);
        ssize_t n;

        cr_assert(data);
        cr_assert_geq(fd, 0, "%s", name);
        n = read(fd, data, 65536);
        cr_assert_geq(n, 0);
        *ret_size = (size_t) n;
        return data;
}

static void write_file(const ForwardBed *b, const char *name, const char *data, size_t size) {
        _cleanup_(closep) int fd =
                        openat(b->directory.fd, name, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, data, size), (ssize_t) size);
}

Test(oap_forward_report, item_24_a_crash_right_after_the_answer_makes_no_second_task) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        _cleanup_(freep) char *before = NULL;
        size_t size;

        cr_assert_eq(bed_meters(b, 1), 0);
        fake_call_answer(forward_bed_call(b, "collectBatch"), "", 0);
        forward_bed_expect_idle(b);
        before = read_file(b, "acknowledged", &size);
        bed_make_known(b, 1, "a1");
        cr_assert_eq(bed_profile(b, 1, NULL, 1, 1), 0);
        forward_bed_close(b);
        write_file(b, "acknowledged", before, size); /* the power went before this was written anew */

        forward_bed_open(b);
        cr_expect_str_eq(bed_read_stream(forward_bed_call(b, PROFILE)).task, "a1");
        cr_expect_eq(fake_transport_n_started(b->transport, REPORT), 0);
        cr_expect_eq(b->n_known, 2, "told again: maybe nobody was left to hear it");
}

Test(oap_forward_report, items_21_34_ids_are_known_after_a_restart) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        char ours[TASK_ID_MAX];

        bed_make_known(b, 1, "a1");
        cr_assert_eq(bed_profile(b, 1, NULL, 1, 1), 0);
        cr_assert_eq(bed_report(b, 2, OAP_TARGET_ON_CPU), 0);
        cr_assert_eq(bed_profile(b, 2, NULL, 2, 1), 0);
        forward_bed_restart(b);

        cr_expect_str_eq(oap_forward_task_id(b->forward, bed_task(1, ours), OAP_TARGET_ON_CPU), "a1");
        cr_expect_str_eq(bed_read_stream(forward_bed_call(b, PROFILE)).task, "a1");
        fake_call_answer(forward_bed_call(b, PROFILE), "", 0);
        bed_answer_id(forward_bed_call(b, REPORT), "a2");
        cr_expect_str_eq(bed_read_stream(forward_bed_call(b, PROFILE)).task, "a2");
}

Test(oap_forward_report, item_34_data_of_a_task_whose_report_is_lost_is_not_sent_and_that_is_told_once) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        char ours[TASK_ID_MAX];

        bed_make_known(b, 1, "a1");
        for (unsigned i = 0; i < 3; i++)
                cr_assert_eq(bed_profile(b, 1, NULL, 1, 1), 0);
        forward_bed_close(b);
        cr_assert_eq(unlinkat(b->directory.fd, "task-ids", 0), 0);
        forward_bed_open(b);
        forward_bed_expect_idle(b);

        cr_assert_eq(b->n_refused, 1);
        cr_expect_str_eq(b->refused[0].ours, bed_task(1, ours));
        cr_expect_str_eq(b->refused[0].text, "its report was dropped while OAP was away");
        cr_expect_eq(bed_status(b).n_refused[OAP_SPOOL_PROFILE], 3);
        cr_expect_eq(bed_status(b).spool.n_records, 0);
}
