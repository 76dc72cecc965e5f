/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-record.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_record, .timeout = 60);

#define N_MESSAGES 40U

static const OapRecord profile = {
        .is_ours = true,
        .task = "20261121T031005-9f3c",
        .target = OAP_TARGET_OFF_CPU,
        .entity = { "GENERAL", "shop", "host", "nginx" },
        .pid = 71,
        .start_ms = INT64_C(1795230605000),
        .now_ms = INT64_C(1795230610000),
};

/* Texts that repeat themselves, as names of functions do. */
static void make_messages(OapBytes messages[static N_MESSAGES]) {
        for (unsigned i = 0; i < N_MESSAGES; i++) {
                char *text;

                cr_assert_gt(asprintf(&text, "message %u: main;main;main;main;main;main", i), 0);
                messages[i] = (OapBytes){ (uint8_t *) text, i == 0 ? 0 : strlen(text) };
        }
}

static void free_messages(OapBytes messages[static N_MESSAGES]) {
        for (unsigned i = 0; i < N_MESSAGES; i++)
                oap_bytes_done(messages + i);
}

static void expect_profile(const OapRecordView *v, const OapBytes *messages) {
        cr_expect(v->record.is_ours);
        cr_expect_str_eq(v->record.task, profile.task);
        cr_expect_eq(v->record.target, profile.target);
        cr_expect_str_eq(v->record.entity.layer, "GENERAL");
        cr_expect_str_eq(v->record.entity.service, "shop");
        cr_expect_str_eq(v->record.entity.instance, "host");
        cr_expect_str_eq(v->record.entity.process, "nginx");
        cr_expect_eq(v->record.pid, 71);
        cr_expect_eq(v->record.start_ms, profile.start_ms);
        cr_expect_eq(v->record.now_ms, profile.now_ms);
        cr_assert_eq(v->n_messages, N_MESSAGES);
        for (unsigned i = 0; i < N_MESSAGES; i++) {
                cr_assert_eq(v->messages[i].size, messages[i].size);
                cr_expect_eq(memcmp(v->messages[i].data, messages[i].data, messages[i].size), 0);
        }
}

Test(oap_record, what_was_written_is_read_back_also_when_it_was_deflated) {
        OapBytes messages[N_MESSAGES];
        size_t sizes[2];

        make_messages(messages);
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_(oap_record_view_done) OapRecordView v = {};
                _cleanup_(oap_bytes_done) OapBytes b = {};

                cr_assert_eq(oap_record_format(
                                             OAP_SPOOL_PROFILE, &profile, messages, N_MESSAGES, i == 1, &b),
                             0);
                cr_assert_eq(oap_record_parse(OAP_SPOOL_PROFILE, b.data, b.size, &v), 0);
                expect_profile(&v, messages);
                sizes[i] = b.size;
        }
        cr_expect_lt(sizes[1], sizes[0] / 4);
        free_messages(messages);
}

Test(oap_record, what_does_not_get_smaller_stays_as_it_is) {
        _cleanup_(oap_bytes_done) OapBytes plain = {}, deflated = {};
        uint8_t noise[64];
        OapBytes message = { noise, sizeof(noise) };
        uint32_t x = 1;

        for (size_t i = 0; i < sizeof(noise); i++) {
                x = x * 1664525 + 1013904223;
                noise[i] = (uint8_t) (x >> 24);
        }
        cr_assert_eq(oap_record_format(OAP_SPOOL_METERS, &(const OapRecord){}, &message, 1, false, &plain),
                     0);
        cr_assert_eq(oap_record_format(OAP_SPOOL_METERS, &(const OapRecord){}, &message, 1, true, &deflated),
                     0);
        cr_expect_leq(deflated.size, plain.size);
}

Test(oap_record, no_part_of_one_is_one) {
        OapBytes messages[N_MESSAGES];

        make_messages(messages);
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_(oap_bytes_done) OapBytes b = {};

                cr_assert_eq(oap_record_format(
                                             OAP_SPOOL_PROFILE, &profile, messages, N_MESSAGES, i == 1, &b),
                             0);
                for (size_t n = 0; n < b.size; n++) {
                        _cleanup_(oap_record_view_done) OapRecordView v = {};
                        _cleanup_(freep) uint8_t *part = malloc(n + 1); /* its end is where it ends */

                        cr_assert(part);
                        memcpy(part, b.data, n);
                        cr_expect_eq(oap_record_parse(OAP_SPOOL_PROFILE, part, n, &v), -EBADMSG, "%zu", n);
                }
        }
        free_messages(messages);
}

