/* SPDX-License-Identifier: Apache-2.0 */
/* What a status says of the connection, and when it is tried again. */
#include "oap/client-world.h"

TestSuite(oap_client_states, .timeout = 10);

Test(oap_client_states, while_oap_is_away_there_is_one_attempt_per_back_off_doubling_up_to_the_longest) {
        usec_t longest_usec = OAP_BACKOFF_MIN_USEC;
        World w;

        client_world_init(&w);
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
        client_world_done(&w);
}

Test(oap_client_states, a_connection_that_does_not_hold_starts_the_back_off_where_it_was) {
        World w;
        usec_t longest_usec = OAP_BACKOFF_MIN_USEC;

        client_world_init(&w);
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
        client_world_done(&w);
}

Test(oap_client_states, item_39_busy_is_a_state_with_a_back_off) {
        World w;

        client_world_init(&w);
        connect(&w);
        cr_assert_eq(call(&w, METERS), 0);
        fail(&w, METERS, OAP_STATUS_RESOURCE_EXHAUSTED, "Watermark exceeded");

        cr_expect_eq(w.state, OAP_STATE_BUSY);
        expect_said(&w, "too busy for collectBatch: Watermark exceeded");
        cr_expect_eq(call(&w, KEEP_ALIVE), -EAGAIN);
        w.now_usec = status_of(&w).retry_usec;
        connect(&w);
        cr_expect_eq(oap_client_n_returns(w.client), 0, "it was there all the time");
        client_world_done(&w);
}

Test(oap_client_states, item_38_a_wrong_token_waits_long_and_says_what_to_change) {
        World w;

        client_world_init(&w);
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
        client_world_done(&w);
}

Test(oap_client_states, item_38_a_service_that_is_not_there_stops_itself_alone) {
        World w;

        client_world_init(&w);
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
        client_world_done(&w);
}

Test(oap_client_states, a_server_without_any_of_our_services_refuses_until_one_is_there) {
        World w;

        client_world_init(&w);
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
        client_world_done(&w);
}

Test(oap_client_states, a_deadline_counts_only_when_nothing_else_was_answered) {
        World w;

        client_world_init(&w);
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

        w.now_usec = status_of(&w).retry_usec;
        cr_assert_eq(call(&w, METERS), 0);
        fail(&w, METERS, OAP_STATUS_UNAVAILABLE, "Socket closed");
        cr_expect_not(is_said(&w, "TLS"), "it had answered without");
        client_world_done(&w);
}

Test(oap_client_states, what_a_handler_refuses_says_that_oap_is_there) {
        static const int statuses[] = { 1, 2, 3, 5, 6, 9, 10, 11, 13, 15, 99 };
        World w;

        client_world_init(&w);
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
        client_world_done(&w);
}

Test(oap_client_states, what_was_started_before_a_failure_says_nothing_of_what_is_now) {
        World w;

        client_world_init(&w);
        connect(&w);
        cr_assert_eq(call(&w, METERS), 0);
        cr_assert_eq(call(&w, KEEP_ALIVE), 0);
        fail(&w, METERS, OAP_STATUS_UNAVAILABLE, "");
        answer(&w, KEEP_ALIVE, "");
        cr_expect_eq(w.state, OAP_STATE_AWAY);
        cr_expect_eq(w.n_told, 2);
        client_world_done(&w);
}
