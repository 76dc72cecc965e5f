/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/grpc/oap-grpc-private.h"

#include <errno.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <stdlib.h>
#include <string.h>

/* One call: at most one attempt for each address, each with up to three batches of operations under way:
 * what is waited for all the time (the answer and the status), the headers, and the message that is written
 * now. They come back in any order; an attempt is over when all have. */

struct OapCall {
        OapTransport *transport;
        OapCall *previous, *next; /* of the transport's */
        OgRoute *route;
        OapCallFn fn;
        void *userdata;

        grpc_slice method;
        gpr_timespec deadline; /* CLOCK_MONOTONIC */
        grpc_byte_buffer **messages;
        size_t n_messages;
        bool cancelled;

        /* of the attempt */
        size_t n_attempts;
        OgAddress *address;
        OgLink *link;
        grpc_call *call;
        unsigned n_batches; /* under way */
        OgBatch answer, headers, write;
        size_t n_written;
        bool answered;
        bool has_left; /* the headers were sent */
        grpc_metadata authentication;
        grpc_metadata_array initial, trailing;
        grpc_byte_buffer *response;
        grpc_status_code status;
        grpc_slice details;
};

OapCall *og_call_next(const OapCall *call) {
        return call->next;
}

static void attempt_done(OapCall *c) {
        if (c->response)
                grpc_byte_buffer_destroy(c->response);
        grpc_slice_unref(c->details);
        grpc_metadata_array_destroy(&c->initial);
        grpc_metadata_array_destroy(&c->trailing);
        grpc_metadata_array_init(&c->initial);
        grpc_metadata_array_init(&c->trailing);
        if (c->call)
                grpc_call_unref(c->call);
        c->link = og_link_unref(c->link);
        c->call = NULL;
        c->response = NULL;
        c->details = grpc_empty_slice();
}

OapCall *og_call_free(OapCall *c) {
        attempt_done(c);

        if (c->next)
                c->next->previous = c->previous;
        if (c->previous)
                c->previous->next = c->next;
        else if (c->transport->calls == c)
                c->transport->calls = c->next;

        for (size_t i = 0; i < c->n_messages; i++)
                if (c->messages[i])
                        grpc_byte_buffer_destroy(c->messages[i]);
        free(c->messages);
        grpc_slice_unref(c->method);
        free(c);
        return NULL;
}

/* The attempt ends as the library would end it; it is told by dispatch(), like any other. */
static void attempt_fail(OapCall *c, const char *message) {
        c->status = GRPC_STATUS_INTERNAL;
        grpc_slice_unref(c->details);
        c->details = grpc_slice_from_copied_string(message);
        c->answer.ok = true;
        c->n_batches++;
        og_queue_push(c->transport, &c->answer);
}

static bool batch_start(OapCall *c, OgBatch *batch, const grpc_op *ops, size_t n) {
        if (grpc_call_start_batch(c->call, ops, n, batch, NULL) != GRPC_CALL_OK)
                return false;

        c->n_batches++;
        return true;
}

/* Everything that can come is waited for from the start: a server may end a call at any time. */
static bool answer_await(OapCall *c) {
        const grpc_op ops[] = {
                { .op = GRPC_OP_RECV_INITIAL_METADATA,
                  .data.recv_initial_metadata.recv_initial_metadata = &c->initial },
                { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &c->response },
                { .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
                  .data.recv_status_on_client = { .trailing_metadata = &c->trailing,
                                                  .status = &c->status,
                                                  .status_details = &c->details } },
        };

        return batch_start(c, &c->answer, ops, sizeof(ops) / sizeof(ops[0]));
}

static bool headers_send(OapCall *c) {
        const grpc_op op = { .op = GRPC_OP_SEND_INITIAL_METADATA,
                             .data.send_initial_metadata = { .count = c->transport->has_token,
                                                             .metadata = &c->authentication } };

        return batch_start(c, &c->headers, &op, 1);
}

/* The next message, and the end of the stream with the last one. */
static bool write_next(OapCall *c) {
        grpc_op ops[2] = {};
        size_t n = 0;

        if (c->n_written < c->n_messages)
                ops[n++] = (grpc_op){ .op = GRPC_OP_SEND_MESSAGE,
                                      .data.send_message.send_message = c->messages[c->n_written++] };
        if (c->n_written == c->n_messages)
                ops[n++] = (grpc_op){ .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT };

        return batch_start(c, &c->write, ops, n);
}

static int attempt_start(OapCall *c) {
        c->address = &c->route->addresses[c->route->current];
        c->link = og_link_get(c->transport, c->address);
        if (!c->link)
                return -ENOMEM;

        c->n_attempts++;
        c->n_written = 0;
        c->answered = c->has_left = false;
        c->call = grpc_channel_create_call(
                        c->link->channel,
                        NULL,
                        GRPC_PROPAGATE_DEFAULTS,
                        c->transport->queue,
                        c->method,
                        NULL,
                        c->deadline,
                        NULL);

        if (!answer_await(c))
                attempt_fail(c, "gRPC does not start the call");
        else if (!headers_send(c) || !write_next(c))
                (void) grpc_call_cancel(c->call, NULL); /* the answer says why */

        return 0;
}

