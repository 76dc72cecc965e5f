/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-transport.h"
#include "oap/oap-forward.h"
#include "oap/oap-meters.h"
#include "oap/oap-policy.h"
#include "oap/oap-run.h"
#include "policy/watch-set.h"

/* A host as its OAP sees it: all that src/oap/oap.c puts together, over a transport that the bench answers,
 * on a clock of the bench. Processes "app-N#M" in units "app-N.service", each unit a service. */
typedef struct BenchHost BenchHost;

typedef struct BenchHostConfig {
        const Host *host; /* borrowed */
        unsigned n_services, n_processes;
        uint64_t seed;
        const char *directory;                         /* for what it keeps; emptied by bench_host_free() */
        bool has_watches;                              /* two rules for each process, with values */
        void (*server)(OapCall *call, void *userdata); /* as fake_transport_set_server() */
        void *userdata;
} BenchHostConfig;

BenchHost *bench_host_new(const BenchHostConfig *config);
BenchHost *bench_host_free(BenchHost *h);
DEFINE_CLEANUP(BenchHost *, bench_host_free)

OapTransport *bench_host_transport(BenchHost *h);

/* What oap.c does with the time; they return when there is more to do. */
usec_t bench_host_step(BenchHost *h, usec_t now_usec);
usec_t bench_host_dispatch(BenchHost *h, usec_t now_usec);
/* One more second: values into windows (not a part of what OAP costs), and … */
void bench_host_watch(BenchHost *h, usec_t now_usec);
/* … from there to the spool, each 5 s, or each minute without OAP. */
void bench_host_tick(BenchHost *h, usec_t now_usec);

/* OK, as OAP would. */
void bench_host_answer(OapCall *call);

OapState bench_host_state(const BenchHost *h);
uint64_t bench_host_n_waiting(const BenchHost *h); /* records in the spool */
