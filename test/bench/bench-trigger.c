/* SPDX-License-Identifier: Apache-2.0 */
/* From the close of the second that completes a rule to the first sample, with the real daemon: of a process
 * that has idled, of one that is busy from its start, and of a second worker while the first one is silent.
 * Beside it naive-watcher.py, from its own decision to its first sample. */
#include "basic/cleanup.h"
#include "bench-daemon.h"
#include "bench-load.h"
#include "bench.h"
#include "host/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_USEC (3 * USEC_PER_SEC) /* until the sampler rests again: each round finds it disabled */
#define ROUNDS_MAX 64U
#define AT_ONCE_MAX 2U
#define SUBJECTS_MAX (3 * ROUNDS_MAX * AT_ONCE_MAX + 1)
#define THRESHOLD_PERCENT "15"
#define NAIVE_USEC (5 * USEC_PER_SEC)

typedef enum Situation {
        SITUATION_FRESH,
        SITUATION_SECOND,
        SITUATION_IDLE,
        _SITUATION_MAX,
        SITUATION_FIRST, /* the worker that gets its silence before the second one comes: does not count */
} Situation;

static const char *const situation_names[_SITUATION_MAX] = { "fresh", "second-worker", "idle" };

typedef struct BenchSubject {
        pid_t pid;
        Situation situation;
        usec_t close_usec; /* end of the second that completes the rule */
        bool from_start;
        double decide_ms, sample_ms; /* after the end of that second, of the daemon's task; NAN = none */
} BenchSubject;

typedef struct Run {
        unsigned n_rounds, at_once, n_naive;
        usec_t idle_usec;
        BenchDaemon daemon;
        BenchSubject subjects[SUBJECTS_MAX];
        size_t n_subjects;
} Run;

/* Busy for a part of the last but one second, and from within the last one until well after its end, should
 * the machine be so busy that a second more is needed. A bench_fork() function. */
static void run_subject(void *userdata) {
        const BenchSubject *s = userdata;

        if (!s->from_start)
                bench_sleep_until(s->close_usec - 1800 * USEC_PER_MSEC);
        bench_burn_until(s->close_usec - 1100 * USEC_PER_MSEC);
        bench_sleep_until(s->close_usec - 700 * USEC_PER_MSEC);
        bench_burn_until(s->close_usec + 1200 * USEC_PER_MSEC);
        bench_pause(NULL);
}

static void add_subject(Run *run, Situation situation, usec_t close_usec) {
        BenchSubject *s = run->subjects + run->n_subjects;
        char name[16];

        *s = (BenchSubject){
                .situation = situation,
                .close_usec = close_usec,
                .from_start = situation != SITUATION_IDLE,
                .decide_ms = NAN,
                .sample_ms = NAN,
        };

        if (situation == SITUATION_SECOND || situation == SITUATION_FIRST)
                strcpy(name, "worker");
        else
                (void) snprintf(name, sizeof(name), "single-%zu", run->n_subjects);

        s->pid = bench_fork(name, run_subject, s);
        run->n_subjects++;
}

/* Starts processes that are busy from their start, shortly before the two seconds that count. */
static void start_round(Run *run, Situation situation, usec_t close_usec, unsigned n) {
        bench_sleep_until(close_usec - 2400 * USEC_PER_MSEC);
        for (unsigned i = 0; i < n; i++)
                add_subject(run, situation, close_usec);
}

static void run_rounds(Run *run) {
        usec_t now_usec = clock_monotonic_usec(), close_usec, idle_usec;

        close_usec = now_usec - now_usec % USEC_PER_SEC + 5 * USEC_PER_SEC;
        idle_usec = close_usec + MAX_OF(run->idle_usec, (2 * run->n_rounds + 1) * ROUND_USEC);
        for (unsigned i = 0; i < run->n_rounds * run->at_once; i++)
                add_subject(run, SITUATION_IDLE, idle_usec + i / run->at_once * ROUND_USEC);

        for (unsigned i = 0; i < run->n_rounds; i++, close_usec += ROUND_USEC)
                start_round(run, SITUATION_FRESH, close_usec, run->at_once);

        start_round(run, SITUATION_FIRST, close_usec, 1);
        for (unsigned i = 0; i < run->n_rounds; i++)
                start_round(run, SITUATION_SECOND, close_usec += ROUND_USEC, run->at_once);

        bench_sleep_until(idle_usec + run->n_rounds * ROUND_USEC + USEC_PER_SEC);
}

