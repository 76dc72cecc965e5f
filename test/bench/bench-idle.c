/* SPDX-License-Identifier: Apache-2.0 */
/* What watching costs while nothing happens: the real daemon with a thousand sleeping processes under three
 * policies, and one second of it beside the same second done by reading /proc. */
#include "basic/cleanup.h"
#include "bench-daemon.h"
#include "bench-empty-pass.h"
#include "bench-load.h"
#include "bench.h"
#include "cprof-config.h"
#include "fake/fake-probe.h"
#include "host/clock.h"
#include "target/target-set.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PROCESSES 1000U
#define WARM_USEC (8 * USEC_PER_SEC)
#define MEASURED_USEC (20 * USEC_PER_SEC)
#define PASSES 30U
#define PASS_PAUSE_USEC (200 * USEC_PER_MSEC) /* so that caches forget, as they do in a second */

static double cpu_now_us(void) {
        struct timespec ts;

        if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) < 0)
                abort();

        return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec / 1e3;
}

/* Median CPU time of a pass, after some that read what the processes are. */
static double measure_passes(Probe *probe) {
        _cleanup_(target_set_freep) TargetSet *set = NULL;
        _cleanup_(host_freep) Host *host = NULL;
        double us[PASSES];
        int r;

        r = host_new("/", &host);
        if (r >= 0)
                r = target_set_new(host, probe, NULL, &set);
        for (unsigned i = 0; r >= 0 && i < 5; i++)
                r = target_set_refresh(set, clock_monotonic_usec());
        if (r < 0)
                bench_fail("target set", r);

        for (unsigned i = 0; i < PASSES; i++) {
                double start;

                bench_sleep_until(clock_monotonic_usec() + PASS_PAUSE_USEC);
                start = cpu_now_us();
                (void) target_set_refresh(set, clock_monotonic_usec());
                us[i] = cpu_now_us() - start;
        }

        if (target_set_n_processes(set) < PROCESSES)
                bench_fail("processes are missing", ENODATA);

        return bench_median(us, PASSES);
}

static void bench_passes(Bench *b) {
        FakeProbe blind = { .fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP };
        _cleanup_(probe_freep) Probe *bpf = NULL, *none = NULL;
        double bpf_us, proc_us;
        char inputs[256];
        int r;

        r = probe_new(&(ProbeConfig){}, &bpf);
        if (r >= 0)
                r = fake_probe_new(&blind, &none);
        if (r < 0)
                bench_fail("probe", r);

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "CPU time of one pass over all %u processes of the machine, %u of them ours and asleep, "
                        "median of %u, load average %.2f",
                        bench_n_processes(),
                        PROCESSES,
                        PASSES,
                        bench_load1());

        bpf_us = measure_passes(bpf);
        proc_us = measure_passes(none);
        bench_figure(b, "pass-bpf-us", bpf_us, "us", BENCH_NO_GOAL, true, inputs);
#if HAVE_BPF
        bench_figure(b,
                     "pass-empty-us",
                     bench_empty_pass_us(PASSES, PASS_PAUSE_USEC),
                     "us",
                     BENCH_NO_GOAL,
                     true,
                     "the same for an iterator program that does nothing: the kernel's own share");
#endif
        bench_figure(b, "pass-proc-us", proc_us, "us", BENCH_NO_GOAL, true, inputs);
        bench_figure(b,
                     "pass-ratio",
                     proc_us / bpf_us,
                     "x",
                     BENCH_NO_GOAL,
                     false,
                     "pass-proc-us / pass-bpf-us");
}

static void start_daemon(BenchDaemon *d) {
        static const char *const rules[] = {
                "process-cpu >= 80% for 10 of 60s",
                "process-thread-count >= 500 for 5 of 10s",
                "system-load >= 100000 for 30 of 60s",
        };
        char texts[ELEMENTSOF(rules)][PATH_MAX + 128], exe[PATH_MAX] = "";
        BenchPolicy policies[ELEMENTSOF(rules)];

        if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
                bench_fail("/proc/self/exe", errno);

        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                (void) snprintf(texts[i],
                                sizeof(texts[i]),
                                "[Policy]\nSlice=-.slice\nExe=%s\n[Trigger]\nWhen=%s\n",
                                exe,
                                rules[i]);
                policies[i] = (BenchPolicy){ .name = (const char *const[]){ "a", "b", "c" }[i],
                                             .text = texts[i] };
        }

        bench_daemon_start(d, policies, ELEMENTSOF(policies));
}

static void bench_daemon(Bench *b) {
        char status[64], smaps[64], inputs[256];
        uint64_t cpu_ns, n_wakeups;
        usec_t begin_usec, usec;
        BenchDaemon d;

        start_daemon(&d);
        (void) snprintf(status, sizeof(status), "/proc/%i/status", (int) d.pid);
        (void) snprintf(smaps, sizeof(smaps), "/proc/%i/smaps_rollup", (int) d.pid);
        bench_sleep_until(clock_monotonic_usec() + WARM_USEC);

        begin_usec = clock_monotonic_usec();
        cpu_ns = bench_daemon_cpu_ns(&d);
        n_wakeups = bench_read_number(status, "voluntary_ctxt_switches");
        bench_sleep_until(begin_usec + MEASURED_USEC);
        usec = clock_monotonic_usec() - begin_usec;
        cpu_ns = bench_daemon_cpu_ns(&d) - cpu_ns;
        n_wakeups = bench_read_number(status, "voluntary_ctxt_switches") - n_wakeups;

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "cprofd over %.0f s, %u sleeping processes under three policies, %u processes on the "
                        "machine, load average %.2f",
                        (double) usec / USEC_PER_SEC,
                        PROCESSES,
                        bench_n_processes(),
                        bench_load1());
        bench_figure(b,
                     "idle-cpu-percent",
                     100.0 * (double) cpu_ns / NSEC_PER_USEC / (double) usec,
                     "% of a core",
                     0.05,
                     true,
                     inputs);
        bench_figure(b,
                     "idle-wakeups-per-second",
                     (double) n_wakeups * USEC_PER_SEC / (double) usec,
                     "1/s",
                     1.5,
                     true,
                     inputs);
        bench_figure(b,
                     "idle-pss-mib",
                     (double) bench_read_number(smaps, "Pss") / 1024,
                     "MiB",
                     16,
                     true,
                     inputs);
        bench_figure(b,
                     "idle-rss-mib",
                     (double) bench_read_number(smaps, "Rss") / 1024,
                     "MiB",
                     BENCH_NO_GOAL,
                     true,
                     inputs);
        bench_daemon_stop(&d);
}

int main(int argc, char **argv) {
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        pid_t pids[PROCESSES];

        for (unsigned i = 0; i < PROCESSES; i++)
                pids[i] = bench_fork("bench-idle", bench_pause, NULL);

        bench_daemon(b);
        bench_passes(b);

        for (unsigned i = 0; i < PROCESSES; i++)
                bench_kill(pids[i]);
        return bench_close(b);
}
