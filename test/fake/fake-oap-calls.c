/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap-calls.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/support/alloc.h>
#include <string.h>

/* What the server does with its calls, on one thread. */

typedef struct Call Call;

typedef enum OpKind {
        OP_NEW,   /* a call has come */
        OP_CLOSE, /* it is over, one way or the other */
        OP_READ,
        OP_SEND,
        _OP_MAX,
} OpKind;

typedef struct Op {
        OpKind kind;
        Call *call;
} Op;

struct Call {
        Op ops[_OP_MAX];
        unsigned n_ops; /* under way */
        grpc_call *call;
        grpc_call_details details;
        grpc_metadata_array headers;
        char method[96];
        size_t record; /* or FAKE_NONE */

        bool has_rule;
        FakeRule rule;
        bool refused; /* by its token */

        grpc_byte_buffer *message;
        uint8_t *first; /* message */
        size_t first_size;
        size_t n_messages;
        bool answered;
        int cancelled;
        uint64_t due_usec; /* answer waits until then */
        Call *next_delayed;
};

static FakeShared *shared;
static grpc_server *server;
static grpc_completion_queue *queue;
static Call *delayed;

static void *memory(void *p) {
        if (!p)
                abort();

        return p;
}

static FakeRecord *record_of(Call *c) {
        return c->record == FAKE_NONE ? NULL : &shared->records[c->record];
}

static void start(Call *c, OpKind kind, const grpc_op *ops, size_t n) {
        c->n_ops++;
        if (grpc_call_start_batch(c->call, ops, n, &c->ops[kind], NULL) != GRPC_CALL_OK)
                abort();
}

static void await_call(void) {
        Call *c = memory(calloc(1, sizeof(*c)));

        for (size_t i = 0; i < _OP_MAX; i++)
                c->ops[i] = (Op){ .kind = (OpKind) i, .call = c };
        c->record = FAKE_NONE;
        grpc_call_details_init(&c->details);
        grpc_metadata_array_init(&c->headers);
        c->n_ops = 1;
        if (grpc_server_request_call(
                            server, &c->call, &c->details, &c->headers, queue, queue, &c->ops[OP_NEW]) !=
            GRPC_CALL_OK)
                abort();
}

static void call_free(Call *c) {
        for (Call **p = &delayed; *p; p = &(*p)->next_delayed)
                if (*p == c) {
                        *p = c->next_delayed;
                        break;
                }

        if (c->message)
                grpc_byte_buffer_destroy(c->message);
        if (c->call)
                grpc_call_unref(c->call);
        grpc_call_details_destroy(&c->details);
        grpc_metadata_array_destroy(&c->headers);
        free(c->first);
        free(c);
}

static void read_next(Call *c) {
        grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &c->message };

        start(c, OP_READ, &op, 1);
}

static void
send_answer(Call *c, int status, const char *text, const void *bytes, size_t size, bool has_message) {
        grpc_slice details = grpc_slice_from_copied_string(text);
        grpc_byte_buffer *message = NULL;
        grpc_op ops[3] = { { .op = GRPC_OP_SEND_INITIAL_METADATA } };
        FakeRecord *record;
        size_t n = 1;

        if (has_message) {
                grpc_slice slice = grpc_slice_malloc(size);

                if (bytes)
                        memcpy(GRPC_SLICE_START_PTR(slice), bytes, size);
                else
                        memset(GRPC_SLICE_START_PTR(slice), 0, size);
                message = grpc_raw_byte_buffer_create(&slice, 1);
                grpc_slice_unref(slice);
                ops[n++] = (grpc_op){ .op = GRPC_OP_SEND_MESSAGE,
                                      .data.send_message.send_message = message };
        }
        ops[n++] = (grpc_op){ .op = GRPC_OP_SEND_STATUS_FROM_SERVER,
                              .data.send_status_from_server = { .status = (grpc_status_code) status,
                                                                .status_details = &details } };

        c->answered = true;
        fake_shared_lock(shared);
        record = record_of(c);
        if (record)
                record->call.status = status;
        fake_shared_unlock(shared);

        start(c, OP_SEND, ops, n);
        if (message)
                grpc_byte_buffer_destroy(message);
        grpc_slice_unref(details);
}

