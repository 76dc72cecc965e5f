/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap.h"
#include "oap/transport-bed.h"

#include "basic/strv.h"

#include <criterion/criterion.h>
#include <string.h>

/* Calls by gRPC to a server that is there, whatever it does. */

TestSuite(oap_grpc, .timeout = 60);

Test(oap_grpc, a_unary_call_has_its_answer_and_says_who_gave_it) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};
        FakeOapCall call;

        fake_oap_answer(f, "keepAlive", &(FakeOapAnswer){ .bytes = "answer", .size = 6 });
        transport_bed_init(&b, fake_oap_address(f));
        bed_start_request(
                        &b,
                        &(OapCallRequest){ .method = BED_KEEP_ALIVE,
                                           .messages = &(OapSlice){ (const uint8_t *) "\0question", 9 },
                                           .n_messages = 1,
                                           .timeout_usec = BED_TIMEOUT_USEC },
                        &o);
        bed_finish(&b, &o);

        cr_expect_eq(o.status, OAP_STATUS_OK);
        cr_expect_str_empty(o.message);
        cr_expect_str_eq(o.peer, fake_oap_address(f));
        cr_assert_eq(o.size, 6);
        cr_expect_arr_eq(o.response, "answer", 6);

        cr_assert_eq(fake_oap_n_calls(f, NULL), 1);
        fake_oap_call(f, BED_KEEP_ALIVE, 0, &call);
        cr_expect_str_empty(call.token);
        cr_expect(call.closed);
        cr_assert_eq(call.n_messages, 1);
        cr_assert_eq(fake_oap_message(f, &call, 0).size, 9);
        cr_expect_arr_eq(fake_oap_message(f, &call, 0).data, "\0question", 9);
}

Test(oap_grpc, an_empty_answer_is_an_answer) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};

        transport_bed_init(&b, fake_oap_address(f));
        bed_call(&b, &o);

        cr_expect_eq(o.status, OAP_STATUS_OK);
        cr_expect(o.response);
        cr_expect_eq(o.size, 0);
}

Test(oap_grpc, a_stream_keeps_the_order_of_its_messages) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};
        uint32_t numbers[1000];
        OapSlice messages[1000];
        FakeOapCall call;

        for (uint32_t i = 0; i < 1000; i++) {
                numbers[i] = i;
                messages[i] = (OapSlice){ (const uint8_t *) &numbers[i], sizeof(numbers[i]) };
        }

        fake_oap_answer(f, "collectBatch", &(FakeOapAnswer){ .bytes = "", .size = 0 });
        transport_bed_init(&b, fake_oap_address(f));
        bed_start_request(
                        &b,
                        &(OapCallRequest){ .method = BED_COLLECT,
                                           .messages = messages,
                                           .n_messages = 1000,
                                           .timeout_usec = BED_TIMEOUT_USEC },
                        &o);
        memset(numbers, 0xff, sizeof(numbers)); /* they were copied */
        bed_finish(&b, &o);

        cr_expect_eq(o.status, OAP_STATUS_OK, "%s", o.message);
        fake_oap_call(f, "collectBatch", 0, &call);
        cr_assert_eq(call.n_messages, 1000);
        for (uint32_t i = 0; i < 1000; i++)
                cr_expect_eq(memcmp(fake_oap_message(f, &call, i).data, &i, sizeof(i)), 0, "%u", i);
}

Test(oap_grpc, a_stream_of_large_messages_arrives) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};
        _cleanup_(freep) uint8_t *data = calloc(1, 1 << 20);
        OapSlice messages[32];
        FakeOapCall call;

        for (size_t i = 0; i < 32; i++)
                messages[i] = (OapSlice){ data, 1 << 20 };
        fake_oap_answer(f, "collectBatch", &(FakeOapAnswer){ .bytes = "", .size = 0 });
        transport_bed_init(&b, fake_oap_address(f));
        bed_start_request(
                        &b,
                        &(OapCallRequest){ .method = BED_COLLECT,
                                           .messages = messages,
                                           .n_messages = 32,
                                           .timeout_usec = BED_TIMEOUT_USEC },
                        &o);
        bed_finish(&b, &o);

        cr_expect_eq(o.status, OAP_STATUS_OK, "%s", o.message);
        fake_oap_call(f, "collectBatch", 0, &call);
        cr_expect_eq(call.n_bytes, 32U << 20);
}

Test(oap_grpc, a_stream_without_messages_is_closed) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};
        FakeOapCall call;

        transport_bed_init(&b, fake_oap_address(f));
        bed_start(&b, BED_COLLECT, 0, BED_TIMEOUT_USEC, &o);
        bed_finish(&b, &o);

        cr_expect_eq(o.status, OAP_STATUS_OK, "%s", o.message);
        fake_oap_call(f, "collectBatch", 0, &call);
        cr_expect(call.closed);
        cr_expect_eq(call.n_messages, 0);
}

Test(oap_grpc, calls_run_side_by_side) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        Outcome slow = {}, quick[3] = {};

        fake_oap_answer(f, "collectBatch", &(FakeOapAnswer){ .never = true });
        transport_bed_init(&b, fake_oap_address(f));
        bed_start(&b, BED_COLLECT, 1, BED_TIMEOUT_USEC, &slow);
        for (size_t i = 0; i < 3; i++)
                bed_start(&b, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC, &quick[i]);
        for (size_t i = 0; i < 3; i++) {
                bed_finish(&b, &quick[i]);
                cr_expect_eq(quick[i].status, OAP_STATUS_OK);
                outcome_done(&quick[i]);
        }

        cr_expect_eq(slow.n, 0);
        b.ops->cancel(slow.call);
        bed_finish(&b, &slow);
        outcome_done(&slow);
}

