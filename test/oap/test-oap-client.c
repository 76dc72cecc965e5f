/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-transport.h"
#include "oap/oap-client.h"

#include "basic/utf8.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_client, .timeout = 10);

#define KEEP_ALIVE "/skywalking.v3.EBPFProcessService/keepAlive"
#define METERS "/skywalking.v3.MeterReportService/collectBatch"

/* Who waits for answers, and who is told of states. */
typedef struct World {
        OapTransport *transport;
        OapClient *client;
        unsigned n_told;
        OapState before, state;
        unsigned n_answers;
        int status;
        char message[64], response[64];
        usec_t now_usec;
} World;

static void on_state(const OapClientStatus *status, OapState before, void *userdata) {
        World *w = userdata;

        w->n_told++;
        w->before = before;
        w->state = status->state;
}

static void on_answer(const OapCallResult *result, void *userdata) {
        World *w = userdata;

        w->n_answers++;
        w->status = result->status;
        (void) snprintf(w->message, sizeof(w->message), "%s", result->message);
        (void) snprintf(w->response,
                        sizeof(w->response),
                        "%.*s",
                        (int) result->response.size,
                        (const char *) result->response.data);
}

static void world_init(World *w) {
        *w = (World){ .transport = fake_transport_new(), .now_usec = 1000 * USEC_PER_SEC };
        cr_assert_eq(oap_client_new(&fake_transport_ops, w->transport, 7, on_state, w, &w->client), 0);
}

static void world_done(World *w) {
        w->client = oap_client_free(w->client);
}

static int call_on(World *w, OapChannel channel, const char *method, void *userdata) {
        static const OapSlice message = { (const uint8_t *) "hello", 5 };

        return oap_client_call(
                        w->client,
                        &(const OapCallRequest){ channel, method, &message, 1, OAP_CALL_TIMEOUT_USEC },
                        w->now_usec,
                        on_answer,
                        userdata);
}

static int call(World *w, const char *method) {
        return call_on(w, OAP_CHANNEL_EBPF, method, w);
}

static void dispatch(World *w) {
        oap_client_dispatch(w->client, w->now_usec);
}

static void answer(World *w, const char *method, const char *response) {
        OapCall *waiting = fake_transport_find(w->transport, method);

        cr_assert_not_null(waiting, "no call of %s waits", method);
        fake_call_answer(waiting, response, strlen(response));
        dispatch(w);
}

static void fail(World *w, const char *method, int status, const char *message) {
        OapCall *waiting = fake_transport_find(w->transport, method);

        cr_assert_not_null(waiting, "no call of %s waits", method);
        fake_call_fail(waiting, status, message);
        dispatch(w);
}

static void connect(World *w) {
        cr_assert_eq(call(w, KEEP_ALIVE), 0);
        answer(w, KEEP_ALIVE, "");
        cr_assert_eq(w->state, OAP_STATE_CONNECTED);
}

static OapClientStatus status_of(const World *w) {
        OapClientStatus status;

        oap_client_status(w->client, &status);
        return status;
}

static bool is_said(const World *w, const char *text) {
        return strstr(status_of(w).last_error, text);
}

#define expect_said(w, text) \
        cr_expect(is_said(w, text), "\"%s\" is not in \"%s\"", text, status_of(w).last_error)

Test(oap_client, an_answer_reaches_who_asked_and_connects) {
        World w;

        world_init(&w);
        cr_expect_eq(status_of(&w).state, OAP_STATE_CONNECTING);
        cr_expect(oap_client_may_call(w.client, w.now_usec));

        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        cr_expect_eq(w.n_answers, 0, "never from within");
        cr_expect_not(oap_client_may_call(w.client, w.now_usec), "one attempt at first");
        cr_expect_eq(call(&w, KEEP_ALIVE), -EAGAIN);

        answer(&w, KEEP_ALIVE, "yes");
        cr_expect_eq(w.n_answers, 1);
        cr_expect_eq(w.status, OAP_STATUS_OK);
        cr_expect_str_eq(w.response, "yes");
        cr_expect_eq(w.n_told, 1);
        cr_expect_eq(w.before, OAP_STATE_CONNECTING);
        cr_expect_eq(w.state, OAP_STATE_CONNECTED);

        cr_expect_str_eq(status_of(&w).peer, "192.0.2.1:11800");
        cr_expect_eq(status_of(&w).since_usec, w.now_usec);
        cr_expect_eq(status_of(&w).n_bytes_sent, 5);
        cr_expect_eq(status_of(&w).n_bytes_received, 3);
        cr_expect_eq(status_of(&w).retry_usec, 0);
        world_done(&w);
}

