/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-transport.h"
#include "oap/oap-client.h"

#include <criterion/criterion.h>
#include <string.h>

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

static inline void on_state(const OapClientStatus *status, OapState before, void *userdata) {
        World *w = userdata;

        w->n_told++;
        w->before = before;
        w->state = status->state;
}

static inline void on_answer(const OapCallResult *result, void *userdata) {
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

static inline void client_world_init(World *w) {
        *w = (World){ .transport = fake_transport_new(), .now_usec = 1000 * USEC_PER_SEC };
        cr_assert_eq(oap_client_new(&fake_transport_ops, w->transport, 7, on_state, w, &w->client), 0);
}

static inline void client_world_done(World *w) {
        w->client = oap_client_free(w->client);
}

static inline int call_on(World *w, OapChannel channel, const char *method, void *userdata) {
        static const OapSlice message = { (const uint8_t *) "hello", 5 };

        return oap_client_call(
                        w->client,
                        &(const OapCallRequest){ channel, method, &message, 1, OAP_CALL_TIMEOUT_USEC },
                        w->now_usec,
                        on_answer,
                        userdata);
}

static inline int call(World *w, const char *method) {
        return call_on(w, OAP_CHANNEL_EBPF, method, w);
}

static inline void dispatch(World *w) {
        oap_client_dispatch(w->client, w->now_usec);
}

static inline void answer(World *w, const char *method, const char *response) {
        OapCall *waiting = fake_transport_find(w->transport, method);

        cr_assert_not_null(waiting, "no call of %s waits", method);
        fake_call_answer(waiting, response, strlen(response));
        dispatch(w);
}

static inline void fail(World *w, const char *method, int status, const char *message) {
        OapCall *waiting = fake_transport_find(w->transport, method);

        cr_assert_not_null(waiting, "no call of %s waits", method);
        fake_call_fail(waiting, status, message);
        dispatch(w);
}

static inline void connect(World *w) {
        cr_assert_eq(call(w, KEEP_ALIVE), 0);
        answer(w, KEEP_ALIVE, "");
        cr_assert_eq(w->state, OAP_STATE_CONNECTED);
}

static inline OapClientStatus status_of(const World *w) {
        OapClientStatus status;

        oap_client_status(w->client, &status);
        return status;
}

static inline bool is_said(const World *w, const char *text) {
        return strstr(status_of(w).last_error, text);
}

#define expect_said(w, text) \
        cr_expect(is_said(w, text), "\"%s\" is not in \"%s\"", text, status_of(w).last_error)
