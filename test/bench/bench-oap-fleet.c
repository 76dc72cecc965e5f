/* SPDX-License-Identifier: Apache-2.0 */
/* Many hosts whose OAP was away, on a simulated clock. They do not know of each other: one after the other
 * is simulated, and what each asks of OAP is counted by the second. */
#include "bench/bench-load.h"
#include "bench/bench-oap-host.h"
#include "bench/bench-oap.h"
#include "fake/fake-subjects.h"

#include <inttypes.h>
#include <string.h>

#define START_SEC 1000U
#define AWAY_SEC (START_SEC + 300U)
#define OUTAGE_SEC 1800U
#define BACK_SEC (AWAY_SEC + OUTAGE_SEC)
#define END_SEC (BACK_SEC + 300U)
#define STEADY_SEC 200U /* before the outage: what is done the least often is done once */
#define SERVICES 2U
#define PROCESSES 4U
#define LATENCY_USEC (20 * USEC_PER_MSEC) /* of an answer, half to all of it */
#define PEAK_GOAL 3.0

typedef struct Fleet {
        uint64_t requests[END_SEC - START_SEC]; /* that reached OAP, by the second */
        uint64_t attempts;                      /* that did not */
        uint64_t random;
        usec_t now_usec, answer_usec; /* of the client that is simulated; 0: nothing waits */
} Fleet;

static bool is_up(usec_t usec) {
        return usec < AWAY_SEC * USEC_PER_SEC || usec >= BACK_SEC * USEC_PER_SEC;
}

static void on_call(OapCall *call, void *userdata) {
        Fleet *f = userdata;

        if (is_up(f->now_usec))
                f->requests[f->now_usec / USEC_PER_SEC - START_SEC]++;
        else
                f->attempts++;
        if (f->answer_usec == 0)
                f->answer_usec = f->now_usec + LATENCY_USEC / 2 +
                                fake_random(&f->random) % (LATENCY_USEC / 2);
}

static void answer_all(OapTransport *t, bool up) {
        OapCall *call;

        if (!up)
                (void) fake_transport_fail_all(t, OAP_STATUS_UNAVAILABLE, "connection refused");
        while ((call = fake_transport_find(t, "")))
                bench_host_answer(call);
}

static void simulate(Fleet *f, const Host *host, const char *directory) {
        const BenchHostConfig config = {
                .host = host,
                .n_services = SERVICES,
                .n_processes = PROCESSES,
                .seed = f->random,
                .directory = directory,
                .server = on_call,
                .userdata = f,
        };
        _cleanup_(bench_host_freep) BenchHost *h = bench_host_new(&config);
        /* seconds of CLOCK_MONOTONIC begin where the host started */
        usec_t phase_usec = fake_random(&f->random) % USEC_PER_SEC,
               tick_usec = START_SEC * USEC_PER_SEC + phase_usec;
        usec_t step_usec = tick_usec;

        for (f->answer_usec = 0;;) {
                f->now_usec = MIN_OF(tick_usec, step_usec);
                if (f->answer_usec > 0)
                        f->now_usec = MIN_OF(f->now_usec, f->answer_usec);
                if (f->now_usec >= END_SEC * USEC_PER_SEC)
                        break;

                if (f->now_usec == f->answer_usec) {
                        f->answer_usec = 0;
                        answer_all(bench_host_transport(h), is_up(f->now_usec));
                        step_usec = bench_host_dispatch(h, f->now_usec);
                } else if (f->now_usec == tick_usec) {
                        tick_usec += USEC_PER_SEC;
                        bench_host_tick(h, f->now_usec);
                        step_usec = bench_host_step(h, f->now_usec);
                } else
                        step_usec = bench_host_step(h, f->now_usec);
        }

        if (bench_host_n_waiting(h) > 1)
                bench_fail("a host still had something for OAP", -EBUSY);
}

void bench_oap_fleet(Bench *b, const Host *host, const char *directory, unsigned n_hosts) {
        Fleet *f = calloc(1, sizeof(*f));
        uint64_t steady = 0, peak = 0;
        unsigned peak_sec = 0;
        char inputs[256];
        double mean;

        if (!f)
                bench_fail("fleet", -ENOMEM);

        f->random = 88172645463325252;
        for (unsigned i = 0; i < n_hosts; i++)
                simulate(f, host, directory);

        for (unsigned i = AWAY_SEC - STEADY_SEC; i < AWAY_SEC; i++)
                steady += f->requests[i - START_SEC];
        mean = (double) steady / STEADY_SEC;
        for (unsigned i = BACK_SEC; i < END_SEC; i++)
                if (f->requests[i - START_SEC] > peak) {
                        peak = f->requests[i - START_SEC];
                        peak_sec = i - BACK_SEC;
                }

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "%u hosts of %u processes, OAP away for %u s: %.0f requests/s before, at most %" PRIu64
                        " after it (in second %u); %" PRIu64 " attempts meanwhile",
                        n_hosts,
                        PROCESSES,
                        OUTAGE_SEC,
                        mean,
                        peak,
                        peak_sec,
                        f->attempts);
        bench_figure(b, "fleet-peak", (double) peak / mean, "times", PEAK_GOAL, true, inputs);
        free(f);
}
