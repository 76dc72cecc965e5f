/* SPDX-License-Identifier: Apache-2.0 */
/* What off-CPU recording costs at a context switch: of processes that nobody watches, and of one that is
 * watched. Pipe ping-pong between two processes on one CPU. */
#include "basic/cleanup.h"
#include "bench-load.h"
#include "bench.h"
#include "host/clock.h"
#include "probe/probe.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROUNDS 7U
#define ROUND_USEC (500 * USEC_PER_MSEC)
#define BASE_GOAL_NSEC 80
#define CAPTURE_GOAL_USEC 3.5

/* Two processes that wake each other; the first counts. */
typedef struct PingPong {
        int there[2], back[2];
        volatile uint64_t *n; /* round trips, shared */
        pid_t pids[2];
} PingPong;

static void pin(void) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(0, &set);
        (void) sched_setaffinity(0, sizeof(set), &set);
}

/* Both are bench_fork() functions. */
static void ping(void *userdata) {
        PingPong *p = userdata;
        char c = 0;

        pin();
        while (write(p->there[1], &c, 1) == 1 && read(p->back[0], &c, 1) == 1)
                (*p->n)++;
}

static void pong(void *userdata) {
        PingPong *p = userdata;
        char c;

        pin();
        while (read(p->there[0], &c, 1) == 1 && write(p->back[1], &c, 1) == 1)
                ;
}

static void start(PingPong *p) {
        p->n = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (p->n == MAP_FAILED || pipe(p->there) < 0 || pipe(p->back) < 0)
                bench_fail("pipes", errno);

        p->pids[0] = bench_fork("bench-ping", ping, p);
        p->pids[1] = bench_fork("bench-pong", pong, p);
}

/* Nanoseconds of CPU time of both per switch: what others do on the CPU is not in it. */
static double measure_round(const PingPong *p) {
        uint64_t n = *p->n, cpu_ns;

        cpu_ns = bench_process_cpu_ns(p->pids[0]) + bench_process_cpu_ns(p->pids[1]);
        bench_sleep_until(clock_monotonic_usec() + ROUND_USEC);
        cpu_ns = bench_process_cpu_ns(p->pids[0]) + bench_process_cpu_ns(p->pids[1]) - cpu_ns;
        n = *p->n - n;
        if (n == 0)
                bench_fail("ping-pong", ETIME);

        return (double) cpu_ns / (2.0 * (double) n);
}

static void watch(Probe *p, pid_t pid, bool on) {
        int r = 0;

        if (on)
                r = probe_watch(p, pid, PROBE_USE_OFF_CPU);
        else
                probe_unwatch(p, pid, PROBE_USE_OFF_CPU);
        if (r < 0)
                bench_fail("watching", -r);
}

static void skip_sample(const struct cprof_sample *sample, void *userdata) {
}

/* Run time of the programs per run, with statistics on, for a moment. */
static double measure_program(Probe *p) {
        ProbeCounters before, after;

        if (probe_statistics(p, true) < 0)
                bench_fail("BPF statistics", EPERM);

        probe_counters(p, &before);
        bench_sleep_until(clock_monotonic_usec() + ROUND_USEC);
        probe_counters(p, &after);
        (void) probe_statistics(p, false);
        (void) probe_drain(p, skip_sample, NULL);
        return (double) (after.offcpu_run_ns - before.offcpu_run_ns) /
                        (double) (after.offcpu_run_count - before.offcpu_run_count);
}

/* Other work on the machine only ever adds. */
static double find_least(const double *values, size_t n) {
        double least = values[0];

        for (size_t i = 1; i < n; i++)
                least = values[i] < least ? values[i] : least;

        return least;
}

/* Of switches between processes that are not watched, while another one is. */
static void bench_foreign(Bench *b, Probe *p, const PingPong *foreign, pid_t watched) {
        double without[ROUNDS], with[ROUNDS], program[ROUNDS], base, added;
        char inputs[256];

        for (size_t i = 0; i < ROUNDS; i++) {
                without[i] = measure_round(foreign);
                watch(p, watched, true);
                with[i] = measure_round(foreign);
                program[i] = measure_program(p);
                watch(p, watched, false);
        }

        base = find_least(without, ROUNDS);
        added = find_least(with, ROUNDS) - base;
        (void) snprintf(inputs,
                        sizeof(inputs),
                        "best of %u rounds, CPU time of pipe ping-pong on one CPU: %.0f ns per switch without, "
                        "load average %.2f",
                        ROUNDS,
                        base,
                        bench_load1());
        bench_figure(b, "offcpu-foreign-added-ns", added, "ns/switch", BASE_GOAL_NSEC, true, inputs);
        bench_figure(b,
                     "offcpu-foreign-added-percent",
                     100.0 * added / base,
                     "% of a switch",
                     BENCH_NO_GOAL,
                     true,
                     inputs);
        bench_figure(b,
                     "offcpu-foreign-program-ns",
                     bench_median(program, ROUNDS),
                     "ns/switch",
                     BENCH_NO_GOAL,
                     true,
                     "run time by BPF statistics, whose own two looks at the clock are in it");
}

/* A stack at each switch out and its time at each switch in. */
static void bench_captured(Bench *b, Probe *p, const PingPong *subject) {
        double program[ROUNDS], without, with, usec;
        ProbeCounters c;
        char inputs[256];

        without = measure_round(subject);
        watch(p, subject->pids[0], true);
        watch(p, subject->pids[1], true);
        with = measure_round(subject);
        for (size_t i = 0; i < ROUNDS; i++)
                program[i] = measure_program(p);
        watch(p, subject->pids[0], false);
        watch(p, subject->pids[1], false);

        probe_counters(p, &c);
        usec = bench_median(program, ROUNDS) / 1e3;
        (void) snprintf(inputs,
                        sizeof(inputs),
                        "out and in, kernel and user stack by frame pointers; %.0f ns per switch without and "
                        "%.0f with; %llu without a stack",
                        without,
                        with,
                        (unsigned long long) c.n_offcpu_rate_limited);
        bench_figure(b, "offcpu-captured-us", usec, "us/switch", CAPTURE_GOAL_USEC, true, inputs);
        bench_figure(b,
                     "offcpu-captured-added-us",
                     (with - without) / 1e3,
                     "us/switch",
                     BENCH_NO_GOAL,
                     true,
                     inputs);
}

int main(int argc, char **argv) {
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        const ProbeConfig config = { .offcpu_stacks_per_sec = 10000000 };
        _cleanup_(probe_freep) Probe *p = NULL;
        PingPong pair = {};
        pid_t idle;

        if (probe_new(&config, &p) < 0 || probe_arm(p, PROBE_USE_OFF_CPU) < 0)
                bench_fail("the off-CPU recorder", EOPNOTSUPP);

        start(&pair);
        idle = bench_fork("bench-idle", bench_pause, NULL);
        bench_foreign(b, p, &pair, idle);
        bench_captured(b, p, &pair);

        bench_kill(idle);
        bench_kill(pair.pids[0]);
        bench_kill(pair.pids[1]);
        return bench_close(b);
}
