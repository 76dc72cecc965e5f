/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/forward-bed.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_forward, .timeout = 60);

#define REPORT "reportProfilingTask"
#define METERS "collectBatch"
#define PROFILE "collectProfilingData"

static void answer_ok(ForwardBed *b, const char *method) {
        fake_call_answer(forward_bed_call(b, method), "", 0);
}

Test(oap_forward, items_29_30_data_goes_out_under_the_id_that_the_report_got) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        char ours[TASK_ID_MAX];
        BedStream s;

        cr_assert_eq(bed_report(b, 1, OAP_TARGET_ON_CPU), 0);
        b->now_ms += 5000;
        cr_assert_eq(bed_profile(b, 1, NULL, 3, 7), 0);
        b->now_ms -= 5000;
        cr_expect_null(oap_forward_task_id(b->forward, bed_task(1, ours), OAP_TARGET_ON_CPU));
        bed_answer_id(forward_bed_call(b, REPORT), "8f3c");
        forward_bed_advance(b, 0);

        cr_assert_eq(b->n_known, 1);
        cr_expect_str_eq(b->known[0].ours, ours);
        cr_expect_eq(b->known[0].target, OAP_TARGET_ON_CPU);
        cr_expect_str_eq(b->known[0].text, "8f3c");
        cr_expect_str_eq(oap_forward_task_id(b->forward, ours, OAP_TARGET_ON_CPU), "8f3c");
        cr_expect_null(oap_forward_task_id(b->forward, ours, OAP_TARGET_OFF_CPU));

        s = bed_read_stream(forward_bed_call(b, PROFILE));
        cr_expect_str_eq(s.task, "8f3c");
        cr_expect_str_eq(s.process, "id-of-shop-host-nginx");
        cr_expect_eq(s.start_ms, BED_START_MS);
        cr_expect_eq(s.now_ms, BED_START_MS + 5000);
        cr_expect_eq(s.n_tasks, 1);
        cr_expect_eq(s.n_messages, 3);
        cr_expect_eq(s.n_samples, 21);
}

Test(oap_forward, items_34_37_records_go_in_order_one_call_at_a_time_until_each_is_acknowledged) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        OapForwardStatus status;

        cr_assert_eq(bed_profile(b, 0, "of-oap", 1, 1), 0);
        cr_assert_eq(bed_meters(b, 5), 0);
        cr_assert_eq(bed_report(b, 1, OAP_TARGET_OFF_CPU), 0);
        cr_assert_eq(bed_meters(b, 6), 0);

        for (unsigned i = 0; i < 10; i++)
                forward_bed_advance(b, USEC_PER_SEC);
        cr_expect_gt(forward_bed_call(b, PROFILE)->timeout_usec, 0);
        cr_expect_eq(bed_status(b).spool.n_records, 4);
        answer_ok(b, PROFILE);
        answer_ok(b, METERS);
        bed_answer_id(forward_bed_call(b, REPORT), "a1");
        answer_ok(b, METERS);
        forward_bed_expect_idle(b);

        status = bed_status(b);
        cr_expect_eq(status.spool.n_records, 0);
        cr_expect_eq(status.n_sent[OAP_SPOOL_REPORT], 1);
        cr_expect_eq(status.n_sent[OAP_SPOOL_METERS], 2);
        cr_expect_eq(status.n_sent[OAP_SPOOL_PROFILE], 1);
        cr_expect_eq(status.n_resent, 0);
}

Test(oap_forward, item_40_meters_use_the_main_channel_all_else_the_other) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

        cr_assert_eq(oap_client_set_addresses(b->client, "a:1", "b:2"), 0);
        cr_assert_eq(bed_report(b, 1, OAP_TARGET_ON_CPU), 0);
        cr_assert_eq(bed_meters(b, 5), 0);
        cr_assert_eq(bed_profile(b, 0, "of-oap", 1, 1), 0);
        cr_expect_eq(forward_bed_call(b, REPORT)->channel, OAP_CHANNEL_EBPF);
        bed_answer_id(forward_bed_call(b, REPORT), "a1");
        cr_expect_eq(forward_bed_call(b, METERS)->channel, OAP_CHANNEL_MAIN);
        answer_ok(b, METERS);
        cr_expect_eq(forward_bed_call(b, PROFILE)->channel, OAP_CHANNEL_EBPF);
}