Test(oap_client, item_37_no_more_than_four_calls_at_once_and_a_bounded_queue) {
        World w;

        world_init(&w);
        connect(&w);

        for (size_t i = 0; i < OAP_CALLS_MAX + OAP_QUEUE_MAX; i++)
                cr_assert_eq(call_on(&w, i % 2 ? OAP_CHANNEL_MAIN : OAP_CHANNEL_EBPF, KEEP_ALIVE, &w), 0);

        cr_expect_eq(fake_transport_n_waiting(w.transport),
                     OAP_CALLS_MAX,
                     "one server, whatever the channel");
        cr_expect_eq(call(&w, KEEP_ALIVE), -ENOBUFS);
        cr_expect_not(oap_client_may_call(w.client, w.now_usec));
        cr_expect_eq(status_of(&w).n_queued, OAP_QUEUE_MAX);
        cr_expect_gt(oap_client_retry_usec(w.client, OAP_CHANNEL_MAIN, KEEP_ALIVE, w.now_usec), w.now_usec);

        for (size_t i = 0; i < OAP_CALLS_MAX + OAP_QUEUE_MAX; i++) {
                cr_expect_leq(fake_transport_n_waiting(w.transport), OAP_CALLS_MAX);
                answer(&w, KEEP_ALIVE, "");
        }

        cr_expect_eq(w.n_answers, 1 + OAP_CALLS_MAX + OAP_QUEUE_MAX);
        cr_expect_eq(status_of(&w).n_queued + status_of(&w).n_running, 0);
        cr_expect_eq(status_of(&w).n_bytes_sent, 5 * status_of(&w).n_calls, "of queued ones, too");
        world_done(&w);
}

Test(oap_client, item_40_two_addresses_are_two_channels) {
        World w;

        world_init(&w);
        cr_assert_eq(oap_client_set_addresses(w.client, "a:11800", "a:11900"), 0);
        connect(&w);

        for (size_t i = 0; i < OAP_CALLS_MAX; i++)
                cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        cr_assert_eq(call_on(&w, OAP_CHANNEL_MAIN, METERS, &w), 0);
        cr_expect_eq(fake_transport_n_waiting(w.transport), OAP_CALLS_MAX + 1);
        cr_expect_eq(fake_transport_find(w.transport, "collectBatch")->channel, OAP_CHANNEL_MAIN);
        cr_expect_eq(fake_transport_find(w.transport, "keepAlive")->channel, OAP_CHANNEL_EBPF);

        /* One of them goes away: the other is used. */
        fail(&w, METERS, OAP_STATUS_UNAVAILABLE, "gone");
        cr_expect_eq(w.state, OAP_STATE_AWAY);
        expect_said(&w, "a:11800");
        cr_expect_eq(call_on(&w, OAP_CHANNEL_MAIN, METERS, &w), -EAGAIN);
        cr_expect(oap_client_may_call(w.client, w.now_usec));
        answer(&w, KEEP_ALIVE, "");
        cr_expect_eq(call(&w, KEEP_ALIVE), 0);
        world_done(&w);
}

