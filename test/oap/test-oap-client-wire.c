/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap.h"
#include "host/clock.h"
#include "oap/certificates.h"
#include "oap/oap-client.h"
#include "oap/transport-bed.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

/* The client by real gRPC on a server: what the wire shows of conformance items 37 to 40, and what an
 * operator reads of errors as gRPC words them. The client's time is the test's: back-offs cost nothing. */

TestSuite(oap_client_wire, .timeout = 60);

typedef struct Wire {
        OapClient *client;
        const OapTransportOps *ops;
        OapTransport *transport; /* the client's */
        usec_t now_usec;
        unsigned n_answers, n_ok;
        unsigned n_states[_OAP_STATE_MAX]; /* times told */
} Wire;

static void on_state(const OapClientStatus *status, OapState before, void *userdata) {
        Wire *w = userdata;

        w->n_states[status->state]++;
}

static void on_answer(const OapCallResult *result, void *userdata) {
        Wire *w = userdata;

        w->n_answers++;
        w->n_ok += result->status == OAP_STATUS_OK;
}

static void wire_init(Wire *w, const OapTransportConfig *config) {
        TransportBed b = {};

        transport_bed_open(&b, config);
        w->ops = b.ops;
        w->transport = b.transport;
        w->now_usec = 1000 * USEC_PER_SEC;
        cr_assert_eq(oap_client_new(b.ops, b.transport, 1, on_state, w, &w->client), 0);
        cr_assert_eq(oap_client_set_addresses(
                                     w->client,
                                     config->addresses[OAP_CHANNEL_MAIN],
                                     config->addresses[OAP_CHANNEL_EBPF]),
                     0);
}

static void wire_done(Wire *w) {
        w->client = oap_client_free(w->client);
}

static int call(Wire *w, OapChannel channel, const char *method, size_t n_messages, uint64_t timeout_usec) {
        static const OapSlice messages[100];

        return oap_client_call(
                        w->client,
                        &(OapCallRequest){ .channel = channel,
                                           .method = method,
                                           .messages = messages,
                                           .n_messages = n_messages,
                                           .timeout_usec = timeout_usec },
                        w->now_usec,
                        on_answer,
                        w);
}

/* Until so many calls have been answered, however. */
static void answers(Wire *w, unsigned n) {
        usec_t end_usec = clock_monotonic_usec() + 30 * USEC_PER_SEC;

        while (w->n_answers < n) {
                struct pollfd p = { .fd = w->ops->fd(w->transport), .events = POLLIN };

                cr_assert_lt(clock_monotonic_usec(), end_usec);
                (void) poll(&p, 1, 100);
                oap_client_dispatch(w->client, w->now_usec);
        }
        cr_assert_eq(w->n_answers, n);
}

static OapClientStatus one_call(Wire *w) {
        OapClientStatus status;

        cr_assert_eq(call(w, OAP_CHANNEL_MAIN, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC), 0);
        answers(w, w->n_answers + 1);
        oap_client_status(w->client, &status);
        return status;
}

Test(oap_client_wire, item_37_four_calls_at_once_are_enough_for_an_old_oap) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(&(FakeOapOptions){ .streams_max = 4 });
        _cleanup_(wire_done) Wire w = {};

        wire_init(&w, &(OapTransportConfig){ .addresses = { fake_oap_address(f) } });
        (void) one_call(&w);
        fake_oap_answer(f, NULL, &(FakeOapAnswer){ .delay_usec = 20000 });
        for (unsigned i = 0; i < 20; i++)
                cr_assert_eq(call(&w,
                                  i % 2 ? OAP_CHANNEL_EBPF : OAP_CHANNEL_MAIN,
                                  BED_KEEP_ALIVE,
                                  1,
                                  BED_TIMEOUT_USEC),
                             0);
        answers(&w, 21);
        cr_expect_eq(w.n_ok, 21);
        cr_expect_leq(fake_oap_n_calls_peak(f), OAP_CALLS_MAX);
        cr_expect_gt(fake_oap_n_calls_peak(f), 1);
}

