/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection that is in use takes of memory: gRPC, its threads, its buffers. */
#include "bench/bench-load.h"
#include "bench/bench-oap.h"
#include "fake/fake-oap.h"
#include "host/clock.h"
#include "oap/oap-client.h"
#include "oap/oap-messages.h"

#include <poll.h>

#define KEEP_ALIVE "/skywalking.v3.EBPFProcessService/keepAlive"
#define METERS "/skywalking.v3.MeterReportService/collectBatch"
#define PROFILE "/skywalking.v3.EBPFProfilingService/collectProfilingData"
#define ROUNDS 60U /* five minutes of calls, one behind the other */
#define PROCESSES 50U
#define STACKS 300U
#define FRAMES 30U
#define WAIT_MS 10000
#define GOAL_MIB 10.0

static const OapEntity entity = { "GENERAL", "shop", "host", "worker" };

typedef struct Connection {
        const OapTransportOps *ops;
        OapTransport *transport; /* the client's */
        OapClient *client;
        unsigned n_waiting;
} Connection;

static void on_result(const OapCallResult *result, void *userdata) {
        Connection *c = userdata;

        c->n_waiting--;
        if (result->status != OAP_STATUS_OK)
                bench_fail(result->message, -EIO);
}

static double rss_mib(void) {
        return (double) bench_read_number("/proc/self/status", "VmRSS") / 1024;
}

static void open_connection(Connection *c, const char *address) {
        const OapTransportConfig config = {
                .addresses = { address },
                .backoff_max_usec = OAP_BACKOFF_MAX_USEC,
        };
        char *message = NULL;

        if (oap_transport_load(NULL, &c->ops, &message) < 0 ||
            c->ops->open(&config, &c->transport, &message) < 0)
                bench_fail(message ?: "transport", -EIO);
        if (oap_client_new(c->ops, c->transport, 1, NULL, NULL, &c->client) < 0)
                bench_fail("oap_client_new", -ENOMEM);
}

static void call(Connection *c, const char *method, OapMessages *messages) {
        _cleanup_(freep) OapSlice *slices = calloc(messages->n, sizeof(*slices));

        for (size_t i = 0; slices && i < messages->n; i++)
                slices[i] = (OapSlice){ messages->items[i].data, messages->items[i].size };
        if (!slices ||
            oap_client_call(c->client,
                            &(const OapCallRequest){ .method = method,
                                                     .messages = slices,
                                                     .n_messages = messages->n,
                                                     .timeout_usec = OAP_STREAM_TIMEOUT_USEC },
                            clock_monotonic_usec(),
                            on_result,
                            c) < 0)
                bench_fail(method, -EAGAIN);

        for (c->n_waiting++; c->n_waiting > 0;) {
                struct pollfd p = { .fd = c->ops->fd(c->transport), .events = POLLIN };

                if (poll(&p, 1, WAIT_MS) <= 0)
                        bench_fail(method, -ETIMEDOUT);
                oap_client_dispatch(c->client, clock_monotonic_usec());
        }

        oap_messages_done(messages);
}

static void push(OapMessages *messages, int r, OapBytes *bytes) {
        if (r < 0 || oap_messages_push(messages, bytes) < 0)
                bench_fail("message", -ENOMEM);
}

static void keep_alive(Connection *c) {
        OapProcess processes[PROCESSES];
        OapMessages messages = {};
        OapBytes bytes = {};

        for (size_t i = 0; i < PROCESSES; i++)
                processes[i] = (OapProcess){ .entity = entity, .pid = (int32_t) i + 1 };
        push(&messages, oap_encode_keep_alive("bench", processes, PROCESSES, &bytes), &bytes);
        call(c, KEEP_ALIVE, &messages);
}

static void meters(Connection *c) {
        OapMeter values[PROCESSES];
        OapMessages messages = {};
        OapBytes bytes = {};

        for (size_t i = 0; i < PROCESSES; i++)
                values[i] = (OapMeter){ METRIC_PROCESS_CPU, entity.process, entity.layer, NULL, 12.5 };
        push(&messages,
             oap_encode_meters(entity.service, entity.instance, 1000, values, PROCESSES, &bytes),
             &bytes);
        call(c, METERS, &messages);
}

/* Returns the number of bytes. */
static size_t profile(Connection *c, int64_t now_ms) {
        const OapTaskKey key = { "task", "process", 1000, now_ms };
        const char *symbols[FRAMES];
        const OapStack stack = { .user = symbols, .n_user = FRAMES, .user_id = 1, .count = 7 };
        OapMessages messages = {};
        size_t n_bytes;

        for (size_t i = 0; i < FRAMES; i++)
                symbols[i] = "shop::orders::handler::handle_request_of_customer";
        for (size_t i = 0; i < STACKS; i++) {
                OapBytes bytes = {};

                push(&messages,
                     oap_encode_stack(OAP_TARGET_ON_CPU, i == 0 ? &key : NULL, &stack, &bytes),
                     &bytes);
        }

        n_bytes = messages.n_bytes;
        call(c, PROFILE, &messages);
        return n_bytes;
}

void bench_oap_connection(Bench *b) {
        _cleanup_(fake_oap_freep) FakeOap *oap = fake_oap_new(&(const FakeOapOptions){ .tcp = true });
        double before_mib = rss_mib(), loaded_mib;
        Connection c = {};
        size_t n_bytes = 0;
        char inputs[256];

        open_connection(&c, fake_oap_address(oap));
        loaded_mib = rss_mib();
        for (unsigned i = 0; i < ROUNDS; i++) {
                keep_alive(&c);
                meters(&c);
                n_bytes = profile(&c, 1000 + i);
        }

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "RSS of a program, before gRPC was loaded and after %u calls (%u of them streams of %zu KiB); %.1f MiB "
                        "of it before the first call",
                        3 * ROUNDS,
                        ROUNDS,
                        n_bytes / 1024,
                        loaded_mib - before_mib);
        bench_figure(b, "connection-rss", rss_mib() - before_mib, "MiB", GOAL_MIB, true, inputs);
        oap_client_free(c.client);
}