Test(oap_client, while_oap_is_away_there_is_one_attempt_per_back_off_doubling_up_to_the_longest) {
        usec_t longest_usec = OAP_BACKOFF_MIN_USEC;
        World w;

        world_init(&w);
        connect(&w);
        for (size_t i = 0; i < OAP_CALLS_MAX + 3; i++)
                cr_assert_eq(call(&w, KEEP_ALIVE), 0);

        /* All of them fail at once: that is one failure. Those that wait are told without being sent. */
        cr_assert_eq(fake_transport_fail_all(w.transport, OAP_STATUS_UNAVAILABLE, ""), OAP_CALLS_MAX);
        dispatch(&w);
        cr_expect_eq(w.n_answers, 1 + OAP_CALLS_MAX + 3);
        cr_expect_eq(w.status, OAP_STATUS_UNAVAILABLE);
        cr_expect_eq(w.state, OAP_STATE_AWAY);
        cr_expect_eq(w.n_told, 2);
        cr_expect_str_eq(status_of(&w).peer, "");
        cr_expect_eq(fake_transport_n_started(w.transport, ""), 1 + OAP_CALLS_MAX);

        for (size_t i = 0; i < 12; i++) {
                usec_t retry_usec = status_of(&w).retry_usec;

                cr_expect_geq(retry_usec - w.now_usec, longest_usec / 2);
                cr_expect_leq(retry_usec - w.now_usec, longest_usec);
                cr_expect_eq(oap_client_retry_usec(w.client, OAP_CHANNEL_EBPF, KEEP_ALIVE, w.now_usec),
                             retry_usec);

                w.now_usec = retry_usec - 1;
                cr_expect_not(oap_client_may_call(w.client, w.now_usec));
                cr_expect_eq(call(&w, KEEP_ALIVE), -EAGAIN);

                w.now_usec = retry_usec;
                cr_expect(oap_client_may_call(w.client, w.now_usec));
                cr_expect_eq(call(&w, KEEP_ALIVE), 0);
                cr_expect_eq(call(&w, KEEP_ALIVE), -EAGAIN);
                fail(&w, KEEP_ALIVE, OAP_STATUS_UNAVAILABLE, "");
                longest_usec = MIN_OF(2 * longest_usec, OAP_BACKOFF_MAX_USEC);
        }

        cr_expect_eq(w.n_told, 2, "not for each attempt");
        cr_expect_eq(oap_client_n_returns(w.client), 0);

        w.now_usec = status_of(&w).retry_usec;
        connect(&w);
        cr_expect_eq(w.n_told, 3);
        cr_expect_eq(oap_client_n_returns(w.client), 1);
        cr_expect_gt(strlen(status_of(&w).last_error), 0, "kept when it is over");
        world_done(&w);
}

Test(oap_client, a_connection_that_does_not_hold_starts_the_back_off_where_it_was) {
        World w;
        usec_t longest_usec = OAP_BACKOFF_MIN_USEC;

        world_init(&w);
        for (size_t i = 0; i < 5; i++) {
                cr_assert_eq(call(&w, KEEP_ALIVE), 0);
                answer(&w, KEEP_ALIVE, "");
                cr_assert_eq(call(&w, KEEP_ALIVE), 0);
                fail(&w, KEEP_ALIVE, OAP_STATUS_RESOURCE_EXHAUSTED, "Watermark exceeded");
                cr_expect_eq(w.state, OAP_STATE_BUSY);
                cr_expect_geq(status_of(&w).retry_usec - w.now_usec, longest_usec / 2);
                longest_usec *= 2;
                w.now_usec = status_of(&w).retry_usec;
        }

        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        answer(&w, KEEP_ALIVE, "");
        w.now_usec += USEC_PER_MINUTE;
        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        fail(&w, KEEP_ALIVE, OAP_STATUS_UNAVAILABLE, "");
        cr_expect_leq(status_of(&w).retry_usec - w.now_usec, OAP_BACKOFF_MIN_USEC, "this one had held");
        world_done(&w);
}

Test(oap_client, item_39_busy_is_a_state_with_a_back_off) {
        World w;

        world_init(&w);
        connect(&w);
        cr_assert_eq(call(&w, METERS), 0);
        fail(&w, METERS, OAP_STATUS_RESOURCE_EXHAUSTED, "Watermark exceeded");

        cr_expect_eq(w.state, OAP_STATE_BUSY);
        expect_said(&w, "too busy for collectBatch: Watermark exceeded");
        cr_expect_eq(call(&w, KEEP_ALIVE), -EAGAIN);
        w.now_usec = status_of(&w).retry_usec;
        connect(&w);
        cr_expect_eq(oap_client_n_returns(w.client), 0, "it was there all the time");
        world_done(&w);
}

Test(oap_client, item_38_a_wrong_token_waits_long_and_says_what_to_change) {
        World w;

        world_init(&w);
        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        fail(&w, KEEP_ALIVE, OAP_STATUS_PERMISSION_DENIED, "");

        cr_expect_eq(w.state, OAP_STATE_REFUSED);
        cr_expect_eq(w.n_told, 1);
        expect_said(&w, "oap.token");
        expect_said(&w, "SW_AUTHENTICATION");
        cr_expect_geq(status_of(&w).retry_usec - w.now_usec, OAP_REFUSED_BACKOFF_USEC / 2);
        cr_expect_eq(call(&w, METERS), -EAGAIN);

        w.now_usec = status_of(&w).retry_usec;
        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        fail(&w, KEEP_ALIVE, OAP_STATUS_UNAUTHENTICATED, "");
        cr_expect_eq(w.n_told, 1, "said once");
        world_done(&w);
}

