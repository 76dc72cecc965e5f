/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that run and calls that wait. */
#include "oap/oap-client-private.h"

#include <string.h>
#include <utlist.h>

struct PendingCall {
        OapClient *client; /* borrowed */
        OapCall *call;     /* while it runs */
        CallFacts facts;
        OapChannel wanted;
        OapCallFn fn; /* NULL: nobody waits for it any more */
        void *userdata;
        uint64_t timeout_usec;
        char *method;
        OapSlice *messages; /* while it waits */
        size_t n_messages;
        PendingCall *prev, *next;
};

static void drop_messages(PendingCall *p) {
        for (size_t i = 0; i < p->n_messages; i++)
                free((void *) p->messages[i].data);

        free(p->messages);
        p->messages = NULL;
        p->n_messages = 0;
}

static PendingCall *pending_free(PendingCall *p) {
        if (!p)
                return NULL;

        drop_messages(p);
        free(p->method);
        free(p);
        return NULL;
}
DEFINE_CLEANUP(PendingCall *, pending_free)

int oap_client_new(
                const OapTransportOps *ops,
                OapTransport *transport,
                uint64_t seed,
                OapStateFn fn,
                void *userdata,
                OapClient **ret_client) {
        OapClient *c;

        assert(ops);
        assert(transport);
        assert(ret_client);

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;

        c->ops = ops;
        c->transport = transport;
        c->random = seed;
        c->fn = fn;
        c->userdata = userdata;

        *ret_client = c;
        return 0;
}

int oap_client_set_addresses(OapClient *c, const char *main, const char *ebpf) {
        _cleanup_(freep) char *m = NULL, *e = NULL;
        bool two;

        assert(c);
        assert(main);

        two = ebpf && *ebpf && strcmp(main, ebpf) != 0;
        m = strdup(main);
        e = two ? strdup(ebpf) : NULL;
        if (!m || (two && !e))
                return -ENOMEM;

        free(c->channels[OAP_CHANNEL_MAIN].address);
        free(c->channels[OAP_CHANNEL_EBPF].address);
        c->channels[OAP_CHANNEL_MAIN].address = TAKE_PTR(m);
        c->channels[OAP_CHANNEL_EBPF].address = TAKE_PTR(e);
        c->has_two_channels = two;
        return 0;
}

static void answer_by_ourselves(PendingCall *p, int status, const char *message) {
        const OapCallResult result = { .status = status, .message = message, .peer = "" };

        if (p->fn)
                p->fn(&result, p->userdata);

        pending_free(p);
}

static PendingCall *take_queued(OapClient *c, PendingCall *p) {
        DL_DELETE(c->queue, p);
        c->n_queued--;
        return p;
}

OapClient *oap_client_free(OapClient *c) {
        if (!c)
                return NULL;

        assert(!c->is_dispatching);
        c->is_closing = true;
        c->ops->close(c->transport);

        while (c->running) {
                PendingCall *p = c->running;

                DL_DELETE(c->running, p);
                answer_by_ourselves(p, OAP_STATUS_CANCELLED, "closed");
        }
        while (c->queue)
                answer_by_ourselves(take_queued(c, c->queue), OAP_STATUS_CANCELLED, "closed");

        client_refused_done(c);
        for (size_t i = 0; i < _OAP_CHANNEL_MAX; i++)
                free(c->channels[i].address);

        free(c);
        return NULL;
}

bool oap_client_may_call(OapClient *c, usec_t now_usec) {
        assert(c);

        if (c->n_queued >= OAP_QUEUE_MAX)
                return false;

        return client_gate(c, OAP_CHANNEL_MAIN, NULL, now_usec) >= 0 ||
                        (c->has_two_channels && client_gate(c, OAP_CHANNEL_EBPF, NULL, now_usec) >= 0);
}

/* In OapTransportOps.dispatch(). */
static void on_result(const OapCallResult *result, void *userdata) {
        PendingCall *p = userdata;
        OapClient *c = p->client;

        DL_DELETE(c->running, p);
        c->channels[p->facts.channel].n_running--;
        c->n_bytes_received += result->response.size;

        if (!p->fn && result->status == OAP_STATUS_CANCELLED)
                client_book_nothing(c, &p->facts);
        else
                client_book(c, &p->facts, result);

        if (p->fn)
                p->fn(result, p->userdata);

        pending_free(p);
}

