/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/transport-bed.h"

#include "host/clock.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

#define FINISH_USEC (20U * 1000 * 1000)

void outcome_done(Outcome *o) {
        free(o->response);
        *o = (Outcome){};
}

static void on_result(const OapCallResult *result, void *userdata) {
        Outcome *o = userdata;

        o->n++;
        o->status = result->status;
        (void) snprintf(o->message, sizeof(o->message), "%s", result->message);
        (void) snprintf(o->peer, sizeof(o->peer), "%s", result->peer);
        if (!result->response.data)
                return;

        o->response = malloc(result->response.size + 1);
        cr_assert(o->response);
        o->size = result->response.size;
        memcpy(o->response, result->response.data, o->size);
}

size_t bed_n_threads(void) {
        _cleanup_(closedirp) DIR *d = opendir("/proc/self/task");
        size_t n = 0;

        cr_assert(d);
        while (readdir(d))
                n++;

        return n - 2;
}

void transport_bed_open(TransportBed *b, const OapTransportConfig *config) {
        _cleanup_(freep) char *message = NULL;

        b->n_threads = bed_n_threads();
        cr_assert_eq(oap_transport_load(NULL, &b->ops, &message), 0, "%s", message);
        cr_assert_eq(b->ops->open(config, &b->transport, &message), 0, "%s", message);
}

void transport_bed_init(TransportBed *b, const char *address) {
        transport_bed_open(
                        b, &(OapTransportConfig){ .addresses = { address }, .backoff_max_usec = 1000000 });
}

void transport_bed_done(TransportBed *b) {
        if (!b->ops)
                return;

        b->transport = b->ops->close(b->transport);
        for (unsigned i = 0; i < 2500 && bed_n_threads() > b->n_threads; i++)
                (void) usleep(2000);
}

void bed_start_request(TransportBed *b, const OapCallRequest *request, Outcome *o) {
        cr_assert_eq(b->ops->start(b->transport, request, on_result, o, &o->call), 0);
}

void bed_start(TransportBed *b, const char *method, size_t n_messages, uint64_t timeout_usec, Outcome *o) {
        OapSlice *messages = calloc(n_messages + 1, sizeof(messages[0]));

        cr_assert(messages);
        for (size_t i = 0; i < n_messages; i++)
                messages[i].data = (const uint8_t *) "";
        bed_start_request(
                        b,
                        &(OapCallRequest){ .method = method,
                                           .messages = messages,
                                           .n_messages = n_messages,
                                           .timeout_usec = timeout_usec },
                        o);
        free(messages);
}

static void dispatch(TransportBed *b, uint64_t usec) {
        struct pollfd p = { .fd = b->ops->fd(b->transport), .events = POLLIN };

        if (poll(&p, 1, (int) (usec / 1000) + 1) > 0)
                b->ops->dispatch(b->transport);
}

void bed_run(TransportBed *b, uint64_t usec) {
        usec_t end_usec = clock_monotonic_usec() + usec;

        for (usec_t now; (now = clock_monotonic_usec()) < end_usec;)
                dispatch(b, end_usec - now);
}

void bed_finish(TransportBed *b, const Outcome *o) {
        usec_t end_usec = clock_monotonic_usec() + FINISH_USEC;

        while (o->n == 0) {
                cr_assert_lt(clock_monotonic_usec(), end_usec, "the call does not end");
                dispatch(b, 100000);
        }
        cr_assert_eq(o->n, 1);
}

void bed_call(TransportBed *b, Outcome *o) {
        bed_start(b, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC, o);
        bed_finish(b, o);
}
