/* SPDX-License-Identifier: Apache-2.0 */
/* What the flight recorder takes from a busy process all the time: two busy threads under a policy that does
 * not fire, with the recorder and without it in turns. */
#include "bench-bpf.h"
#include "bench-daemon.h"
#include "bench-load.h"
#include "bench.h"

#include "basic/cleanup.h"
#include "host/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#define HZ 19U
#define THREADS 2U
#define ROUNDS 5U
#define FULL_SEC 32U /* the first round: the recorder is full then */
#define ROUND_SEC 4U
#define SETTLE_USEC (3 * USEC_PER_SEC)
#define GOAL_BUSY_PERCENT 0.05

#define TIMER_HZ 500U
#define TIMER_ROUNDS 8U
#define TIMER_ROUND_USEC (300 * USEC_PER_MSEC)
#define TIMER_GAP_NSEC_MAX 200000U /* longer ones are other processes */

typedef struct Round {
        double per_cpu_second; /* work done */
        double daemon_percent, bpf_busy_percent, bpf_us, rss_mib;
        uint64_t n_runs;
} Round;

static _Atomic uint64_t *n_done; /* shared with the subject */

static void *burn(void *userdata) {
        for (;;) {
                bench_burn_once();
                atomic_fetch_add_explicit(n_done, 1, memory_order_relaxed);
        }
        return NULL;
}

/* A bench_fork() function. */
static void run_subject(void *userdata) {
        pthread_t thread;

        for (unsigned i = 1; i < THREADS; i++)
                if (pthread_create(&thread, NULL, burn, NULL) != 0)
                        _exit(EXIT_FAILURE);

        (void) burn(NULL);
}

static void start_daemon(BenchDaemon *d, bool recorder) {
        char exe[PATH_MAX] = "", text[PATH_MAX + 256];
        const BenchPolicy policy = { .name = "bench", .text = text };

        if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
                bench_fail("/proc/self/exe", errno);

        (void) snprintf(text,
                        sizeof(text),
                        "[Policy]\nSlice=-.slice\nExe=%s\n"
                        "[Trigger]\nMetric=process-thread-count\nThreshold=100000\nPeriod=60s\nCount=60\n",
                        exe);
        bench_daemon_start_with(
                        d,
                        recorder ? "[Recorder]\nRecorderHz=19\n" : "[Recorder]\nRecorderHz=0\n",
                        &policy,
                        1);
}

static void measure(pid_t pid, bool recorder, unsigned seconds, Round *ret) {
        uint64_t done, subject_ns, daemon_ns;
        struct bpf_prog_info before = {}, after = {};
        BenchDaemon d = {};
        char rollup[64];
        usec_t usec;
        int fd;

        start_daemon(&d, recorder);
        bench_sleep_until(clock_monotonic_usec() + SETTLE_USEC);
        fd = bench_bpf_find(d.pid, "oncpu");
        if (recorder && fd < 0)
                bench_fail("the recorder does not run", ENOENT);

        if (fd >= 0)
                bench_bpf_read(fd, &before);
        usec = clock_monotonic_usec();
        done = *n_done;
        subject_ns = bench_process_cpu_ns(pid);
        daemon_ns = bench_daemon_cpu_ns(&d);

        bench_sleep_until(usec + seconds * USEC_PER_SEC);

        done = *n_done - done;
        subject_ns = bench_process_cpu_ns(pid) - subject_ns;
        daemon_ns = bench_daemon_cpu_ns(&d) - daemon_ns;
        usec = clock_monotonic_usec() - usec;
        if (fd >= 0)
                bench_bpf_read(fd, &after);
        (void) safe_close(fd);

        (void) snprintf(rollup, sizeof(rollup), "/proc/%i/smaps_rollup", (int) d.pid);
        *ret = (Round){
                .per_cpu_second = (double) done / ((double) subject_ns / NSEC_PER_SEC),
                .daemon_percent = 100.0 * (double) daemon_ns / NSEC_PER_USEC / (double) usec,
                .bpf_busy_percent = 100.0 * (double) (after.run_time_ns - before.run_time_ns) /
                                (double) subject_ns,
                .n_runs = after.run_cnt - before.run_cnt,
                .rss_mib = (double) bench_read_number(rollup, "Rss") / 1024,
        };
        if (ret->n_runs > 0)
                ret->bpf_us = (double) (after.run_time_ns - before.run_time_ns) / 1e3 / (double) ret->n_runs;
        bench_daemon_stop(&d);
}

/* Time that a loop around the clock lost in gaps too short for another process, in nanoseconds. */
static uint64_t lost_in_gaps(usec_t usec) {
        uint64_t last, lost = 0, now, end;
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        last = (uint64_t) ts.tv_sec * NSEC_PER_SEC + (uint64_t) ts.tv_nsec;
        end = last + usec * NSEC_PER_USEC;
        do {
                (void) clock_gettime(CLOCK_MONOTONIC, &ts);
                now = (uint64_t) ts.tv_sec * NSEC_PER_SEC + (uint64_t) ts.tv_nsec;
                if (now - last > NSEC_PER_USEC && now - last < TIMER_GAP_NSEC_MAX)
                        lost += now - last;
                last = now;
        } while (now < end);

        return lost;
}

