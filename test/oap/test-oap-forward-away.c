/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept while OAP is away, and what comes back. */
#include "oap/forward-bed.h"
#include "oap/outage.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

TestSuite(oap_forward_away, .timeout = 120);

#define REPORT "reportProfilingTask"
#define PROFILE "collectProfilingData"
#define PROCESSES "reportProcesses"

Test(oap_forward_away, item_34_a_record_that_is_dropped_while_it_is_sent_acknowledges_no_other) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        unsigned n = 0;

        b->config.limits =
                        (OapSpoolLimits){ .bytes_max = 8192, .age_max_ms = 1000000, .segment_bytes = 1024 };
        forward_bed_restart(b);
        cr_assert_eq(bed_profile(b, 0, "FIRST", 3, 1), 0);
        cr_expect_str_eq(bed_read_stream(forward_bed_call(b, PROFILE)).task, "FIRST");
        while (bed_status(b).spool.n_dropped[OAP_SPOOL_PROFILE] == 0) {
                cr_assert_lt(n++, 1000);
                cr_assert_eq(bed_profile(b, 0, "T", 3, 1), 0);
        }

        n = (unsigned) bed_status(b).spool.n_records;
        fake_call_answer(forward_bed_call(b, PROFILE), "", 0);
        for (unsigned i = 0; i < n; i++) {
                forward_bed_advance(b, 0);
                cr_expect_eq(bed_status(b).spool.n_records, n - i);
                cr_expect_str_eq(bed_read_stream(forward_bed_call(b, PROFILE)).task, "T");
                fake_call_answer(forward_bed_call(b, PROFILE), "", 0);
        }
        forward_bed_expect_idle(b);
        cr_expect_eq(bed_status(b).spool.n_records, 0);
}

Test(oap_forward_away, what_is_too_old_is_dropped_and_counted) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

        cr_assert_eq(bed_profile(b, 0, "OLD", 1, 1), 0);
        fake_call_fail(forward_bed_call(b, PROFILE), OAP_STATUS_UNAVAILABLE, "");
        forward_bed_expect_idle(b);
        forward_bed_advance(b, 2 * USEC_PER_DAY);
        fake_call_fail(forward_bed_call(b, PROFILE), OAP_STATUS_UNAVAILABLE, "");
        cr_assert_eq(bed_profile(b, 0, "NEW", 1, 1), 0);
        forward_bed_expect_idle(b);
        forward_bed_advance(b, 2 * USEC_PER_DAY);
        cr_expect_str_eq(bed_read_stream(forward_bed_call(b, PROFILE)).task, "NEW");
        cr_expect_eq(bed_status(b).spool.n_dropped[OAP_SPOOL_PROFILE], 1);
}

/* All that is under way is answered, until nothing is, without any time. Returns how much it was. */
static unsigned serve(ForwardBed *b) {
        unsigned n = 0;

        forward_bed_advance(b, 0);
        for (OapCall *call = fake_transport_find(b->transport, ""); call;
             call = fake_transport_find(b->transport, "")) {
                fake_call_answer(call, "", 0);
                forward_bed_advance(b, 0);
                n++;
        }

        return n;
}

/* Ten thousand hosts have waited as long: test/bench/bench-oap-fleet.c */
Test(oap_forward_away, what_has_waited_goes_out_at_a_pace) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        usec_t begin_usec, due_usec;
        unsigned n_late = 0;

        for (unsigned i = 0; i < 50; i++)
                cr_assert_eq(bed_meters(b, 1), 0);
        forward_bed_advance(b, 60 * USEC_PER_SEC);
        cr_assert_eq(bed_profile(b, 0, "T", 1, 1), 0);

        begin_usec = b->now_usec;
        cr_expect_eq(serve(b), 10, "a short outage is over at once");
        while (bed_status(b).spool.n_records > 0) {
                due_usec = b->due_usec;
                cr_assert_gt(due_usec, b->now_usec);
                cr_assert_lt(due_usec - b->now_usec, 2 * USEC_PER_SEC);
                forward_bed_advance(b, due_usec - b->now_usec);
                n_late += serve(b);
        }
        cr_expect_eq(n_late, 41, "also what came meanwhile: all is in order");
        cr_expect_gt(b->now_usec - begin_usec, 40 * 1440 * USEC_PER_MSEC);
        cr_expect_lt(b->now_usec - begin_usec, 40 * 1760 * USEC_PER_MSEC);

        for (unsigned i = 0; i < 50; i++)
                cr_assert_eq(bed_meters(b, 1), 0);
        cr_expect_eq(serve(b), 50, "what did not wait goes out as it comes");
}

/* Until nothing waits. Returns the seconds it took. */
static usec_t drain_sec(ForwardBed *b) {
        usec_t begin_usec = b->now_usec;

        for (serve(b); bed_status(b).spool.n_records > 0; serve(b))
                forward_bed_advance(b, b->due_usec - b->now_usec);

        return (b->now_usec - begin_usec) / USEC_PER_SEC;
}

