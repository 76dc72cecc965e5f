/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/wire-bed.h"

#include "host/clock.h"
#include "oap/some-identity.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

#define FINISH_USEC (30 * USEC_PER_SEC)

static void on_state(const OapClientStatus *status, OapState before, void *userdata) {
        WireBed *b = userdata;

        b->n_told++;
        b->state = status->state;
}

void wire_bed_init(WireBed *b, FakeOap *oap, const char *token, const char *ebpf) {
        _cleanup_(freep) char *message = NULL;
        OapTransportConfig config;

        *b = (WireBed){ .oap = oap ?: fake_oap_new(NULL) };
        config = (OapTransportConfig){
                .addresses = { fake_oap_address(b->oap), ebpf },
                .token = token,
                .backoff_max_usec = USEC_PER_SEC,
        };
        cr_assert_eq(oap_transport_load(NULL, &b->ops, &message), 0, "%s", message);
        cr_assert_eq(b->ops->open(&config, &b->transport, &message), 0, "%s", message);
        cr_assert_eq(oap_client_new(b->ops, b->transport, 11, on_state, b, &b->client), 0);
        cr_assert_eq(oap_client_set_addresses(b->client, fake_oap_address(b->oap), ebpf), 0);
        cr_assert_eq(oap_registry_new(b->client, WIRE_AGENT, &b->registry), 0);
}

void wire_bed_done(WireBed *b) {
        oap_registry_free(b->registry);
        oap_client_free(b->client);
        for (size_t i = 0; i < b->n; i++)
                some_identity_free(b->identities[i]);
        fake_oap_free(b->oap);
}

usec_t wire_bed_now_usec(const WireBed *b) {
        return clock_monotonic_usec() + b->ahead_usec;
}

Identity *wire_bed_add(WireBed *b, const char *layer, const char *process) {
        Identity *i = some_identity(layer, "shop", process, 100 + (pid_t) b->n);

        cr_assert_lt(b->n, WIRE_IDENTITIES_MAX);
        b->identities[b->n++] = i;
        cr_assert_eq(oap_registry_add(b->registry, i), 0);
        return i;
}

void wire_bed_remove(WireBed *b, Identity *i) {
        size_t k = 0;

        oap_registry_remove(b->registry, i);
        while (b->identities[k] != i)
                k++;

        b->identities[k] = b->identities[--b->n];
        some_identity_free(i);
}

OapClientStatus wire_bed_status(const WireBed *b) {
        OapClientStatus status;

        oap_client_status(b->client, &status);
        return status;
}

static void wait_and_dispatch(WireBed *b, usec_t end_usec) {
        struct pollfd p = { .fd = b->ops->fd(b->transport), .events = POLLIN };

        cr_assert_lt(clock_monotonic_usec(), end_usec, "calls do not end");
        if (poll(&p, 1, 100) > 0)
                oap_client_dispatch(b->client, wire_bed_now_usec(b));
}

void wire_bed_finish(WireBed *b) {
        usec_t end_usec = clock_monotonic_usec() + FINISH_USEC;

        while (wire_bed_status(b).n_running > 0)
                wait_and_dispatch(b, end_usec);
}

void wire_bed_settle(WireBed *b) {
        usec_t end_usec = clock_monotonic_usec() + FINISH_USEC;

        (void) oap_registry_step(b->registry, wire_bed_now_usec(b));
        while (wire_bed_status(b).n_running > 0) {
                wait_and_dispatch(b, end_usec);
                (void) oap_registry_step(b->registry, wire_bed_now_usec(b));
        }
}

void wire_bed_run(WireBed *b, unsigned seconds) {
        for (unsigned i = 0; i < seconds; i++) {
                wire_bed_settle(b);
                b->ahead_usec += USEC_PER_SEC;
        }
}