static void answer_default(Call *c) {
        char text[512] = "";
        void *bytes = NULL;
        size_t size = 0;
        int status;

        status = fake_oap_default_answer(shared, c->method, c->first, c->first_size, text, &bytes, &size);
        send_answer(c, status, text, bytes, size, status == GRPC_STATUS_OK);
        free(bytes);
}

static void answer_now(Call *c) {
        const FakeOapAnswer *a = &c->rule.answer;

        if (c->refused)
                send_answer(c, GRPC_STATUS_PERMISSION_DENIED, "", NULL, 0, false);
        else if (!c->has_rule || (a->status == 0 && !a->no_message && !c->rule.has_bytes && a->filler == 0))
                answer_default(c);
        else if (c->rule.has_bytes)
                send_answer(c,
                            a->status,
                            c->rule.text,
                            shared->bytes + c->rule.bytes.offset,
                            c->rule.bytes.size,
                            true);
        else
                send_answer(c, a->status, c->rule.text, NULL, a->filler, a->filler > 0);
}

static void answer(Call *c) {
        if (c->answered || c->cancelled || c->due_usec > 0 || (!c->refused && c->rule.answer.never))
                return;

        if (!c->refused && c->rule.answer.delay_usec > 0) {
                c->due_usec = fake_now_usec() + c->rule.answer.delay_usec;
                c->next_delayed = delayed;
                delayed = c;
                return;
        }

        answer_now(c);
}

static void answer_due(void) {
        uint64_t now_usec = fake_now_usec();

        for (Call **p = &delayed; *p;) {
                Call *c = *p;

                if (c->due_usec > now_usec) {
                        p = &c->next_delayed;
                        continue;
                }

                *p = c->next_delayed;
                if (!c->answered && !c->cancelled)
                        answer_now(c);
        }
}

static void slice_text(grpc_slice slice, char *ret, size_t size) {
        size_t n = MIN_OF(GRPC_SLICE_LENGTH(slice), size - 1);

        memcpy(ret, GRPC_SLICE_START_PTR(slice), n);
        ret[n] = 0;
}

static void record_new(Call *c) {
        FakeOapCall call = { .begun_usec = fake_now_usec(), .status = -1 };
        char *peer = grpc_call_get_peer(c->call);

        for (size_t i = 0; i < c->headers.count; i++)
                if (grpc_slice_str_cmp(c->headers.metadata[i].key, "authentication") == 0)
                        slice_text(c->headers.metadata[i].value, call.token, sizeof(call.token));
        (void) snprintf(call.method, sizeof(call.method), "%s", c->method);
        (void) snprintf(call.peer, sizeof(call.peer), "%s", peer ?: "");
        gpr_free(peer);

        fake_shared_lock(shared);
        c->refused = shared->token[0] && strcmp(shared->token, call.token) != 0;
        if (!c->refused) {
                const FakeRule *rule = fake_shared_rule(shared, c->method);

                c->has_rule = rule;
                if (rule)
                        c->rule = *rule;
        }
        if (shared->n_records < FAKE_OAP_CALLS_MAX) {
                c->record = call.id = shared->n_records++;
                shared->records[c->record] =
                                (FakeRecord){ .call = call, .first = FAKE_NONE, .last = FAKE_NONE };
        }
        shared->n_under_way++;
        shared->n_peak = MAX_OF(shared->n_peak, shared->n_under_way);
        fake_shared_unlock(shared);
}

static void record_message(Call *c, const void *data, size_t size) {
        FakeRecord *record;
        FakeMessage *m;

        fake_shared_lock(shared);
        record = record_of(c);
        if (record) {
                record->call.n_messages++;
                record->call.n_bytes += size;
        }
        if (record && shared->n_messages < FAKE_OAP_MESSAGES_MAX) {
                m = &shared->messages[shared->n_messages];
                *m = (FakeMessage){ .at_usec = fake_now_usec(), .next = FAKE_NONE };
                if (fake_shared_put(shared, data, size, &m->bytes)) {
                        if (record->last == FAKE_NONE)
                                record->first = shared->n_messages;
                        else
                                shared->messages[record->last].next = shared->n_messages;
                        record->last = shared->n_messages++;
                }
        }
        fake_shared_unlock(shared);
}

