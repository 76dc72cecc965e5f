/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/client-world.h"

#include "basic/utf8.h"

TestSuite(oap_client, .timeout = 10);

Test(oap_client, an_answer_reaches_who_asked_and_connects) {
        World w;

        client_world_init(&w);
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
        client_world_done(&w);
}

Test(oap_client, item_37_no_more_than_four_calls_at_once_and_a_bounded_queue) {
        World w;

        client_world_init(&w);
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
        client_world_done(&w);
}

Test(oap_client, item_40_two_addresses_are_two_channels) {
        World w;

        client_world_init(&w);
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
        client_world_done(&w);
}

Test(oap_client, who_forgets_is_not_called_and_an_attempt_is_free_again) {
        World w;
        int other;

        client_world_init(&w);
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
        client_world_done(&w);
}

static void on_end(const OapCallResult *result, void *userdata) {
        World *w = userdata;

        /* Nothing can be begun any more, and what is under way is no one's. */
        w->n_answers++;
        w->status = result->status;
        cr_expect_not(oap_client_may_call(w->client, w->now_usec));
        cr_expect_eq(call(w, KEEP_ALIVE), -EAGAIN);
        oap_client_forget(w->client, &w->status);
}

Test(oap_client, who_waits_at_the_end_is_told) {
        World w;

        client_world_init(&w);
        connect(&w);
        for (size_t i = 0; i < OAP_CALLS_MAX + 2; i++)
                cr_assert_eq(oap_client_call(w.client,
                                             &(const OapCallRequest){ .method = KEEP_ALIVE,
                                                                      .timeout_usec = 1 },
                                             w.now_usec,
                                             on_end,
                                             i == 1 ? (void *) &w.status : &w),
                             0);
        client_world_done(&w);
        cr_expect_eq(w.n_answers, 1 + OAP_CALLS_MAX + 1, "all but the one that was forgotten meanwhile");
        cr_expect_eq(w.status, OAP_STATUS_CANCELLED);
}

Test(oap_client, a_call_that_cannot_be_started) {
        World w;

        client_world_init(&w);
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
        client_world_done(&w);
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
                  "DNS resolution failed for oap.example:11800: C-ares status is not ARES_SUCCESS qtype=A "
                  "name=oap.example is_balancer=0: Domain name not found",
                  "the name in Address=, oap.example:11800, is not known: Domain name not found",
                  OAP_STATE_AWAY },
                { 14,
                  "last error: UNAVAILABLE: ipv4:127.0.0.1:80: Failed parsing HTTP/2",
                  "what answers at 127.0.0.1:80 is no OAP: check the port of Address=",
                  OAP_STATE_AWAY },
                { 14,
                  "last error: UNAVAILABLE: ipv4:127.0.0.1:80: Socket closed",
                  "it may expect TLS (TLS=yes)",
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

                client_world_init(&w);
                cr_assert_eq(oap_client_set_addresses(w.client, "oap.example:11800", ""), 0);
                cr_assert_eq(call(&w, KEEP_ALIVE), 0);
                fail(&w, KEEP_ALIVE, rows[i].status, rows[i].message);
                expect_said(&w, rows[i].words);
                cr_expect_eq(w.state, rows[i].state, "%s", rows[i].message);
                client_world_done(&w);
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

        client_world_init(&w);
        fake_transport_set_peer(w.transport, peer);
        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        fail(&w, KEEP_ALIVE, OAP_STATUS_UNKNOWN, text);
        status = status_of(&w);
        cr_expect(utf8_is_valid(status.last_error, strlen(status.last_error)));
        cr_expect_lt(strlen(status.last_error), sizeof(status.last_error));
        cr_expect_gt(strlen(status.peer), 100);
        client_world_done(&w);
}

Test(oap_client, hosts_do_not_stay_together) {
        unsigned n_equal = 0;
        World w, other;

        client_world_init(&w);
        client_world_init(&other);
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
        client_world_done(&w);
        client_world_done(&other);
}