/* A bench_daemon_tasks() function. */
static void take_task(const char *directory, json_t *task, void *userdata) {
        usec_t first_usec = bench_task_usec(task, "first_sample_monotonic_usec");
        usec_t slot_usec = bench_task_usec(task, "slot_end_monotonic_usec");
        Run *run = userdata;

        for (BenchSubject *s = run->subjects; s < run->subjects + run->n_subjects; s++) {
                if (s->pid != bench_task_pid(task))
                        continue;

                /* where the machine was too busy for the plan, the rule holds a second later */
                s->decide_ms = ((double) bench_task_usec(task, "decided_monotonic_usec") -
                                (double) slot_usec) /
                                1e3;
                if (first_usec > 0)
                        s->sample_ms = ((double) first_usec - (double) slot_usec) / 1e3;
        }
}

static void run_daemon(Run *run) {
        char exe[PATH_MAX] = "", text[PATH_MAX + 256];
        BenchPolicy policy = { .name = "bench", .text = text };

        if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
                bench_fail("/proc/self/exe", errno);

        (void) snprintf(text,
                        sizeof(text),
                        "[Policy]\nSlice=-.slice\nExe=%s\nDuration=1s\nSilence=1h\n"
                        "[Trigger]\nMetric=process-cpu\nThreshold=" THRESHOLD_PERCENT
                        "%%\nPeriod=3s\nCount=2\n",
                        exe);
        bench_daemon_start(&run->daemon, &policy, 1);
        run_rounds(run);
        bench_daemon_tasks(&run->daemon, take_task, run);
        bench_daemon_stop(&run->daemon);
        for (size_t i = 0; i < run->n_subjects; i++)
                bench_kill(run->subjects[i].pid);
}

/* Nearest rank, of sorted values. */
static double percentile(const double *values, size_t n, unsigned percent) {
        return values[(n * percent + 99) / 100 - 1];
}

/* Figures of one situation. Returns its median, NAN if nothing was sampled. */
static double report_situation(Bench *b, Run *run, Situation situation) {
        double decide_ms[SUBJECTS_MAX], sample_ms[SUBJECTS_MAX];
        char name[64], inputs[384];
        size_t n = 0, n_all = 0;

        for (size_t i = 0; i < run->n_subjects; i++) {
                n_all += run->subjects[i].situation == situation;
                if (run->subjects[i].situation != situation || isnan(run->subjects[i].sample_ms))
                        continue;
                decide_ms[n] = run->subjects[i].decide_ms;
                sample_ms[n++] = run->subjects[i].sample_ms;
        }

        (void) snprintf(name, sizeof(name), "trigger-%s-missed", situation_names[situation]);
        (void) snprintf(inputs,
                        sizeof(inputs),
                        "of %zu processes that had to get a task with a sample",
                        n_all);
        bench_figure(b, name, (double) (n_all - n), "processes", 0, true, inputs);
        if (n == 0)
                return NAN;

        (void) bench_median(decide_ms, n); /* sorts */
        (void) bench_median(sample_ms, n);
        (void) snprintf(inputs,
                        sizeof(inputs),
                        "from the end of the second bad second of three to the first sample; n=%zu, %u at once, "
                        "decision p50 %.2f p99 %.2f ms, idle for %.0f s before (situation idle), load average %.2f",
                        n,
                        run->at_once,
                        percentile(decide_ms, n, 50),
                        percentile(decide_ms, n, 99),
                        (double) run->idle_usec / USEC_PER_SEC,
                        bench_load1());
        (void) snprintf(name, sizeof(name), "trigger-%s-p50-ms", situation_names[situation]);
        bench_figure(b, name, percentile(sample_ms, n, 50), "ms", BENCH_NO_GOAL, true, inputs);
        (void) snprintf(name, sizeof(name), "trigger-%s-p99-ms", situation_names[situation]);
        bench_figure(b, name, percentile(sample_ms, n, 99), "ms", 50, true, inputs);
        return percentile(sample_ms, n, 50);
}