Test(oap_forward_away, who_has_much_to_send_goes_faster_after_a_while_and_not_for_attempts_that_failed) {
        static const unsigned long_sec = 64 * 8 / 5 * 9 / 10; /* the first 64 of them, give or take */

        for (unsigned n = 100; n <= 1600; n += 1500) {
                _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
                usec_t sec;

                for (unsigned i = 0; i < n; i++)
                        cr_assert_eq(bed_meters(b, 1), 0);
                for (unsigned i = 0; i < 200; i++) {
                        fake_call_fail(forward_bed_call(b, "collectBatch"), OAP_STATUS_UNAVAILABLE, "");
                        forward_bed_advance(b, 0);
                        forward_bed_advance(b, 2 * OAP_BACKOFF_MAX_USEC);
                }

                sec = drain_sec(b);
                cr_expect_geq(sec, long_sec - 20, "%u records: %" PRIu64 " s", n, sec);
                cr_expect_leq(sec, 300, "%u records: %" PRIu64 " s", n, sec);
        }
}

Test(oap_forward_away, values_give_way_to_tasks_when_half_of_the_room_is_taken) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

        b->config.limits =
                        (OapSpoolLimits){ .bytes_max = 65536, .age_max_ms = 1000000, .segment_bytes = 4096 };
        forward_bed_restart(b);
        while (bed_status(b).n_shed == 0) {
                cr_assert_leq(bed_status(b).spool.bytes, 32768 + 4096);
                cr_assert_eq(bed_meters(b, 1), 0);
        }
        cr_assert_eq(bed_profile(b, 0, "T", 1, 1), 0);
        cr_expect_eq(bed_status(b).spool.n_dropped[OAP_SPOOL_METERS], 1, "the last one");
}

Test(oap_forward_away, item_37_a_large_flush_is_several_calls_each_with_a_time_of_its_own) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        int64_t n_samples = 0, last_ms = 0;
        unsigned n_calls = 0;

        b->config.limits.bytes_max = 65536; /* an eighth of it is the most that a record may be */
        b->config.limits.segment_bytes = 8192;
        forward_bed_restart(b);
        cr_assert_eq(bed_profile(b, 0, "T", 200, 1), 0);
        for (; bed_status(b).spool.n_records > 0; n_calls++) {
                OapCall *call = forward_bed_call(b, PROFILE);
                BedStream s = bed_read_stream(call);

                cr_expect_gt(s.now_ms, last_ms);
                cr_expect_eq(s.start_ms, BED_START_MS);
                last_ms = s.now_ms;
                n_samples += s.n_samples;
                fake_call_answer(call, "", 0);
                forward_bed_advance(b, 0);
        }
        cr_expect_gt(n_calls, 2);
        cr_expect_eq(n_samples, 200);
}

Test(oap_forward_away, item_37_a_message_above_the_limit_is_left_out_and_counted) {
        static char name[300000];
        const char *frames[] = { name, name, name, name };
        const OapFlush flush = { .task = "T", .entity = bed_entity, .pid = 71, .start_ms = 1, .now_ms = 2 };
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        _cleanup_(oap_messages_done) OapMessages messages = {};

        memset(name, 'x', sizeof(name) - 1);
        for (unsigned i = 0; i < 3; i++) {
                const OapStack stack = {
                        .user = frames, .n_user = i == 1 ? 4 : 1, .user_id = 1, .count = 1
                };
                OapBytes bytes = {};

                cr_assert_eq(oap_encode_stack(OAP_TARGET_ON_CPU, NULL, &stack, &bytes), 0);
                cr_assert_eq(oap_messages_push(&messages, &bytes), 0);
        }
        cr_assert_eq(oap_forward_profile(b->forward, &flush, &messages), 0);
        cr_expect_eq(bed_status(b).n_too_large, 1);
        cr_expect_eq(bed_status(b).spool.n_records, 2, "what was around it");
}

Test(oap_forward_away, a_process_that_is_gone_is_reported_once_before_its_data) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

        b->has_registry = true;
        forward_bed_restart(b);
        for (unsigned i = 0; i < 3; i++)
                cr_assert_eq(bed_profile(b, 0, "T", 1, 1), 0);

        fake_call_fail(forward_bed_call(b, PROCESSES), OAP_STATUS_DEADLINE_EXCEEDED, "");
        forward_bed_expect_idle(b);
        forward_bed_advance(b, 2 * OAP_BACKOFF_MAX_USEC);
        fake_call_answer(forward_bed_call(b, PROCESSES), "", 0);
        for (unsigned i = 0; i < 2; i++)
                fake_call_answer(forward_bed_call(b, PROFILE), "", 0);
        cr_expect_eq(b->n_gone_reports, 2, "one was not answered");

        /* OAP comes back, maybe with empty tables */
        fake_call_fail(forward_bed_call(b, PROFILE), OAP_STATUS_UNAVAILABLE, "");
        forward_bed_expect_idle(b);
        forward_bed_advance(b, 2 * OAP_BACKOFF_MAX_USEC);
        fake_call_answer(forward_bed_call(b, PROFILE), "", 0);
        forward_bed_expect_idle(b);
        cr_assert_eq(bed_profile(b, 0, "T", 1, 1), 0);
        forward_bed_call(b, PROCESSES);
}

