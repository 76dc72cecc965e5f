/* SPDX-License-Identifier: Apache-2.0 */
/* The calls themselves. */
#include "basic/strv.h"
#include "oap/oap-registry-private.h"

#include <string.h>

static const char *const methods[_LANE_MAX] = {
        [LANE_REPORT] = "/skywalking.v3.EBPFProcessService/reportProcesses",
        [LANE_KEEP_ALIVE] = "/skywalking.v3.EBPFProcessService/keepAlive",
};

static OapEntity entity_of(const Identity *i) {
        return (OapEntity){ i->layer, i->service, i->instance, i->process };
}

void registry_release(OapRegistry *r, LaneKind kind, Batch *b) {
        for (size_t i = 0; i < b->n; i++)
                if (b->items[i])
                        b->items[i]->due_usec[kind] = 0;

        r->lanes[kind].next_usec = 0;
        free(b);
}

Batch *registry_split(Batch *b) {
        Batch *half;
        size_t n = 0;

        for (size_t i = 0; i < b->n; i++)
                if (b->items[i])
                        b->items[n++] = b->items[i];

        b->n = n;
        half = n > 1 ? calloc(1, sizeof(*half)) : NULL;
        if (!half)
                return NULL;

        half->n = n - n / 2;
        memcpy(half->items, b->items + n / 2, half->n * sizeof(half->items[0]));
        b->n = n / 2;
        return half;
}

void registry_push_suspects(Lane *lane, Batch *b) {
        memset(b->is_answered, 0, sizeof(b->is_answered));
        b->next = lane->suspects;
        lane->suspects = b;
}

static int call(OapRegistry *r,
                const char *method,
                const OapBytes *bytes,
                usec_t now_usec,
                OapCallFn fn,
                void *userdata) {
        const OapSlice message = { bytes->data, bytes->size };

        return oap_client_call(
                        r->client,
                        &(const OapCallRequest){
                                        .channel = OAP_CHANNEL_EBPF,
                                        .method = method,
                                        .messages = &message,
                                        .n_messages = 1,
                                        .timeout_usec = OAP_CALL_TIMEOUT_USEC,
                        },
                        now_usec,
                        fn,
                        userdata);
}

static void on_result(OapRegistry *r, LaneKind kind, const OapCallResult *result) {
        Batch *b = TAKE_PTR(r->lanes[kind].running);

        if (b)
                registry_take_answer(r, kind, b, result);
}

static void on_report(const OapCallResult *result, void *userdata) {
        on_result(userdata, LANE_REPORT, result);
}

static void on_keep_alive(const OapCallResult *result, void *userdata) {
        on_result(userdata, LANE_KEEP_ALIVE, result);
}

/* All that is in @b as one message. */
static int encode_keep_alive(const OapRegistry *r, const Batch *b, OapBytes *ret) {
        OapProcess processes[OAP_PROCESSES_PER_CALL];
        size_t n = 0;

        for (size_t i = 0; i < b->n; i++)
                if (b->items[i])
                        processes[n++] = (OapProcess){
                                .entity = entity_of(b->items[i]->identity),
                                .properties = registry_support,
                        };

        return oap_encode_keep_alive(r->agent, processes, n, ret);
}

static int encode_report(const OapRegistry *r, Batch *b, OapBytes *ret) {
        OapProcess processes[OAP_PROCESSES_PER_CALL];
        char **pairs[OAP_PROCESSES_PER_CALL] = {}, host_ip[INET6_ADDRSTRLEN] = "";
        OapClientStatus status;
        size_t n = 0;
        int error = 0;

        oap_client_status(r->client, &status);
        if (r->host)
                registry_host_ip(status.peer, host_ip);

        for (size_t i = 0; i < b->n && error >= 0; i++) {
                const Identity *identity;

                if (!b->items[i])
                        continue;

                identity = b->items[i]->identity;
                error = registry_describe(r, identity, host_ip, pairs + n);
                b->pids[i] = identity->pid;
                processes[n] = (OapProcess){
                        .entity = entity_of(identity),
                        .pid = identity->pid,
                        .properties = (const char *const *) pairs[n],
                };
                n++;
        }

        if (error >= 0)
                error = oap_encode_processes(r->agent, processes, n, ret);

        for (size_t i = 0; i < n; i++)
                strv_free(pairs[i]);

        return error;
}

static int encode(const OapRegistry *r, LaneKind kind, Batch *b, OapBytes *ret) {
        return kind == LANE_REPORT ? encode_report(r, b, ret) : encode_keep_alive(r, b, ret);
}

int registry_send(OapRegistry *r, LaneKind kind, Batch *b, usec_t now_usec) {
        _cleanup_(oap_bytes_done) OapBytes bytes = {};
        Lane *lane = r->lanes + kind;
        Batch *half;
        int error;

        lane->not_before_usec = oap_client_retry_usec(r->client, OAP_CHANNEL_EBPF, methods[kind], now_usec);
        if (!oap_client_may_call(r->client, now_usec))
                return -EAGAIN;

        error = encode(r, kind, b, &bytes);
        while (error >= 0 && bytes.size > OAP_MESSAGE_MAX && (half = registry_split(b))) {
                registry_push_suspects(lane, half);
                oap_bytes_done(&bytes);
                error = encode(r, kind, b, &bytes);
        }
        if (error < 0)
                return error;

        error = call(r, methods[kind], &bytes, now_usec, kind == LANE_REPORT ? on_report : on_keep_alive, r);
        if (error < 0)
                return error;

        b->sent_usec = now_usec;
        b->again_usec = now_usec + registry_again_usec(r, kind);
        lane->running = b;
        lane->not_before_usec = b->is_again ? now_usec + USEC_PER_SEC : 0;
        lane->n_calls++;
        return 0;
}

int oap_registry_report_gone(
                OapRegistry *r,
                const OapEntity *entity,
                pid_t pid,
                usec_t now_usec,
                OapCallFn fn,
                void *userdata) {
        _cleanup_(oap_bytes_done) OapBytes bytes = {};
        char pid_text[16];
        const char *pairs[] = { "pid", pid_text, registry_support[0], registry_support[1], NULL };
        const OapProcess process = { .entity = *entity, .pid = pid, .properties = pairs };
        int error;

        assert(r);
        assert(fn);

        (void) snprintf(pid_text, sizeof(pid_text), "%i", (int) pid);
        error = oap_encode_processes(r->agent, &process, 1, &bytes);
        if (error >= 0)
                error = call(r, methods[LANE_REPORT], &bytes, now_usec, fn, userdata);
        if (error >= 0)
                r->lanes[LANE_REPORT].n_calls++;

        return error;
}
