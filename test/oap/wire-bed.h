/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-oap.h"
#include "oap/oap-registry.h"

/* The registry and its client, by gRPC, to a fake OAP: what is on the wire is real, the clock runs ahead as
 * the test says. Everything that fails here ends the test. */

#define WIRE_AGENT "5b0f5a11-1c1e-4f3e-8c55-0b8d6f2f9f0d"
#define WIRE_IDENTITIES_MAX 4096U

typedef struct WireBed {
        FakeOap *oap;
        const OapTransportOps *ops;
        OapTransport *transport; /* the client's */
        OapClient *client;
        OapRegistry *registry;
        usec_t ahead_usec;
        Identity *identities[WIRE_IDENTITIES_MAX];
        size_t n;
        unsigned n_told;
        OapState state; /* as told last */
} WireBed;

/* @oap is taken over; NULL: a new one. @token, @ebpf may be NULL. */
void wire_bed_init(WireBed *b, FakeOap *oap, const char *token, const char *ebpf);
void wire_bed_done(WireBed *b);

usec_t wire_bed_now_usec(const WireBed *b);
Identity *wire_bed_add(WireBed *b, const char *layer, const char *process);
void wire_bed_remove(WireBed *b, Identity *i);

/* Steps until no call is under way and none is started. */
void wire_bed_settle(WireBed *b);
/* … each second. */
void wire_bed_run(WireBed *b, unsigned seconds);
/* Waits for what is under way alone. */
void wire_bed_finish(WireBed *b);

OapClientStatus wire_bed_status(const WireBed *b);
