/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-transport.h"

/* A transport without gRPC, threads and clock: calls wait until the test answers them, in whatever order;
 * results are handed over by dispatch() in the order in which they were answered. A call that is never
 * answered is one that takes long: its deadline passes when the test says DEADLINE_EXCEEDED.
 *
 *         OapTransport *t = fake_transport_new();
 *
 *         oap_client_new(&fake_transport_ops, t, 1, NULL, NULL, &client);
 *         …                                              something calls
 *         call = fake_transport_find(t, "keepAlive");
 *         fake_call_answer(call, "", 0);
 *         oap_client_dispatch(client, now_usec);
 *         oap_client_free(client);                       and the transport with it
 */
extern const OapTransportOps fake_transport_ops;

/* One that was started and is not answered, or whose answer was not handed over yet. */
struct OapCall {
        OapTransport *transport;
        OapChannel channel;
        char *method;
        OapSlice *messages;
        size_t n_messages;
        uint64_t timeout_usec;
        bool is_cancelled; /* by cancel() */
        bool is_answered;  /* not handed over yet */

        /* internal */
        OapCallFn fn;
        void *userdata;
        int status;
        char *message;
        uint8_t *response; /* NULL: none */
        size_t response_size;
        OapCall *prev, *next;
};

/* Same as fake_transport_ops.open(); ends the program when memory runs out, as all of these. */
OapTransport *fake_transport_new(void);

/* What is started but not answered. */
size_t fake_transport_n_waiting(const OapTransport *t);
/* The oldest of those whose method ends in @method ("keepAlive", "" for any); NULL: none. It is gone after
 * the dispatch() that hands over its answer. */
OapCall *fake_transport_find(OapTransport *t, const char *method);
/* All that ever were started with such a method. */
uint64_t fake_transport_n_started(const OapTransport *t, const char *method);

/* OK, with @size bytes of response, which are copied. */
void fake_call_answer(OapCall *call, const void *response, size_t size);
/* Another status; @message NULL: "". No response. */
void fake_call_fail(OapCall *call, int status, const char *message);
/* All that wait. Returns how many. */
size_t fake_transport_fail_all(OapTransport *t, int status, const char *message);

/* Called within start() for each call from now on: a server that may answer at once. NULL: none. */
void fake_transport_set_server(OapTransport *t, void (*fn)(OapCall *call, void *userdata), void *userdata);
/* What start() returns instead of starting, 0: as usual. */
void fake_transport_set_start_error(OapTransport *t, int error);
/* OapCallResult.peer; the default is "ipv4:192.0.2.1:11800", and "" with UNAVAILABLE. */
void fake_transport_set_peer(OapTransport *t, const char *peer);