Test(oap_client, item_38_a_service_that_is_not_there_stops_itself_alone) {
        World w;

        world_init(&w);
        connect(&w);
        cr_assert_eq(call(&w, METERS), 0);
        fail(&w, METERS, OAP_STATUS_UNIMPLEMENTED, "Method not found: " METERS);

        cr_expect_eq(w.state, OAP_STATE_CONNECTED);
        cr_expect_eq(w.n_told, 2, "that a method is missing");
        cr_expect_eq(status_of(&w).n_refused_methods, 1);
        expect_said(&w, "has no MeterReportService: switch its receiver-meter on");

        cr_expect_eq(call(&w, METERS), -EAGAIN);
        cr_expect_geq(oap_client_retry_usec(w.client, OAP_CHANNEL_MAIN, METERS, w.now_usec),
                      w.now_usec + OAP_REFUSED_BACKOFF_USEC / 2);
        cr_expect_eq(call(&w, KEEP_ALIVE), 0);
        answer(&w, KEEP_ALIVE, "");

        /* It is asked again, and there. */
        w.now_usec += OAP_REFUSED_BACKOFF_USEC;
        cr_assert_eq(call(&w, METERS), 0);
        answer(&w, METERS, "");
        cr_expect_eq(status_of(&w).n_refused_methods, 0);
        cr_expect_eq(w.n_told, 3);
        cr_expect_eq(w.before, w.state);
        world_done(&w);
}

Test(oap_client, a_server_without_any_of_our_services_refuses_until_one_is_there) {
        World w;

        world_init(&w);
        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        fail(&w, KEEP_ALIVE, OAP_STATUS_UNIMPLEMENTED, "");
        cr_expect_eq(w.state, OAP_STATE_REFUSED);
        expect_said(&w, "has no EBPFProcessService");
        expect_said(&w, "EbpfAddress=");

        cr_assert_eq(call(&w, METERS), 0, "others may be there");
        answer(&w, METERS, "");
        cr_expect_eq(w.state, OAP_STATE_CONNECTED);
        cr_expect_eq(call(&w, KEEP_ALIVE), -EAGAIN);

        /* Another OAP, or the same with another configuration. */
        cr_assert_eq(call(&w, METERS), 0);
        fail(&w, METERS, OAP_STATUS_UNAVAILABLE, "");
        w.now_usec = status_of(&w).retry_usec;
        cr_assert_eq(call(&w, METERS), 0);
        answer(&w, METERS, "");
        cr_expect_eq(call(&w, KEEP_ALIVE), 0);
        world_done(&w);
}

Test(oap_client, a_deadline_counts_only_when_nothing_else_was_answered) {
        World w;

        world_init(&w);
        connect(&w);
        cr_assert_eq(call(&w, METERS), 0);
        w.now_usec += USEC_PER_SEC;
        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        answer(&w, KEEP_ALIVE, "");
        w.now_usec += 9 * USEC_PER_SEC;
        fail(&w, METERS, OAP_STATUS_DEADLINE_EXCEEDED, "Deadline Exceeded");
        cr_expect_eq(w.state, OAP_STATE_CONNECTED);
        cr_expect_eq(w.status, OAP_STATUS_DEADLINE_EXCEEDED);

        cr_assert_eq(call(&w, METERS), 0);
        w.now_usec += 10 * USEC_PER_SEC;
        fail(&w, METERS, OAP_STATUS_DEADLINE_EXCEEDED, "Deadline Exceeded");
        cr_expect_eq(w.state, OAP_STATE_AWAY);
        expect_said(&w, "did not answer collectBatch in time");
        cr_expect_not(is_said(&w, "TLS"));
        world_done(&w);
}

