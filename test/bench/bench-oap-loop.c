/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop does for OAP in each second. */
#include "bench/bench-load.h"
#include "bench/bench-oap-host.h"
#include "bench/bench-oap.h"

#include <inttypes.h>

#define PROCESSES 500U
#define SERVICES 20U
#define START_SEC 1000U
#define SECONDS 600U
#define SECONDS_WARM 30U
#define GOAL_MS 2.0

/* An OAP that answers at once; its time is not ours. */
static void on_call(OapCall *call, void *userdata) {
        double start = bench_oap_cpu_ms(), *server_ms = userdata;

        bench_host_answer(call);
        *server_ms += bench_oap_cpu_ms() - start;
}

static double run_second(BenchHost *h, usec_t second_usec, double *server_ms) {
        usec_t now_usec = second_usec, end_usec = second_usec + USEC_PER_SEC;
        double start, before;

        bench_host_watch(h, second_usec);
        before = *server_ms;
        start = bench_oap_cpu_ms();
        bench_host_tick(h, now_usec);
        while (now_usec < end_usec)
                now_usec = fake_transport_n_waiting(bench_host_transport(h)) == 0
                                ? bench_host_dispatch(h, now_usec)
                                : bench_host_step(h, now_usec);

        return bench_oap_cpu_ms() - start - (*server_ms - before);
}

void bench_oap_loop(Bench *b, const Host *host, const char *directory) {
        double server_ms = 0, ms[SECONDS], sum_ms = 0;
        const BenchHostConfig config = {
                .host = host,
                .n_services = SERVICES,
                .n_processes = PROCESSES,
                .seed = 1,
                .directory = directory,
                .has_watches = true,
                .server = on_call,
                .userdata = &server_ms,
        };
        _cleanup_(bench_host_freep) BenchHost *h = bench_host_new(&config);
        char inputs[256];

        for (unsigned second = 1; second <= SECONDS_WARM + SECONDS; second++) {
                double spent_ms = run_second(h, (START_SEC + second) * USEC_PER_SEC, &server_ms);

                if (second > SECONDS_WARM) {
                        ms[second - SECONDS_WARM - 1] = spent_ms;
                        sum_ms += spent_ms;
                }
        }
        if (bench_host_state(h) != OAP_STATE_CONNECTED || bench_host_n_waiting(h) > 1)
                bench_fail("OAP did not get what it should", -EIO);

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "registry, policies, tasks, meters and spool for %u processes of %u services with two rules each, "
                        "mean of %u s; calls: %" PRIu64 " keep-alive, %" PRIu64 " meters",
                        PROCESSES,
                        SERVICES,
                        SECONDS,
                        fake_transport_n_started(bench_host_transport(h), "keepAlive"),
                        fake_transport_n_started(bench_host_transport(h), "collectBatch"));
        bench_figure(b, "loop-ms", sum_ms / SECONDS, "ms/s", GOAL_MS, true, inputs);
        bench_figure(b,
                     "loop-median-ms",
                     bench_median(ms, SECONDS),
                     "ms/s",
                     GOAL_MS,
                     true,
                     "the median second");
        bench_figure(b, "loop-max-ms", ms[SECONDS - 1], "ms/s", BENCH_NO_GOAL, true, "the longest one");
}