typedef struct Sent {
        size_t n;
        size_t sizes[16];
        uint8_t *messages[16];
} Sent;

static void remember(Sent *s, const OapCall *call) {
        cr_assert_leq(call->n_messages, ELEMENTSOF(s->sizes));
        s->n = call->n_messages;
        for (size_t i = 0; i < s->n; i++) {
                s->sizes[i] = call->messages[i].size;
                s->messages[i] = malloc(s->sizes[i] + 1);
                cr_assert(s->messages[i]);
                memcpy(s->messages[i], call->messages[i].data, s->sizes[i]);
        }
}

static void sent_done(Sent *s) {
        for (size_t i = 0; i < s->n; i++)
                free(s->messages[i]);
}

static void expect_same(const Sent *s, const OapCall *call) {
        cr_assert_eq(call->n_messages, s->n);
        for (size_t i = 0; i < s->n; i++) {
                cr_assert_eq(call->messages[i].size, s->sizes[i]);
                cr_expect_eq(memcmp(call->messages[i].data, s->messages[i], s->sizes[i]), 0);
        }
}

Test(oap_forward, item_34_what_was_not_acknowledged_is_sent_again_byte_for_byte_also_by_the_next_process) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        _cleanup_(sent_done) Sent sent = {};

        bed_make_known(b, 1, "8f3c");
        cr_assert_eq(bed_profile(b, 1, NULL, 9, 3), 0);
        remember(&sent, forward_bed_call(b, PROFILE));
        for (unsigned i = 0; i < 5; i++) {
                fake_call_fail(forward_bed_call(b, PROFILE), OAP_STATUS_UNAVAILABLE, "refused");
                cr_assert_eq(bed_profile(b, 1, NULL, 1, 1), 0, "meanwhile");
                forward_bed_expect_idle(b);
                forward_bed_advance(b, 2 * OAP_BACKOFF_MAX_USEC);
                expect_same(&sent, forward_bed_call(b, PROFILE));
        }
        cr_expect_eq(bed_status(b).n_resent, 5);

        forward_bed_restart(b);
        expect_same(&sent, forward_bed_call(b, PROFILE));
        answer_ok(b, PROFILE);
        cr_expect_eq(bed_read_stream(forward_bed_call(b, PROFILE)).n_samples, 1);
}

typedef enum Fate { FATE_KEPT, FATE_REFUSED } Fate;

/* The first of two records is answered with @status: what is sent next. */
static void expect_fate(bool is_profile, int status, Fate fate) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        OapSpoolKind kind = is_profile ? OAP_SPOOL_PROFILE : OAP_SPOOL_METERS;
        const char *method = is_profile ? PROFILE : METERS;

        cr_assert_eq(is_profile ? bed_profile(b, 0, "T", 1, 1) : bed_meters(b, 1), 0);
        cr_assert_eq(bed_meters(b, 2), 0);
        fake_call_fail(forward_bed_call(b, method), status, "why");
        forward_bed_advance(b, 0);
        cr_expect_eq(bed_status(b).n_refused[kind], fate == FATE_REFUSED, "status %i", status);
        cr_expect_eq(bed_status(b).spool.n_records, fate == FATE_KEPT ? 2 : 1, "status %i", status);
        cr_expect_gt(b->due_usec, b->now_usec, "status %i: no busy loop", status);

        forward_bed_advance(b, 2 * OAP_REFUSED_BACKOFF_USEC);
        forward_bed_call(b, fate == FATE_KEPT ? method : METERS);
}

Test(oap_forward, items_34_38_39_each_status_decides_whether_it_is_sent_again) {
        static const struct {
                int status;
                Fate fate;
        } rows[] = {
                { OAP_STATUS_UNKNOWN, FATE_REFUSED },         { 3, FATE_REFUSED }, /* INVALID_ARGUMENT */
                { OAP_STATUS_NOT_FOUND, FATE_REFUSED },       { 99, FATE_REFUSED },
                { OAP_STATUS_DEADLINE_EXCEEDED, FATE_KEPT },  { OAP_STATUS_PERMISSION_DENIED, FATE_KEPT },
                { OAP_STATUS_RESOURCE_EXHAUSTED, FATE_KEPT }, { OAP_STATUS_UNAVAILABLE, FATE_KEPT },
                { OAP_STATUS_UNAUTHENTICATED, FATE_KEPT },    { OAP_STATUS_INTERNAL, FATE_KEPT },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                expect_fate(true, rows[i].status, rows[i].fate);
                expect_fate(false, rows[i].status, rows[i].fate);
        }
        expect_fate(true, OAP_STATUS_UNIMPLEMENTED, FATE_KEPT);
}