Test(oap_record, what_is_behind_one_makes_it_none) {
        _cleanup_(oap_record_view_done) OapRecordView v = {};
        _cleanup_(oap_bytes_done) OapBytes b = {};
        OapBytes message = { (uint8_t *) "m", 1 };
        _cleanup_(freep) uint8_t *longer = NULL;

        cr_assert_eq(oap_record_format(OAP_SPOOL_PROFILE, &profile, &message, 1, false, &b), 0);
        longer = calloc(1, b.size + 1);
        cr_assert(longer);
        memcpy(longer, b.data, b.size);
        cr_expect_eq(oap_record_parse(OAP_SPOOL_PROFILE, longer, b.size + 1, &v), -EBADMSG);
}

Test(oap_record, what_cannot_be_sent_is_not_written) {
        static char long_name[OAP_RECORD_TEXT_MAX + 1];
        OapBytes message = { (uint8_t *) "m", 1 }, many[2] = { message, message }, b = {};
        _cleanup_(freep) uint8_t *large = calloc(1, OAP_RECORD_BODY_MAX);
        OapRecord r;

        memset(long_name, 'x', sizeof(long_name) - 1);
        cr_expect_eq(oap_record_format(OAP_SPOOL_PROFILE, &profile, &message, 0, false, &b), -EINVAL);
        cr_expect_eq(oap_record_format(OAP_SPOOL_REPORT, &profile, many, 2, false, &b), -EINVAL);

        r = profile;
        r.is_ours = false;
        cr_expect_eq(oap_record_format(OAP_SPOOL_REPORT, &r, &message, 1, false, &b), -EINVAL);
        r = profile;
        r.task = "../passwd";
        cr_expect_eq(oap_record_format(OAP_SPOOL_PROFILE, &r, &message, 1, false, &b), -EINVAL);
        r = profile;
        r.target = OAP_TARGET_NETWORK;
        cr_expect_eq(oap_record_format(OAP_SPOOL_PROFILE, &r, &message, 1, false, &b), -EINVAL);
        r = profile;
        r.entity.service = "";
        cr_expect_eq(oap_record_format(OAP_SPOOL_PROFILE, &r, &message, 1, false, &b), -EINVAL);
        r = profile;
        r.entity.process = long_name;
        cr_expect_eq(oap_record_format(OAP_SPOOL_PROFILE, &r, &message, 1, false, &b), -E2BIG);

        cr_assert(large);
        message = (OapBytes){ large, OAP_RECORD_BODY_MAX };
        cr_expect_eq(oap_record_format(OAP_SPOOL_PROFILE, &profile, &message, 1, false, &b), -E2BIG);
        message.size -= oap_record_head_size(&profile) + 4;
        cr_expect_eq(oap_record_format(OAP_SPOOL_PROFILE, &profile, &message, 1, false, &b), 0);
        oap_bytes_done(&b);
}

Test(oap_record, a_body_that_says_it_is_larger_or_smaller_than_it_is_is_none) {
        static const uint32_t sizes[] = { 0, 1, OAP_RECORD_BODY_MAX, OAP_RECORD_BODY_MAX + 1, UINT32_MAX };
        OapBytes messages[N_MESSAGES];

        make_messages(messages);
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_(oap_bytes_done) OapBytes b = {};

                cr_assert_eq(oap_record_format(
                                             OAP_SPOOL_PROFILE, &profile, messages, N_MESSAGES, i == 1, &b),
                             0);
                for (size_t k = 0; k < ELEMENTSOF(sizes); k++) {
                        _cleanup_(oap_record_view_done) OapRecordView v = {};

                        memcpy(b.data + 8, sizes + k, 4);
                        cr_expect_eq(oap_record_parse(OAP_SPOOL_PROFILE, b.data, b.size, &v), -EBADMSG);
                }
        }
        free_messages(messages);
}
