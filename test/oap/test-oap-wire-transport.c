/* SPDX-License-Identifier: Apache-2.0 */
/* How calls behave as a wire shows it: items 37 to 40 of the conformance list, and an OAP that comes and
 * goes. */
#include "oap/wire-bed.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_wire_transport, .timeout = 60);

#define KEEP_ALIVE "/skywalking.v3.EBPFProcessService/keepAlive"
#define METERS "/skywalking.v3.MeterReportService/collectBatch"

typedef struct Answers {
        unsigned n, n_ok;
        int status;
} Answers;

static void on_answer(const OapCallResult *result, void *userdata) {
        Answers *a = userdata;

        a->n++;
        a->n_ok += result->status == OAP_STATUS_OK;
        a->status = result->status;
}

static int
call(WireBed *b, OapChannel channel, const char *method, size_t n, usec_t timeout_usec, Answers *a) {
        OapSlice messages[64];

        for (size_t i = 0; i < n; i++)
                messages[i] = (OapSlice){ (const uint8_t *) "", 0 };

        return oap_client_call(
                        b->client,
                        &(const OapCallRequest){ channel, method, messages, n, timeout_usec },
                        wire_bed_now_usec(b),
                        on_answer,
                        a);
}

static void connect(WireBed *b) {
        Answers a = {};

        cr_assert_eq(call(b, OAP_CHANNEL_EBPF, KEEP_ALIVE, 1, OAP_CALL_TIMEOUT_USEC, &a), 0);
        wire_bed_finish(b);
        cr_assert_eq(a.status, OAP_STATUS_OK);
}

static void expect_said(const WireBed *b, const char *words) {
        OapClientStatus status = wire_bed_status(b);

        cr_expect(strstr(status.last_error, words), "'%s' is not in '%s'", words, status.last_error);
}

Test(oap_wire_transport, item_37_four_calls_at_once_at_most) {
        Answers a = {};
        WireBed b;

        wire_bed_init(&b, fake_oap_new(&(FakeOapOptions){ .streams_max = OAP_CALLS_MAX }), NULL, NULL);
        connect(&b);
        fake_oap_answer(b.oap, NULL, &(FakeOapAnswer){ .delay_usec = 20000 });
        for (size_t i = 0; i < 30; i++)
                cr_assert_eq(call(&b,
                                  i % 2 ? OAP_CHANNEL_MAIN : OAP_CHANNEL_EBPF,
                                  i % 2 ? METERS : KEEP_ALIVE,
                                  1,
                                  OAP_CALL_TIMEOUT_USEC,
                                  &a),
                             0);
        wire_bed_finish(&b);
        cr_expect_eq(a.n_ok, 30);
        cr_expect_eq(fake_oap_n_calls_peak(b.oap), OAP_CALLS_MAX, "no more, and no less");
        wire_bed_done(&b);
}

Test(oap_wire_transport, item_37_every_call_has_a_deadline) {
        Answers a = {};
        WireBed b;

        wire_bed_init(&b, NULL, NULL, NULL);
        connect(&b);
        fake_oap_answer(b.oap, NULL, &(FakeOapAnswer){ .never = true });
        cr_assert_eq(call(&b, OAP_CHANNEL_EBPF, KEEP_ALIVE, 1, USEC_PER_SEC / 5, &a), 0);
        cr_assert_eq(call(&b, OAP_CHANNEL_EBPF, METERS, 3, USEC_PER_SEC / 5, &a), 0);
        wire_bed_finish(&b);
        cr_expect_eq(a.n, 2);
        cr_expect_eq(a.status, OAP_STATUS_DEADLINE_EXCEEDED);
        cr_expect_eq(b.state, OAP_STATE_AWAY);
        expect_said(&b, "in time");
        wire_bed_done(&b);
}

Test(oap_wire_transport, item_38_the_token_is_on_each_call) {
        FakeOapCall seen;
        WireBed b;

        wire_bed_init(&b, NULL, "secret", NULL);
        fake_oap_require_token(b.oap, "secret");
        wire_bed_add(&b, "GENERAL", "php");
        wire_bed_run(&b, 60);
        cr_expect_eq(b.state, OAP_STATE_CONNECTED);
        cr_expect_geq(fake_oap_n_calls(b.oap, NULL), 4);
        for (size_t i = 0; i < fake_oap_n_calls(b.oap, NULL); i++) {
                fake_oap_call(b.oap, NULL, i, &seen);
                cr_expect_str_eq(seen.token, "secret");
        }
        wire_bed_done(&b);
}