Test(oap_client, what_a_handler_refuses_says_that_oap_is_there) {
        static const int statuses[] = { 1, 2, 3, 5, 6, 9, 10, 11, 13, 15, 99 };
        World w;

        world_init(&w);
        for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
                cr_assert_eq(call(&w, KEEP_ALIVE), 0);
                fail(&w, KEEP_ALIVE, statuses[i], "Application error processing RPC");
                cr_expect_eq(w.state, OAP_STATE_CONNECTED, "status %i", statuses[i]);
                cr_expect_eq(w.status, statuses[i]);
                cr_expect_not(oap_status_is_of_connection(statuses[i]));
        }

        expect_said(&w, "refused keepAlive (status 99): Application error processing RPC");
        cr_expect_not(oap_status_is_of_connection(OAP_STATUS_OK));
        cr_expect(oap_status_is_of_connection(OAP_STATUS_DEADLINE_EXCEEDED));
        cr_expect(oap_status_is_of_connection(OAP_STATUS_UNIMPLEMENTED));
        world_done(&w);
}

Test(oap_client, what_was_started_before_a_failure_says_nothing_of_what_is_now) {
        World w;

        world_init(&w);
        connect(&w);
        cr_assert_eq(call(&w, METERS), 0);
        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        fail(&w, METERS, OAP_STATUS_UNAVAILABLE, "");
        answer(&w, KEEP_ALIVE, "");
        cr_expect_eq(w.state, OAP_STATE_AWAY);
        cr_expect_eq(w.n_told, 2);
        world_done(&w);
}

Test(oap_client, who_forgets_is_not_called_and_an_attempt_is_free_again) {
        World w;
        int other;

        world_init(&w);
        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        oap_client_forget(w.client, &w);
        cr_expect(fake_transport_n_waiting(w.transport) == 0, "cancelled");
        dispatch(&w);
        cr_expect_eq(w.n_answers, 0);
        cr_expect_eq(w.n_told, 0, "our own CANCELLED is no answer");
        cr_expect(oap_client_may_call(w.client, w.now_usec));

        connect(&w);
        for (size_t i = 0; i < OAP_CALLS_MAX; i++)
                cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        cr_assert_eq(call_on(&w, OAP_CHANNEL_EBPF, METERS, &other), 0);
        cr_assert_eq(call(&w, METERS), 0);
        oap_client_forget(w.client, &other);
        cr_expect_eq(status_of(&w).n_queued, 1);
        oap_client_forget(w.client, &w);
        cr_expect_eq(status_of(&w).n_queued, 0);
        dispatch(&w);
        cr_expect_eq(w.n_answers, 1);
        cr_expect_eq(status_of(&w).n_running, 0);
        cr_expect_eq(w.state, OAP_STATE_CONNECTED);
        world_done(&w);
}

Test(oap_client, who_waits_at_the_end_is_told) {
        World w;

        world_init(&w);
        connect(&w);
        for (size_t i = 0; i < OAP_CALLS_MAX + 2; i++)
                cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        world_done(&w);
        cr_expect_eq(w.n_answers, 1 + OAP_CALLS_MAX + 2);
        cr_expect_eq(w.status, OAP_STATUS_CANCELLED);
}

Test(oap_client, a_call_that_cannot_be_started) {
        World w;

        world_init(&w);
        fake_transport_set_start_error(w.transport, -ENOMEM);
        cr_expect_eq(call(&w, KEEP_ALIVE), -ENOMEM);
        fake_transport_set_start_error(w.transport, 0);
        connect(&w);

        for (size_t i = 0; i < OAP_CALLS_MAX + 1; i++)
                cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        fake_transport_set_start_error(w.transport, -ENOMEM);
        answer(&w, KEEP_ALIVE, "");
        cr_expect_eq(w.n_answers, 3, "the one that waited is told, too");
        cr_expect_eq(w.status, OAP_STATUS_UNAVAILABLE);
        cr_expect_eq(w.state, OAP_STATE_CONNECTED);
        world_done(&w);
}