static OapCall *call_new(OapTransport *t, const OapCallRequest *request) {
        OapCall *c;

        c = calloc(1, sizeof(*c));
        if (!c)
                return NULL;

        c->messages = calloc(request->n_messages ?: 1, sizeof(c->messages[0]));
        if (!c->messages) {
                free(c);
                return NULL;
        }

        c->transport = t;
        c->route = og_route_of(t, request->channel);
        c->answer.call = c->headers.call = c->write.call = c;
        c->method = grpc_slice_from_copied_string(request->method);
        c->details = grpc_empty_slice();
        c->authentication = (grpc_metadata){ .key = grpc_slice_from_static_string("authentication"),
                                             .value = t->token };
        c->deadline =
                        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                     gpr_time_from_micros((int64_t) request->timeout_usec, GPR_TIMESPAN));
        for (; c->n_messages < request->n_messages; c->n_messages++) {
                const OapSlice *m = &request->messages[c->n_messages];
                grpc_slice slice = grpc_slice_from_copied_buffer((const char *) m->data, m->size);

                c->messages[c->n_messages] = grpc_raw_byte_buffer_create(&slice, 1);
                grpc_slice_unref(slice);
        }

        return c;
}

int og_call_start(
                OapTransport *t,
                const OapCallRequest *request,
                OapCallFn fn,
                void *userdata,
                OapCall **ret) {
        sigset_t before;
        OapCall *c;
        int r;

        c = call_new(t, request);
        if (!c)
                return -ENOMEM;

        og_signals_block(&before);
        r = attempt_start(c);
        og_signals_restore(&before);
        if (r < 0) {
                (void) og_call_free(c);
                return r;
        }

        c->fn = fn;
        c->userdata = userdata;
        c->next = t->calls;
        if (c->next)
                c->next->previous = c;
        t->calls = c;
        if (ret)
                *ret = c;
        return 0;
}

void og_call_cancel(OapCall *c) {
        c->cancelled = true;
        if (c->call)
                (void) grpc_call_cancel(c->call, NULL);
}

/* The address that the call went to, to be freed; NULL: to none. */
static char *call_peer(const OapCall *c) {
        char *peer = grpc_call_get_peer(c->call), *target = grpc_channel_get_target(c->link->channel), *copy;

        /* gRPC knows it when the server has said something; else it was this one */
        if (peer && strcmp(peer, "unknown") != 0 && (!target || strcmp(peer, target) != 0))
                copy = strdup(peer);
        else
                copy = c->has_left ? strdup(c->address->text) : NULL;

        gpr_free(peer);
        gpr_free(target);
        return copy;
}

static void call_tell(OapCall *c, const char *peer) {
        OapCallResult result = { .status = (int) c->status, .peer = peer ?: "" };
        grpc_byte_buffer_reader reader;
        grpc_slice response = grpc_empty_slice();
        char *message = grpc_slice_to_c_string(c->details);

        result.message = message;
        if (c->response && grpc_byte_buffer_reader_init(&reader, c->response)) {
                response = grpc_byte_buffer_reader_readall(&reader);
                grpc_byte_buffer_reader_destroy(&reader);
                result.response = (OapSlice){ .data = GRPC_SLICE_START_PTR(response),
                                              .size = GRPC_SLICE_LENGTH(response) };
        }

        c->fn(&result, c->userdata);
        grpc_slice_unref(response);
        gpr_free(message);
}

/* What never left us may be said to another address: it cannot be done twice. A connection that broke in
 * the middle of the headers would be idle now. */
static bool call_may_go_on(const OapCall *c) {
        return c->status == GRPC_STATUS_UNAVAILABLE && !c->has_left && !c->cancelled &&
                        c->n_attempts < c->route->n &&
                        grpc_channel_check_connectivity_state(c->link->channel, 0) ==
                        GRPC_CHANNEL_TRANSIENT_FAILURE &&
                        gpr_time_cmp(gpr_now(GPR_CLOCK_MONOTONIC), c->deadline) < 0;
}

static void attempt_over(OapCall *c) {
        char *peer = call_peer(c);
        bool goes_on = call_may_go_on(c);

        if (c->status == GRPC_STATUS_UNAVAILABLE || c->status == GRPC_STATUS_DEADLINE_EXCEEDED)
                og_route_failed(c->route, c->address, c->link);

        if (goes_on) {
                sigset_t before;

                attempt_done(c);
                og_signals_block(&before);
                goes_on = attempt_start(c) == 0;
                og_signals_restore(&before);
        }

        if (!goes_on) {
                call_tell(c, peer);
                (void) og_call_free(c);
        }
        free(peer);
}

void og_call_batch_done(OgBatch *batch) {
        OapCall *c = batch->call;

        c->n_batches--;
        if (batch == &c->answer)
                c->answered = true;
        else if (batch == &c->headers)
                c->has_left = batch->ok;
        else if (batch->ok && !c->answered && !c->cancelled && c->n_written < c->n_messages &&
                 !write_next(c))
                (void) grpc_call_cancel(c->call, NULL);

        if (c->n_batches == 0)
                attempt_over(c);
}