Test(oap_wire_transport, item_38_a_wrong_token_is_said_once_and_asked_with_seldom) {
        WireBed b;

        wire_bed_init(&b, NULL, "Bearer secret", NULL);
        fake_oap_require_token(b.oap, "secret");
        wire_bed_add(&b, "GENERAL", "php");
        wire_bed_run(&b, 600);
        cr_expect_eq(b.state, OAP_STATE_REFUSED);
        cr_expect_eq(b.n_told, 1);
        expect_said(&b, "put the one of its SW_AUTHENTICATION into the credential oap.token");
        cr_expect_leq(fake_oap_n_calls(b.oap, NULL), 5);

        fake_oap_require_token(b.oap, NULL);
        wire_bed_run(&b, 301);
        cr_expect_eq(b.state, OAP_STATE_CONNECTED);
        cr_expect_not_null(oap_registry_id(b.identities[0]));
        wire_bed_done(&b);
}

Test(oap_wire_transport, item_38_a_receiver_that_is_switched_off_is_asked_seldom) {
        Answers a = {};
        WireBed b;

        wire_bed_init(&b, NULL, NULL, NULL);
        fake_oap_answer(b.oap,
                        METERS,
                        &(FakeOapAnswer){ .status = 12, .text = "Method not found: " METERS });
        wire_bed_add(&b, "GENERAL", "php");
        for (size_t i = 0; i < 600; i++) {
                wire_bed_run(&b, 1);
                (void) call(&b, OAP_CHANNEL_MAIN, METERS, 1, OAP_CALL_TIMEOUT_USEC, &a);
                wire_bed_finish(&b);
        }
        cr_expect_leq(a.n, 5);
        cr_expect_geq(a.n, 2);
        expect_said(&b, "has no MeterReportService: switch its receiver-meter on (SW_RECEIVER_METER)");
        cr_expect_eq(b.state, OAP_STATE_CONNECTED, "all else goes on");
        cr_expect_geq(fake_oap_n_calls(b.oap, "keepAlive"), 600 / 20);
        wire_bed_done(&b);
}

Test(oap_wire_transport, item_39_an_oap_without_memory_is_left_alone_for_longer_each_time) {
        WireBed b;

        wire_bed_init(&b, NULL, NULL, NULL);
        wire_bed_add(&b, "GENERAL", "php");
        wire_bed_run(&b, 30);
        fake_oap_forget(b.oap);
        fake_oap_answer(b.oap, NULL, &(FakeOapAnswer){ .status = 8, .text = "Watermark exceeded" });
        wire_bed_run(&b, 600);
        cr_expect_eq(b.state, OAP_STATE_BUSY);
        expect_said(&b, "is too busy for ");
        cr_expect_leq(fake_oap_n_calls(b.oap, NULL), 6 + 600 / 30);

        fake_oap_answer(b.oap, NULL, NULL);
        wire_bed_run(&b, 61);
        cr_expect_eq(b.state, OAP_STATE_CONNECTED);
        wire_bed_done(&b);
}

Test(oap_wire_transport, item_39_a_stream_that_is_closed_early_is_an_answer_like_others) {
        static const struct {
                FakeOapAnswer answer;
                int status;
                OapState state;
        } rows[] = {
                { { .after_messages = 1 }, 0, OAP_STATE_CONNECTED },
                { { .after_messages = 2, .status = 2, .text = "Application error" },
                  2,
                  OAP_STATE_CONNECTED },
                { { .after_messages = 1, .status = 1 }, 1, OAP_STATE_CONNECTED },
                { { .after_messages = 1, .status = 7 }, 7, OAP_STATE_REFUSED },
                { { .after_messages = 3, .status = 8 }, 8, OAP_STATE_BUSY },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Answers a = {};
                WireBed b;

                wire_bed_init(&b, NULL, NULL, NULL);
                connect(&b);
                fake_oap_answer(b.oap, METERS, &rows[i].answer);
                cr_assert_eq(call(&b, OAP_CHANNEL_MAIN, METERS, 64, OAP_STREAM_TIMEOUT_USEC, &a), 0);
                wire_bed_finish(&b);
                cr_expect_eq(a.n, 1);
                cr_expect_eq(a.status, rows[i].status, "row %zu: %i", i, a.status);
                cr_expect_eq(b.state, rows[i].state, "row %zu", i);
                wire_bed_done(&b);
        }
}