Test(oap_client_wire, item_37_a_server_that_never_answers_holds_nothing) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(wire_done) Wire w = {};
        OapClientStatus status;

        wire_init(&w, &(OapTransportConfig){ .addresses = { fake_oap_address(f) } });
        (void) one_call(&w);
        w.now_usec += USEC_PER_SEC; /* what was answered before says nothing of these */
        fake_oap_freeze(f);
        for (unsigned i = 0; i < 4; i++)
                cr_assert_eq(call(&w, OAP_CHANNEL_MAIN, i % 2 ? BED_COLLECT : BED_KEEP_ALIVE, 100, 300000),
                             0);
        answers(&w, 5);
        oap_client_status(w.client, &status);
        cr_expect_eq(status.n_running + status.n_queued, 0);
        cr_expect_eq(status.state, OAP_STATE_AWAY);
        cr_expect(strstr(status.last_error, "did not answer"), "%s", status.last_error);
        cr_expect_eq(call(&w, OAP_CHANNEL_MAIN, BED_KEEP_ALIVE, 1, 300000), -EAGAIN);

        fake_oap_thaw(f);
        w.now_usec = status.retry_usec;
        cr_expect_eq(one_call(&w).state, OAP_STATE_CONNECTED);
}

/* Asked each second for an hour. */
static size_t n_calls_in_an_hour(Wire *w, FakeOap *f) {
        fake_oap_forget(f);
        for (unsigned i = 0; i < 3600; i++) {
                w->now_usec += USEC_PER_SEC;
                if (call(w, OAP_CHANNEL_MAIN, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC) == 0)
                        answers(w, w->n_answers + 1);
        }

        return fake_oap_n_calls(f, NULL);
}

Test(oap_client_wire, item_38_the_token_is_in_each_call_and_a_wrong_one_is_rarely_tried) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(wire_done) Wire w = {};
        OapClientStatus status;
        FakeOapCall seen;

        fake_oap_require_token(f, "secret");
        wire_init(&w, &(OapTransportConfig){ .addresses = { fake_oap_address(f) }, .token = "wrong" });
        status = one_call(&w);
        cr_expect_eq(status.state, OAP_STATE_REFUSED);
        cr_expect(strstr(status.last_error, "the token was refused"), "%s", status.last_error);
        cr_expect_leq(n_calls_in_an_hour(&w, f), 3600 / (OAP_REFUSED_BACKOFF_USEC / USEC_PER_SEC / 2) + 1);
        cr_expect_geq(fake_oap_n_calls(f, NULL), 1);
        for (size_t i = 0; i < fake_oap_n_calls(f, NULL); i++) {
                fake_oap_call(f, NULL, i, &seen);
                cr_expect_str_eq(seen.token, "wrong");
        }
        cr_expect_eq(w.n_states[OAP_STATE_REFUSED], 1, "said once");

        fake_oap_require_token(f, "wrong");
        w.now_usec += OAP_REFUSED_BACKOFF_USEC;
        cr_expect_eq(one_call(&w).state, OAP_STATE_CONNECTED);
}

Test(oap_client_wire, item_38_a_service_that_is_not_there_is_rarely_asked) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(wire_done) Wire w = {};

        fake_oap_answer(f,
                        "keepAlive",
                        &(FakeOapAnswer){ .status = OAP_STATUS_UNIMPLEMENTED, .text = "Method not found" });
        wire_init(&w, &(OapTransportConfig){ .addresses = { fake_oap_address(f) } });
        (void) one_call(&w);
        cr_expect_leq(n_calls_in_an_hour(&w, f), 3600 / (OAP_REFUSED_BACKOFF_USEC / USEC_PER_SEC / 2) + 1);
        cr_expect_geq(fake_oap_n_calls(f, NULL), 1);
}

Test(oap_client_wire, item_39_an_oap_that_is_full_is_asked_less_and_less) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(wire_done) Wire w = {};
        OapClientStatus status;

        wire_init(&w, &(OapTransportConfig){ .addresses = { fake_oap_address(f) } });
        fake_oap_answer(f,
                        NULL,
                        &(FakeOapAnswer){ .status = OAP_STATUS_RESOURCE_EXHAUSTED,
                                          .text = "Watermark exceeded" });
        status = one_call(&w);
        cr_expect_eq(status.state, OAP_STATE_BUSY);
        cr_expect(strstr(status.last_error, "Watermark exceeded"), "%s", status.last_error);
        /* 1, 2, 4 … 60 s, and half of each at the least */
        cr_expect_leq(n_calls_in_an_hour(&w, f), 10 + 3600 / 30);
        cr_expect_geq(fake_oap_n_calls(f, NULL), 3600 / 60);
}