/* Microseconds that one interrupt of the sampling clock takes, without any program of ours. */
static double measure_interrupt(void) {
        struct perf_event_attr attr = {
                .type = PERF_TYPE_SOFTWARE,
                .size = sizeof(attr),
                .config = PERF_COUNT_SW_CPU_CLOCK,
                .sample_period = NSEC_PER_SEC / TIMER_HZ,
                .disabled = 1,
        };
        double us[TIMER_ROUNDS];
        int fd;

        fd = (int) syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
        if (fd < 0)
                bench_fail("perf_event_open", errno);

        for (unsigned i = 0; i < TIMER_ROUNDS; i++) {
                uint64_t without, with, n, n_before;

                without = lost_in_gaps(TIMER_ROUND_USEC);
                (void) read(fd, &n_before, sizeof(n_before)); /* the clock of the event: only while we ran */
                (void) ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
                with = lost_in_gaps(TIMER_ROUND_USEC);
                (void) ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
                (void) read(fd, &n, sizeof(n));
                us[i] = ((double) with - (double) without) / 1e3 /
                                ((double) (n - n_before) / NSEC_PER_SEC * TIMER_HZ);
        }

        (void) close(fd);
        return bench_median(us, TIMER_ROUNDS);
}

static void report(Bench *b, const Round *on, const Round *off, double interrupt_us) {
        double ratios[ROUNDS], bpf[ROUNDS], daemon_on[ROUNDS], daemon_off[ROUNDS], us[ROUNDS], low, high,
                        ratio;
        char inputs[256];

        for (unsigned i = 0; i < ROUNDS; i++) {
                ratios[i] = on[i].per_cpu_second / off[i].per_cpu_second;
                bpf[i] = on[i].bpf_busy_percent;
                us[i] = on[i].bpf_us;
                daemon_on[i] = on[i].daemon_percent;
                daemon_off[i] = off[i].daemon_percent;
        }
        ratio = bench_median(ratios, ROUNDS);
        low = ratios[0];
        high = ratios[ROUNDS - 1];

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "%u Hz, two busy threads with %u frames and more; medians of %u rounds of %u s, the first of "
                        "%u s; load average %.2f",
                        HZ,
                        BENCH_BURN_DEPTH,
                        ROUNDS,
                        ROUND_SEC,
                        FULL_SEC,
                        bench_load1());
        bench_figure(b,
                     "recorder.bpf-busy",
                     bench_median(bpf, ROUNDS),
                     "% of a busy CPU",
                     GOAL_BUSY_PERCENT,
                     true,
                     inputs);
        bench_figure(b, "recorder.bpf", bench_median(us, ROUNDS), "us a run", BENCH_NO_GOAL, true, inputs);
        bench_figure(b,
                     "recorder.interrupt",
                     interrupt_us,
                     "us",
                     BENCH_NO_GOAL,
                     true,
                     "one tick of the sampling "
                     "clock without a program, as gaps in a loop");
        bench_figure(b,
                     "recorder.busy-estimate",
                     bench_median(bpf, ROUNDS) + 100.0 * interrupt_us * HZ / 1e6,
                     "% of a busy CPU",
                     BENCH_NO_GOAL,
                     true,
                     "the program and its interrupts, from their cost");
        bench_figure(b,
                     "recorder.daemon",
                     bench_median(daemon_on, ROUNDS),
                     "% of a core",
                     BENCH_NO_GOAL,
                     true,
                     inputs);
        bench_figure(b,
                     "recorder.daemon-without",
                     bench_median(daemon_off, ROUNDS),
                     "% of a core",
                     BENCH_NO_GOAL,
                     true,
                     inputs);

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "work per CPU second with the recorder / without; the %u rounds lie between %.4f and %.4f",
                        ROUNDS,
                        low,
                        high);
        bench_figure(b, "recorder.throughput", ratio, "x", BENCH_NO_GOAL, false, inputs);
        bench_figure(b,
                     "recorder.rss-added",
                     on[0].rss_mib - off[0].rss_mib,
                     "MiB",
                     BENCH_NO_GOAL,
                     true,
                     "after half a minute");
}

int main(int argc, char **argv) {
        _cleanup_(closep) int stats_fd = bench_bpf_statistics();
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        Round on[ROUNDS], off[ROUNDS];
        double interrupt_us;
        pid_t pid;

        n_done = mmap(NULL, sizeof(*n_done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (n_done == MAP_FAILED)
                bench_fail("mmap", errno);

        interrupt_us = measure_interrupt();
        pid = bench_fork("bench-recorder", run_subject, NULL);
        for (unsigned i = 0; i < ROUNDS; i++) {
                measure(pid, true, i == 0 ? FULL_SEC : ROUND_SEC, on + i);
                measure(pid, false, ROUND_SEC, off + i);
        }
        bench_kill(pid);

        report(b, on, off, interrupt_us);
        return bench_close(b);
}