Test(oap_wire_transport, item_40_with_two_addresses_processes_go_to_one_and_meters_to_the_other) {
        _cleanup_(fake_oap_freep) FakeOap *ebpf = fake_oap_new(NULL);
        Answers a = {};
        WireBed b;

        wire_bed_init(&b, NULL, NULL, fake_oap_address(ebpf));
        wire_bed_add(&b, "GENERAL", "php");
        wire_bed_run(&b, 60);
        cr_assert_eq(call(&b, OAP_CHANNEL_MAIN, METERS, 1, OAP_CALL_TIMEOUT_USEC, &a), 0);
        wire_bed_finish(&b);
        cr_expect_eq(a.n_ok, 1);

        cr_expect_eq(fake_oap_n_calls(b.oap, NULL), 1);
        cr_expect_eq(fake_oap_n_calls(b.oap, METERS), 1);
        cr_expect_geq(fake_oap_n_calls(ebpf, KEEP_ALIVE), 3);
        cr_expect_eq(fake_oap_n_calls(ebpf, METERS), 0);

        /* The loss of one is not that of the other. */
        fake_oap_kill(b.oap);
        (void) call(&b, OAP_CHANNEL_MAIN, METERS, 1, OAP_CALL_TIMEOUT_USEC, &a);
        wire_bed_finish(&b);
        cr_expect_eq(b.state, OAP_STATE_AWAY);
        fake_oap_forget(ebpf);
        wire_bed_run(&b, 60);
        cr_expect_geq(fake_oap_n_calls(ebpf, "keepAlive"), 3);
        wire_bed_done(&b);
}

Test(oap_wire_transport, an_oap_that_is_killed_and_restarted_knows_all_soon) {
        WireBed b;

        wire_bed_init(&b, fake_oap_new(&(FakeOapOptions){ .tcp = true }), NULL, NULL);
        for (size_t i = 0; i < 20; i++) {
                char name[16];

                (void) snprintf(name, sizeof(name), "p%zu", i);
                wire_bed_add(&b, "GENERAL", name);
        }

        for (size_t round = 0; round < 3; round++) {
                wire_bed_run(&b, 40);
                cr_expect_eq(b.state, OAP_STATE_CONNECTED);
                if (round == 1)
                        fake_oap_stop(b.oap);
                else
                        fake_oap_kill(b.oap);
                wire_bed_run(&b, 120);
                cr_expect_eq(b.state, OAP_STATE_AWAY);
                expect_said(&b, fake_oap_address(b.oap));

                fake_oap_restart(b.oap);
                fake_oap_forget(b.oap);
                wire_bed_run(&b, 62);
                cr_expect_eq(b.state, OAP_STATE_CONNECTED);
                cr_expect_eq(fake_oap_n_calls(b.oap, "reportProcesses"), 1, "round %zu", round);
        }
        cr_expect_eq(b.n_told, 7);
        wire_bed_done(&b);
}

Test(oap_wire_transport, an_oap_that_is_frozen_costs_a_deadline_and_no_more) {
        Answers a = {};
        WireBed b;

        wire_bed_init(&b, NULL, NULL, NULL);
        wire_bed_add(&b, "GENERAL", "php");
        wire_bed_run(&b, 10);
        fake_oap_freeze(b.oap);
        cr_assert_eq(call(&b, OAP_CHANNEL_EBPF, KEEP_ALIVE, 1, USEC_PER_SEC / 5, &a), 0);
        wire_bed_finish(&b);
        cr_expect_eq(a.status, OAP_STATUS_DEADLINE_EXCEEDED);
        cr_expect_eq(b.state, OAP_STATE_AWAY);

        fake_oap_thaw(b.oap);
        wire_bed_run(&b, 10);
        cr_expect_eq(b.state, OAP_STATE_CONNECTED);
        wire_bed_done(&b);
}

Test(oap_wire_transport, garbage_for_an_answer_is_no_harm) {
        static const char *const answers[] = { "\xff", "\x0a\xff\xff\xff\xff\x0f", "\x0a\x02\x12\x00" };

        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                WireBed b;

                wire_bed_init(&b, NULL, NULL, NULL);
                fake_oap_answer(b.oap,
                                NULL,
                                &(FakeOapAnswer){ .bytes = answers[i], .size = strlen(answers[i]) + 1 });
                wire_bed_add(&b, "GENERAL", "php");
                wire_bed_run(&b, 60);
                cr_expect_null(oap_registry_id(b.identities[0]));
                cr_expect_leq(fake_oap_n_calls(b.oap, NULL), 6);
                wire_bed_done(&b);
        }
}

Test(oap_wire_transport, a_hundred_megabytes_for_an_answer_are_not_taken) {
        WireBed b;

        wire_bed_init(&b, NULL, NULL, NULL);
        fake_oap_answer(b.oap, "reportProcesses", &(FakeOapAnswer){ .filler = 100U << 20, .n_calls = 1 });
        wire_bed_add(&b, "GENERAL", "php");
        wire_bed_settle(&b);
        cr_expect_eq(b.state, OAP_STATE_BUSY);
        cr_expect_null(oap_registry_id(b.identities[0]));
        cr_expect_lt(wire_bed_status(&b).n_bytes_received, OAP_RESPONSE_MAX);

        wire_bed_run(&b, 10);
        cr_expect_not_null(oap_registry_id(b.identities[0]));
        wire_bed_done(&b);
}