Test(oap_forward, item_34_a_record_that_oap_cannot_cope_with_does_not_hold_the_others_up_for_ever) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        unsigned n = 0;

        cr_assert_eq(bed_profile(b, 0, "T", 1, 1), 0);
        cr_assert_eq(bed_meters(b, 2), 0);
        while (bed_status(b).n_refused[OAP_SPOOL_PROFILE] == 0) {
                cr_assert_lt(n++, 20);
                fake_call_fail(forward_bed_call(b, PROFILE), OAP_STATUS_INTERNAL, "stack overflow");
                forward_bed_advance(b, 0);
                forward_bed_advance(b, 2 * OAP_BACKOFF_MAX_USEC);
        }
        cr_expect_geq(n, 2);
        answer_ok(b, METERS);
        forward_bed_expect_idle(b);
}

/* A server with a limit: the 5th stack of eight is above it. */
static bool has_culprit(const OapCall *call) {
        for (size_t i = 0; i < call->n_messages; i++)
                if (memmem(call->messages[i].data, call->messages[i].size, "ngx_http_handler_4", 18))
                        return true;

        return false;
}

Test(oap_forward, item_34_what_is_cancelled_is_sent_in_smaller_calls_without_the_message_that_is_too_large) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();
        int64_t n_samples = 0;
        size_t largest = 9;

        cr_assert_eq(bed_profile(b, 0, "T", 8, 1), 0);
        while (bed_status(b).spool.n_records > 0) {
                OapCall *call = forward_bed_call(b, PROFILE);
                BedStream s = bed_read_stream(call); /* each begins with the task */

                cr_expect_str_eq(s.task, "T");
                if (has_culprit(call)) {
                        cr_assert_lt(call->n_messages, largest, "not as it was");
                        largest = call->n_messages;
                        fake_call_fail(call, OAP_STATUS_CANCELLED, "");
                } else {
                        n_samples += s.n_samples;
                        fake_call_answer(call, "", 0);
                }
                forward_bed_advance(b, 0);
        }

        cr_expect_eq(n_samples, 7);
        cr_expect_eq(bed_status(b).n_too_large, 1);
        cr_expect_eq(bed_status(b).n_sent[OAP_SPOOL_PROFILE], 1);
        cr_expect_eq(bed_status(b).n_refused[OAP_SPOOL_PROFILE], 0);
}

Test(oap_forward, meters_that_oap_does_not_take_are_dropped_and_what_stands_behind_them_goes) {
        _cleanup_(forward_bed_freep) ForwardBed *b = forward_bed_new();

        for (unsigned i = 0; i < 3; i++)
                cr_assert_eq(bed_meters(b, i), 0);
        cr_assert_eq(bed_profile(b, 0, "T", 1, 1), 0);
        fake_call_fail(forward_bed_call(b, METERS), OAP_STATUS_UNIMPLEMENTED, "Method not found");
        answer_ok(b, PROFILE);
        forward_bed_expect_idle(b);
        cr_expect_eq(bed_status(b).n_refused[OAP_SPOOL_METERS], 3);
        cr_expect_eq(bed_status(b).spool.n_dropped[OAP_SPOOL_METERS], 0);
        cr_expect_eq(bed_status(b).n_sent[OAP_SPOOL_PROFILE], 1);

        cr_assert_eq(bed_meters(b, 4), 0);
        forward_bed_advance(b, USEC_PER_MINUTE);
        cr_expect_eq(bed_status(b).spool.n_records, 0);
        cr_assert_eq(fake_transport_n_started(b->transport, METERS), 1);

        /* somebody switched it on */
        forward_bed_advance(b, OAP_REFUSED_BACKOFF_USEC);
        cr_assert_eq(bed_meters(b, 5), 0);
        answer_ok(b, METERS);
        forward_bed_expect_idle(b);
        cr_expect_eq(bed_status(b).n_sent[OAP_SPOOL_METERS], 1);
}