Test(oap_forward_away, who_is_registered_is_not_reported_again_and_who_cannot_be_is_not_waited_for) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

        b->has_registry = b->is_registered = true;
        forward_bed_restart(b);
        cr_assert_eq(bed_profile(b, 0, "T", 1, 1), 0);
        cr_expect_str_eq(bed_read_stream(forward_bed_call(b, PROFILE)).process, "id-of-oap");
        fake_call_fail(forward_bed_call(b, PROFILE), OAP_STATUS_UNAVAILABLE, "");
        forward_bed_expect_idle(b);
        b->is_registered = false; /* it ends */
        forward_bed_advance(b, 2 * OAP_BACKOFF_MAX_USEC);
        cr_expect_str_eq(bed_read_stream(forward_bed_call(b, PROFILE)).process, "id-of-oap", "item 34");
        fake_call_answer(forward_bed_call(b, PROFILE), "", 0);
        forward_bed_expect_idle(b);
        cr_expect_eq(b->n_gone_reports, 0);

        b->is_registered = false;
        cr_assert_eq(bed_profile(b, 0, "T", 1, 1), 0);
        fake_call_fail(forward_bed_call(b, PROCESSES), OAP_STATUS_UNKNOWN, "no");
        forward_bed_call(b, PROFILE);
}

/* Cuts @n bytes off the only segment. */
static void tear(const ForwardBed *b, size_t n) {
        static const char name[] = "0000000000000001.spool";
        _cleanup_(closep) int fd = openat(b->directory.fd, name, O_RDWR | O_CLOEXEC);
        off_t size;

        cr_assert_geq(fd, 0);
        size = lseek(fd, 0, SEEK_END);
        cr_assert_gt(size, (off_t) n);
        cr_assert_eq(ftruncate(fd, size - (off_t) n), 0);
}

Test(oap_forward_away, item_34_of_a_torn_spool_all_whole_records_are_sent) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

        cr_assert_eq(bed_profile(b, 0, "ONE", 1, 1), 0);
        cr_assert_eq(bed_profile(b, 0, "TWO", 1, 1), 0);
        forward_bed_close(b);
        tear(b, 3);
        forward_bed_open(b);
        cr_expect_gt(bed_status(b).spool.n_damaged_bytes, 0);
        cr_expect_str_eq(bed_read_stream(forward_bed_call(b, PROFILE)).task, "ONE");
        fake_call_answer(forward_bed_call(b, PROFILE), "", 0);
        forward_bed_expect_idle(b);
}

Test(oap_forward_away, a_record_of_another_format_is_dropped_and_counted) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        OapSpool *spool;

        forward_bed_close(b);
        cr_assert_eq(oap_spool_new(b->directory.fd, &b->config.limits, &spool), 0);
        cr_assert_eq(oap_spool_append(spool, OAP_SPOOL_PROFILE, BED_START_MS, "later", 5), 0);
        cr_assert_eq(oap_spool_append(spool, OAP_SPOOL_REPORT, BED_START_MS, "", 0), 0);
        oap_spool_free(spool);
        forward_bed_open(b);
        cr_assert_eq(bed_profile(b, 0, "T", 1, 1), 0);
        cr_expect_str_eq(bed_read_stream(forward_bed_call(b, PROFILE)).task, "T");
        cr_expect_eq(bed_status(b).n_refused[OAP_SPOOL_PROFILE], 1);
        cr_expect_eq(bed_status(b).n_refused[OAP_SPOOL_REPORT], 1);
}

Test(oap_forward_away, items_30_33_34_a_day_without_oap_loses_no_task_and_no_profile) {
        _cleanup_(outage_done) Outage o = {};
        const OutagePlan plan = {
                .day_usec = USEC_PER_DAY,
                .trigger_usec = 25 * USEC_PER_MINUTE,
                .task_usec = 10 * USEC_PER_MINUTE,
                .flush_usec = 60 * USEC_PER_SEC,
                .n_stacks = 40,
                .n_meters = 20,
                .spool_bytes = 16U << 20,
                .restarts = 3,
        };

        cr_assert_eq(outage_run(&o, &plan), 0);
        cr_expect_eq(o.n_tasks, 2 * 57);
        cr_expect_eq(o.n_known, o.n_tasks);
        cr_expect_eq(o.n_task_refused, 0);
        cr_expect_eq(o.n_tasks_at_oap, o.n_tasks);
        cr_expect_eq(o.n_samples_at_oap, o.n_samples);
        cr_expect_gt(o.n_samples, 0);
        cr_expect_eq(o.n_meters_at_oap, o.n_meters);
        cr_expect_eq(o.n_twice, 0);
        cr_expect_eq(o.n_out_of_order, 0);
        cr_expect_leq(o.bytes_max, plan.spool_bytes);
        for (unsigned i = 0; i < _OAP_SPOOL_KIND_MAX; i++)
                cr_expect_eq(o.n_dropped[i], 0);
}
