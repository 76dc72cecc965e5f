/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-oap.h"
#include "oap/oap-transport.h"

/* A real transport, opened from the build tree, and calls by it. Everything that fails here ends the test.
 */
typedef struct TransportBed {
        const OapTransportOps *ops;
        OapTransport *transport;
        size_t n_threads; /* of the process before */
} TransportBed;

/* What came of a call. */
typedef struct Outcome {
        unsigned n; /* times that it was told; one is right */
        int status;
        char message[1024], peer[128];
        uint8_t *response; /* NULL: none */
        size_t size;
        OapCall *call;
} Outcome;
void outcome_done(Outcome *o);

#define BED_KEEP_ALIVE "/skywalking.v3.EBPFProcessService/keepAlive"
#define BED_COLLECT "/skywalking.v3.MeterReportService/collectBatch"
#define BED_TIMEOUT_USEC (10U * 1000 * 1000)

/* To @address, without TLS. */
void transport_bed_init(TransportBed *b, const char *address);
void transport_bed_open(TransportBed *b, const OapTransportConfig *config);
/* Also waits until its threads are not in /proc any more, which is a moment after they were joined:
 * LeakSanitizer stumbles over them. */
void transport_bed_done(TransportBed *b);

size_t bed_n_threads(void);

/* Starts a call with @n_messages empty messages. */
void bed_start(TransportBed *b, const char *method, size_t n_messages, uint64_t timeout_usec, Outcome *o);
void bed_start_request(TransportBed *b, const OapCallRequest *request, Outcome *o);
/* Dispatches until the call is over, for 20 s at most. */
void bed_finish(TransportBed *b, const Outcome *o);
/* Dispatches what comes in that time. */
void bed_run(TransportBed *b, uint64_t usec);
/* Start and finish of keepAlive with an empty message; ends the test when it is not told just once. */
void bed_call(TransportBed *b, Outcome *o);