/* A bench_fork() function. */
static void run_naive_subject(void *userdata) {
        usec_t begin_usec = *(const usec_t *) userdata;

        bench_sleep_until(begin_usec);
        bench_burn_until(begin_usec + NAIVE_USEC - 200 * USEC_PER_MSEC);
        bench_pause(NULL);
}

/* Runs the script over processes that get busy one after the other. Returns the number of values. */
static size_t run_naive(const char *script, unsigned n, double *values) {
        usec_t begin_usec = clock_monotonic_usec() + 3 * USEC_PER_SEC;
        char directory[] = "/var/tmp/bench-naive-XXXXXX", command[PATH_MAX + 1024];
        pid_t pids[ROUNDS_MAX];
        size_t length, k = 0;
        FILE *f;

        if (!mkdtemp(directory))
                bench_fail(directory, errno);

        length = (size_t) snprintf(
                        command, sizeof(command), "python3 %s %s " THRESHOLD_PERCENT, script, directory);
        for (unsigned i = 0; i < n; i++, begin_usec += NAIVE_USEC) {
                pids[i] = bench_fork("naive", run_naive_subject, &begin_usec);
                length += (size_t) snprintf(
                                command + length, sizeof(command) - length, " %i", (int) pids[i]);
        }

        f = popen(command, "re");
        while (f && k < n && fscanf(f, "%lf", values + k) == 1)
                k++;
        if (!f || pclose(f) != 0)
                bench_fail("naive-watcher.py", EIO);

        for (unsigned i = 0; i < n; i++)
                bench_kill(pids[i]);
        (void) snprintf(command, sizeof(command), "rm -rf %s", directory);
        (void) system(command);
        return k;
}

static void bench_naive(Bench *b, Run *run, const char *script, double our_ms) {
        double values[ROUNDS_MAX], naive_ms;
        char inputs[256];
        size_t n;

        n = run_naive(script, run->n_naive, values);
        if (n == 0)
                bench_fail("naive-watcher.py saw no samples", ENODATA);

        naive_ms = bench_median(values, n);
        (void) snprintf(inputs,
                        sizeof(inputs),
                        "a script that looks once a second and starts 'perf record -p', from its decision to the "
                        "first sample of perf; median of %zu, %.0f to %.0f ms, load average %.2f",
                        n,
                        values[0],
                        values[n - 1],
                        bench_load1());
        bench_figure(b, "naive-decision-to-sample-ms", naive_ms, "ms", BENCH_NO_GOAL, true, inputs);
        bench_figure(b,
                     "trigger-ratio",
                     naive_ms / our_ms,
                     "x",
                     BENCH_NO_GOAL,
                     false,
                     "naive-decision-to-sample-ms / trigger-idle-p50-ms");
}

int main(int argc, char **argv) {
        static Run run = { .n_rounds = 10, .at_once = 1, .n_naive = 4, .idle_usec = USEC_PER_MINUTE };
        const char *script = getenv("CPROF_NAIVE_WATCHER");
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        double p50[_SITUATION_MAX];

        if (argc > 2 && strcmp(argv[2], "--quick") == 0) {
                run.n_rounds = 3;
                run.n_naive = 2;
                run.idle_usec = 10 * USEC_PER_SEC;
        }
        if (sysconf(_SC_NPROCESSORS_ONLN) >= 2)
                run.at_once = AT_ONCE_MAX;

        run_daemon(&run);
        for (Situation s = 0; s < _SITUATION_MAX; s++)
                p50[s] = report_situation(b, &run, s);
        if (script)
                bench_naive(b, &run, script, p50[SITUATION_IDLE]);

        return bench_close(b);
}