/* Texts as gRPC 1.51 has them. */
Test(oap_client, errors_say_what_to_change) {
        static const struct {
                int status;
                const char *message, *words;
                OapState state;
        } rows[] = {
                { 14,
                  "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:11800: Failed to "
                  "connect to remote host: Connection refused",
                  "no OAP answers at 10.0.0.1:11800: Connection refused",
                  OAP_STATE_AWAY },
                { 14,
                  "failed to connect to all addresses; last error: UNAVAILABLE: ipv6:%5B::1%5D:11800: timeout",
                  "no OAP answers at [::1]:11800: timeout",
                  OAP_STATE_AWAY },
                { 14,
                  "DNS resolution failed for oap.example:11800: Domain name not found",
                  "no OAP answers at oap.example:11800: DNS resolution failed for oap.example:11800: Domain",
                  OAP_STATE_AWAY },
                { 14,
                  "last error: UNKNOWN: ipv4:10.0.0.1:1: Ssl handshake failed: SSL_ERROR_SSL: "
                  "error:0A000086:SSL routines::certificate verify failed",
                  "the certificate of the OAP at 10.0.0.1:1 is not trusted: check that CAFile= has its CA",
                  OAP_STATE_REFUSED },
                { 14,
                  "Ssl handshake failed: certificate verify failed: certificate has expired",
                  "the certificate of the OAP at oap.example:11800 has expired: renew it there",
                  OAP_STATE_REFUSED },
                { 14,
                  "Ssl handshake failed: SSL routines::sslv3 alert certificate expired",
                  "our own certificate has expired, says the OAP at oap.example:11800",
                  OAP_STATE_REFUSED },
                { 14,
                  "SSL routines::tlsv13 alert certificate required",
                  "does not take our certificate: check CertificateFile= and KeyFile=",
                  OAP_STATE_REFUSED },
                { 14,
                  "Ssl handshake failed: error:0A00010B:SSL routines::wrong version number",
                  "does not speak TLS: set TLS=no",
                  OAP_STATE_REFUSED },
                { 14,
                  "Peer name oap.example is not in peer certificate",
                  "set ServerName=",
                  OAP_STATE_REFUSED },
                { 4, "Deadline Exceeded", "in time (if it expects TLS: set TLS=yes)", OAP_STATE_AWAY },
                { 7,
                  "",
                  "the token was refused by the OAP at oap.example:11800: put the",
                  OAP_STATE_REFUSED },
                { 8, "Received message larger than max", "larger than max", OAP_STATE_BUSY },
                { 14,
                  "bad \xff\x01 bytes",
                  "no OAP answers at oap.example:11800: bad ?? bytes",
                  OAP_STATE_AWAY },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                World w;

                world_init(&w);
                cr_assert_eq(oap_client_set_addresses(w.client, "oap.example:11800", ""), 0);
                cr_assert_eq(call(&w, KEEP_ALIVE), 0);
                fail(&w, KEEP_ALIVE, rows[i].status, rows[i].message);
                expect_said(&w, rows[i].words);
                cr_expect_eq(w.state, rows[i].state, "%s", rows[i].message);
                world_done(&w);
        }
}

Test(oap_client, foreign_texts_are_bounded_and_clean) {
        char text[4096], peer[128];
        OapClientStatus status;
        World w;

        for (size_t i = 0; i + 2 < sizeof(text); i += 2)
                memcpy(text + i, "\xc3\xa4", 3);
        memset(peer, 'p', sizeof(peer) - 1);
        peer[sizeof(peer) - 1] = '\0';

        world_init(&w);
        fake_transport_set_peer(w.transport, peer);
        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        fail(&w, KEEP_ALIVE, OAP_STATUS_UNKNOWN, text);
        status = status_of(&w);
        cr_expect(utf8_is_valid(status.last_error, strlen(status.last_error)));
        cr_expect_lt(strlen(status.last_error), sizeof(status.last_error));
        cr_expect_gt(strlen(status.peer), 100);
        world_done(&w);
}

Test(oap_client, hosts_do_not_stay_together) {
        unsigned n_equal = 0;
        World w, other;

        world_init(&w);
        world_init(&other);
        other.client = oap_client_free(other.client);
        other.transport = fake_transport_new();
        cr_assert_eq(oap_client_new(&fake_transport_ops, other.transport, 8, NULL, NULL, &other.client), 0);

        for (size_t i = 0; i < 1000; i++) {
                usec_t a = oap_client_jittered(w.client, 10 * USEC_PER_SEC),
                       b = oap_client_jittered(other.client, 10 * USEC_PER_SEC);

                cr_expect_geq(a, 9 * USEC_PER_SEC);
                cr_expect_leq(a, 11 * USEC_PER_SEC);
                n_equal += a == b;
        }

        cr_expect_lt(n_equal, 5);
        world_done(&w);
        world_done(&other);
}