Test(oap_grpc, each_call_carries_the_token) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        FakeOapCall call;

        fake_oap_require_token(f, "secret");
        transport_bed_open(
                        &b,
                        &(OapTransportConfig){ .addresses = { fake_oap_address(f) }, .token = "secret" });
        for (size_t i = 0; i < 2; i++) {
                _cleanup_(outcome_done) Outcome o = {};

                bed_call(&b, &o);
                cr_expect_eq(o.status, OAP_STATUS_OK, "%s", o.message);
                fake_oap_call(f, NULL, i, &call);
                cr_expect_str_eq(call.token, "secret");
        }
}

Test(oap_grpc, a_wrong_token_is_refused) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {}, stream = {};

        fake_oap_require_token(f, "secret");
        transport_bed_open(
                        &b,
                        &(OapTransportConfig){ .addresses = { fake_oap_address(f) }, .token = "public" });
        bed_call(&b, &o);
        cr_expect_eq(o.status, OAP_STATUS_PERMISSION_DENIED);
        cr_expect_null(o.response);

        bed_start(&b, BED_COLLECT, 100, BED_TIMEOUT_USEC, &stream);
        bed_finish(&b, &stream);
        cr_expect_eq(stream.status, OAP_STATUS_PERMISSION_DENIED);
}

Test(oap_grpc, a_status_comes_with_its_text) {
        static const int statuses[] = { 1, 2, 3, 4, 5, 7, 8, 12, 13, 14, 16 };
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};

        transport_bed_init(&b, fake_oap_address(f));
        for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
                _cleanup_(outcome_done) Outcome o = {};

                fake_oap_answer(f, NULL, &(FakeOapAnswer){ .status = statuses[i], .text = "grüße\n\x01" });
                bed_call(&b, &o);
                cr_expect_eq(o.status, statuses[i]);
                cr_expect_str_eq(o.message, "grüße\n\x01");
                cr_expect_null(o.response);
        }
}

Test(oap_grpc, garbage_is_handed_over_as_it_is) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};

        fake_oap_answer(f, NULL, &(FakeOapAnswer){ .bytes = "\xff\xff\0\x01", .size = 4 });
        transport_bed_init(&b, fake_oap_address(f));
        bed_call(&b, &o);
        cr_expect_eq(o.status, OAP_STATUS_OK);
        cr_assert_eq(o.size, 4);
        cr_expect_arr_eq(o.response, "\xff\xff\0\x01", 4);
}

Test(oap_grpc, a_good_status_without_a_message_is_no_answer) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};

        fake_oap_answer(f, NULL, &(FakeOapAnswer){ .no_message = true });
        transport_bed_init(&b, fake_oap_address(f));
        bed_call(&b, &o);
        cr_expect_null(o.response);
}

Test(oap_grpc, an_answer_too_large_ends_the_call_and_nothing_else) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome huge = {}, large = {}, after = {};

        transport_bed_init(&b, fake_oap_address(f));
        fake_oap_answer(f, NULL, &(FakeOapAnswer){ .filler = 100U << 20 });
        bed_call(&b, &huge);
        cr_expect_eq(huge.status, OAP_STATUS_RESOURCE_EXHAUSTED, "%i %s", huge.status, huge.message);
        cr_expect_null(huge.response);

        fake_oap_answer(f, NULL, &(FakeOapAnswer){ .filler = OAP_RESPONSE_MAX });
        bed_call(&b, &large);
        cr_expect_eq(large.status, OAP_STATUS_OK, "%s", large.message);
        cr_expect_eq(large.size, OAP_RESPONSE_MAX);

        fake_oap_answer(f, NULL, NULL);
        bed_call(&b, &after);
        cr_expect_eq(after.status, OAP_STATUS_OK, "%s", after.message);
}

Test(oap_grpc, a_stream_that_the_server_ends_early_is_over) {
        static const FakeOapAnswer answers[] = {
                { .status = 8, .text = "Watermark exceeded", .after_messages = 1 },
                { .status = 8, .text = "Watermark exceeded", .after_messages = 100 },
                { .status = 0, .after_messages = 10 },
                { .status = 14, .after_messages = 3 },
        };
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};

        transport_bed_init(&b, fake_oap_address(f));
        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                _cleanup_(outcome_done) Outcome o = {};

                fake_oap_answer(f, "collectBatch", &answers[i]);
                bed_start(&b, BED_COLLECT, 5000, BED_TIMEOUT_USEC, &o);
                bed_finish(&b, &o);
                cr_expect_eq(o.status, answers[i].status, "%s", o.message);
        }
}

Test(oap_grpc, a_deadline_ends_a_call_that_is_not_answered) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome before = {}, o = {}, stream = {}, after = {};

        transport_bed_init(&b, fake_oap_address(f));
        bed_call(&b, &before);
        fake_oap_answer(f, NULL, &(FakeOapAnswer){ .never = true });
        bed_start(&b, BED_KEEP_ALIVE, 1, 300000, &o);
        bed_start(&b, BED_COLLECT, 100, 300000, &stream);
        bed_finish(&b, &o);
        bed_finish(&b, &stream);
        cr_expect_eq(o.status, OAP_STATUS_DEADLINE_EXCEEDED);
        cr_expect_eq(stream.status, OAP_STATUS_DEADLINE_EXCEEDED);
        cr_expect_str_eq(o.peer, fake_oap_address(f));

        fake_oap_answer(f, NULL, NULL);
        bed_call(&b, &after);
        cr_expect_eq(after.status, OAP_STATUS_OK);
}
