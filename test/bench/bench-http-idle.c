/* SPDX-License-Identifier: Apache-2.0 */
/* What watching the HTTP of a thousand processes costs while none of them has a request: the real daemon
 * with rules about HTTP, and with as many about CPU. */
#include "bench-daemon.h"
#include "bench-load.h"
#include "bench.h"

#include "basic/cleanup.h"
#include "host/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES 1000U
#define WARM_USEC (20 * USEC_PER_SEC)
#define MEASURED_USEC (30 * USEC_PER_SEC)

/* Each process has two rules of each policy; those of HTTP are of two URIs, 2000 in the kernel. */
static const char http_rules[] =
                "[Trigger]\nMetric=http-error-rate\nThreshold=5%\nURI=/api/orders\n"
                "[Trigger]\nMetric=http-avg-response-time\nThreshold=250ms\nURIRegex=^/img/.*\\.png$\n";
static const char cpu_rules[] = "[Trigger]\nMetric=process-cpu\nThreshold=80%\n"
                                "[Trigger]\nMetric=process-thread-count\nThreshold=500\n";

static double measure(const char *rules) {
        char text[PATH_MAX + 512], exe[PATH_MAX] = "";
        BenchPolicy policy = { .name = "idle", .text = text };
        usec_t begin_usec, usec;
        uint64_t cpu_ns;
        BenchDaemon d;

        if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
                bench_fail("/proc/self/exe", errno);
        (void) snprintf(text, sizeof(text), "[Policy]\nSlice=-.slice\nExe=%s\n%s", exe, rules);

        bench_daemon_start(&d, &policy, 1);
        bench_sleep_until(clock_monotonic_usec() + WARM_USEC);
        begin_usec = clock_monotonic_usec();
        cpu_ns = bench_daemon_cpu_ns(&d);
        bench_sleep_until(begin_usec + MEASURED_USEC);
        usec = clock_monotonic_usec() - begin_usec;
        cpu_ns = bench_daemon_cpu_ns(&d) - cpu_ns;
        bench_daemon_stop(&d);

        return 100.0 * (double) cpu_ns / NSEC_PER_USEC / (double) usec;
}

int main(int argc, char **argv) {
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        pid_t pids[PROCESSES];
        double with, without;
        char inputs[256];

        for (unsigned i = 0; i < PROCESSES; i++)
                pids[i] = bench_fork("bench-http-idle", bench_pause, NULL);

        without = measure(cpu_rules);
        with = measure(http_rules);

        for (unsigned i = 0; i < PROCESSES; i++)
                bench_kill(pids[i]);

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "cprofd over %.0f s, two rules of HTTP for each of %u sleeping processes, load average "
                        "%.2f",
                        (double) MEASURED_USEC / USEC_PER_SEC,
                        PROCESSES,
                        bench_load1());
        bench_figure(b, "http-idle-cpu-percent", with, "% of a core", 0.2, true, inputs);
        bench_figure(b,
                     "http-idle-other-percent",
                     without,
                     "% of a core",
                     BENCH_NO_GOAL,
                     true,
                     "the same with two rules of CPU and threads in place of those of HTTP");
        return bench_close(b);
}