static int
start(OapClient *c, PendingCall *p, const OapCallRequest *request, usec_t now_usec, bool is_trial) {
        Channel *ch = c->channels + p->facts.channel;
        int r;

        p->facts.method = p->method;
        p->facts.epoch = ch->epoch;
        p->facts.is_trial = is_trial;
        p->facts.started_usec = now_usec;

        r = c->ops->start(c->transport, request, on_result, p, &p->call);
        if (r < 0)
                return r;

        for (size_t i = 0; i < request->n_messages; i++)
                c->n_bytes_sent += request->messages[i].size;

        DL_APPEND(c->running, p);
        ch->is_tried |= is_trial;
        ch->n_running++;
        c->n_calls++;
        return 0;
}

static int copy_messages(PendingCall *p, const OapCallRequest *request) {
        p->messages = calloc(request->n_messages ?: 1, sizeof(p->messages[0]));
        if (!p->messages)
                return -ENOMEM;

        for (size_t i = 0; i < request->n_messages; i++) {
                size_t size = request->messages[i].size;
                uint8_t *copy = malloc(size ?: 1);

                if (!copy)
                        return -ENOMEM;
                if (size > 0)
                        memcpy(copy, request->messages[i].data, size);

                p->messages[p->n_messages++] = (OapSlice){ copy, size };
        }

        return 0;
}

static int enqueue(OapClient *c, PendingCall *p, const OapCallRequest *request) {
        int r;

        if (c->n_queued >= OAP_QUEUE_MAX)
                return -ENOBUFS;

        r = copy_messages(p, request);
        if (r < 0)
                return r;

        DL_APPEND(c->queue, p);
        c->n_queued++;
        return 0;
}

int oap_client_call(
                OapClient *c, const OapCallRequest *request, usec_t now_usec, OapCallFn fn, void *userdata) {
        _cleanup_(pending_freep) PendingCall *p = NULL;
        OapChannel channel;
        int gate, r;

        assert(c);
        assert(request);
        assert(request->timeout_usec > 0);
        assert(fn);

        channel = client_channel(c, request->channel);
        gate = client_gate(c, channel, request->method, now_usec);
        if (gate < 0)
                return gate;

        p = calloc(1, sizeof(*p));
        if (!p || !(p->method = strdup(request->method)))
                return -ENOMEM;

        p->client = c;
        p->facts.channel = channel;
        p->wanted = request->channel;
        p->fn = fn;
        p->userdata = userdata;
        p->timeout_usec = request->timeout_usec;

        r = gate == 0 && c->channels[channel].n_running >= OAP_CALLS_MAX
                        ? enqueue(c, p, request)
                        : start(c, p, request, now_usec, gate > 0);
        if (r < 0)
                return r;

        TAKE_PTR(p);
        return 0;
}

void oap_client_forget(OapClient *c, void *userdata) {
        PendingCall *p, *tmp;

        assert(c);

        DL_FOREACH_SAFE(c->queue, p, tmp)
        if (p->userdata == userdata)
                pending_free(take_queued(c, p));

        DL_FOREACH(c->running, p) {
                if (p->userdata != userdata || !p->fn)
                        continue;

                p->fn = NULL;
                if (!c->is_closing)
                        c->ops->cancel(p->call);
        }
}

static void start_queued(OapClient *c, PendingCall *p) {
        const OapCallRequest request = {
                .channel = p->wanted,
                .method = p->method,
                .messages = p->messages,
                .n_messages = p->n_messages,
                .timeout_usec = p->timeout_usec,
        };
        int r;

        take_queued(c, p);
        r = start(c, p, &request, c->now_usec, false);
        if (r < 0) {
                c->n_failed++;
                answer_by_ourselves(p, OAP_STATUS_UNAVAILABLE, "the call could not be started");
                return;
        }

        drop_messages(p);
}

/* What became possible, or impossible, by what was dispatched. Callbacks may change the queue: each time
 * from its beginning. */
static bool serve_queue(OapClient *c) {
        PendingCall *p;

        DL_FOREACH(c->queue, p) {
                const Channel *ch = c->channels + p->facts.channel;

                if (!ch->is_open || client_gate(c, p->facts.channel, p->method, c->now_usec) < 0) {
                        answer_by_ourselves(take_queued(c, p), OAP_STATUS_UNAVAILABLE, "OAP went away");
                        return true;
                }

                if (ch->n_running < OAP_CALLS_MAX) {
                        start_queued(c, p);
                        return true;
                }
        }

        return false;
}

void oap_client_dispatch(OapClient *c, usec_t now_usec) {
        assert(c);
        assert(!c->is_dispatching);

        c->now_usec = now_usec;
        c->is_dispatching = true;
        c->ops->dispatch(c->transport);
        while (serve_queue(c))
                ;

        client_tell(c);
        c->is_dispatching = false;
}