Test(oap_client_wire, item_39_a_stream_that_is_ended_early_leaves_nothing) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(wire_done) Wire w = {};
        OapClientStatus status;

        wire_init(&w, &(OapTransportConfig){ .addresses = { fake_oap_address(f) } });
        (void) one_call(&w);
        fake_oap_answer(f,
                        "collectBatch",
                        &(FakeOapAnswer){ .status = OAP_STATUS_RESOURCE_EXHAUSTED,
                                          .text = "Watermark exceeded",
                                          .after_messages = 3 });
        cr_assert_eq(call(&w, OAP_CHANNEL_MAIN, BED_COLLECT, 100, BED_TIMEOUT_USEC), 0);
        answers(&w, 2);
        oap_client_status(w.client, &status);
        cr_expect_eq(status.n_running + status.n_queued, 0);
        cr_expect_eq(status.state, OAP_STATE_BUSY);
        cr_expect_eq(w.n_ok, 1);
}

Test(oap_client_wire, item_40_the_ebpf_address_is_used_for_what_is_of_it) {
        _cleanup_(fake_oap_freep) FakeOap *all = fake_oap_new(NULL), *ebpf = fake_oap_new(NULL);
        _cleanup_(wire_done) Wire w = {};

        wire_init(&w,
                  &(OapTransportConfig){ .addresses = { fake_oap_address(all), fake_oap_address(ebpf) } });
        cr_assert_eq(call(&w, OAP_CHANNEL_MAIN, BED_COLLECT, 1, BED_TIMEOUT_USEC), 0);
        answers(&w, 1);
        cr_assert_eq(call(&w, OAP_CHANNEL_EBPF, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC), 0);
        answers(&w, 2);
        cr_expect_eq(fake_oap_n_calls(all, "collectBatch"), 1);
        cr_expect_eq(fake_oap_n_calls(all, NULL), 1);
        cr_expect_eq(fake_oap_n_calls(ebpf, "keepAlive"), 1);
        cr_expect_eq(fake_oap_n_calls(ebpf, NULL), 1);
}

/* One call by TLS, and the words for what came of it. */
static void
expect_words(const Certificates *c,
             const char *address,
             const char *ca,
             const char *client,
             const char *words) {
        _cleanup_(freep) char *ca_text = certificates_text(c, ca), *certificate = NULL, *key = NULL;
        _cleanup_(wire_done) Wire w = {};
        OapClientStatus status;
        char name[64];

        if (client) {
                (void) snprintf(name, sizeof(name), "%s.pem", client);
                certificate = certificates_text(c, name);
                (void) snprintf(name, sizeof(name), "%s.key", client);
                key = certificates_text(c, name);
        }

        wire_init(&w,
                  &(OapTransportConfig){ .addresses = { address },
                                         .tls = true,
                                         .ca = ca_text,
                                         .certificate = certificate,
                                         .key = key });
        status = one_call(&w);
        cr_expect(strstr(status.last_error, words), "%s", status.last_error);
        cr_expect(strstr(status.last_error, address), "%s", status.last_error);
        cr_expect_neq(status.state, OAP_STATE_CONNECTED);
}

Test(oap_client_wire, what_is_wrong_with_tls_is_said_with_what_to_change) {
        _cleanup_(fake_oap_freep) FakeOap *plain = fake_oap_new(&(FakeOapOptions){ .tcp = true });
        _cleanup_(fake_oap_freep) FakeOap *good = NULL, *elsewhere = NULL, *expired = NULL;
        _cleanup_(certificates_done) Certificates c = {};

        certificates_init(&c);
        good = certificates_server(&c, "server", NULL);
        elsewhere = certificates_server(&c, "elsewhere", NULL);
        expired = certificates_server(&c, "expired", NULL);
        expect_words(&c, fake_oap_address(plain), "ca.pem", NULL, "does not speak TLS: set TLS=no");
        expect_words(&c, fake_oap_address(good), "other-ca.pem", NULL, "check that CAFile= has its CA");
        expect_words(&c, fake_oap_address(expired), "ca.pem", NULL, "and that it has not expired");
        expect_words(&c,
                     fake_oap_address(elsewhere),
                     "ca.pem",
                     NULL,
                     "is for another name: set ServerName=");
}