static void record_end(Call *c) {
        FakeRecord *record;

        fake_shared_lock(shared);
        record = record_of(c);
        if (record) {
                record->call.ended_usec = fake_now_usec();
                record->call.cancelled = c->cancelled && !c->answered;
        }
        shared->n_under_way--;
        fake_shared_unlock(shared);
}

static void on_new(Call *c, bool ok) {
        grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                       .data.recv_close_on_server.cancelled = &c->cancelled };

        if (!ok)
                return;

        await_call();
        slice_text(c->details.method, c->method, sizeof(c->method));
        record_new(c);
        start(c, OP_CLOSE, &op, 1);
        if (c->refused)
                answer(c);
        else
                read_next(c);
}

static void on_message(Call *c, const void *data, size_t size) {
        char text[512] = "";
        int status;

        record_message(c, data, size);
        if (c->n_messages++ == 0) {
                c->first_size = size;
                c->first = memory(malloc(size + 1));
                memcpy(c->first, data, size);
        }

        status = c->has_rule ? 0 : fake_oap_stream_message(c->method, data, size, text);
        if (status != 0 && !c->answered)
                send_answer(c, status, text, NULL, 0, false);
}

static void on_read(Call *c) {
        grpc_byte_buffer_reader reader;
        FakeRecord *record;

        if (!c->message) {
                fake_shared_lock(shared);
                record = record_of(c);
                if (record)
                        record->call.closed = !c->cancelled;
                fake_shared_unlock(shared);
                answer(c);
                return;
        }

        if (grpc_byte_buffer_reader_init(&reader, c->message)) {
                grpc_slice all = grpc_byte_buffer_reader_readall(&reader);

                on_message(c, GRPC_SLICE_START_PTR(all), GRPC_SLICE_LENGTH(all));
                grpc_slice_unref(all);
                grpc_byte_buffer_reader_destroy(&reader);
        }
        grpc_byte_buffer_destroy(c->message);
        c->message = NULL;

        if (c->has_rule && c->rule.answer.after_messages > 0 &&
            c->n_messages >= c->rule.answer.after_messages)
                answer(c);
        else
                read_next(c);
}

static void on_event(Op *op, bool ok) {
        Call *c;

        if (!op) {
                grpc_completion_queue_shutdown(queue);
                return;
        }

        c = op->call;
        c->n_ops--;
        switch (op->kind) {
        case OP_NEW:
                on_new(c, ok);
                break;
        case OP_READ:
                on_read(c);
                break;
        case OP_CLOSE:
                record_end(c);
                break;
        default:
                break;
        }

        if (c->n_ops == 0)
                call_free(c);
}

static gpr_timespec wake_up(void) {
        uint64_t due_usec = UINT64_MAX, now_usec = fake_now_usec();

        for (const Call *c = delayed; c; c = c->next_delayed)
                due_usec = MIN_OF(due_usec, c->due_usec);
        if (due_usec == UINT64_MAX)
                return gpr_inf_future(GPR_CLOCK_MONOTONIC);

        return gpr_time_add(
                        gpr_now(GPR_CLOCK_MONOTONIC),
                        gpr_time_from_micros(
                                        due_usec > now_usec ? (int64_t) (due_usec - now_usec) : 0,
                                        GPR_TIMESPAN));
}

void fake_calls_run(FakeShared *s, grpc_server *of, grpc_completion_queue *q) {
        grpc_event e;

        shared = s;
        server = of;
        queue = q;
        await_call();
        do {
                e = grpc_completion_queue_next(queue, wake_up(), NULL);
                if (e.type == GRPC_OP_COMPLETE)
                        on_event(e.tag, e.success);
                answer_due();
        } while (e.type != GRPC_QUEUE_SHUTDOWN);
}
