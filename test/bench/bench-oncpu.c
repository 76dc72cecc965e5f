/* SPDX-License-Identifier: Apache-2.0 */
/* What a session costs on a busy machine: a process with two busy threads and deep stacks, sampled by the
 * real daemon, then by `perf record -g`. */
#include "basic/cleanup.h"
#include "bench-bpf.h"
#include "bench-daemon.h"
#include "bench-load.h"
#include "bench.h"
#include "host/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define THREADS 2U
#define HZ 99U
#define SESSION_SEC 10U
#define WAIT_USEC_MAX (60 * USEC_PER_SEC)
#define POLLS_MAX 1024U

/* What was seen while the session ran, ten times a second. */
typedef struct Poll {
        usec_t at_usec;
        uint64_t subject_cpu_ns, daemon_cpu_ns;
} Poll;

typedef struct Session {
        BenchDaemon daemon;
        pid_t pid;
        Poll polls[POLLS_MAX];
        size_t n_polls;

        /* from task.json */
        bool is_over;
        usec_t started_usec, first_usec, last_usec;
        uint64_t n_samples, n_lost, profile_bytes;
} Session;

static void *burn(void *userdata) {
        bench_burn_until(USEC_INFINITY);
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

/* A bench_daemon_tasks() function. */
static void take_task(const char *directory, json_t *task, void *userdata) {
        json_t *losses = json_object_get(task, "losses");
        const char *state = json_string_value(json_object_get(task, "state"));
        Session *s = userdata;
        char path[PATH_MAX];
        struct stat st;

        if (bench_task_pid(task) != s->pid || !state || strcmp(state, "finished") != 0)
                return;

        s->is_over = true;
        s->started_usec = bench_task_usec(task, "started_monotonic_usec");
        s->first_usec = bench_task_usec(task, "first_sample_monotonic_usec");
        s->last_usec = bench_task_usec(task, "last_sample_monotonic_usec");
        s->n_samples = bench_task_usec(task, "n_samples");
        s->n_lost = bench_task_usec(losses, "ring_full") + bench_task_usec(losses, "over_cap");
        (void) snprintf(path, sizeof(path), "%s/profile.pb.gz", directory);
        s->profile_bytes = stat(path, &st) == 0 ? (uint64_t) st.st_size : 0;
}

static void poll_session(Session *s) {
        s->polls[s->n_polls++] = (Poll){
                .at_usec = clock_monotonic_usec(),
                .subject_cpu_ns = bench_process_cpu_ns(s->pid),
                .daemon_cpu_ns = bench_daemon_cpu_ns(&s->daemon),
        };
}

/* Both CPU times at @at_usec, between the looks before and after. */
static Poll interpolate(const Session *s, usec_t at_usec) {
        size_t i = 1;
        double part;

        while (i + 1 < s->n_polls && s->polls[i].at_usec < at_usec)
                i++;

        const Poll *a = s->polls + i - 1, *b = s->polls + i;

        part = ((double) at_usec - (double) a->at_usec) / (double) (b->at_usec - a->at_usec);
        return (Poll){
                .at_usec = at_usec,
                .subject_cpu_ns = a->subject_cpu_ns +
                                (uint64_t) (part * (double) (b->subject_cpu_ns - a->subject_cpu_ns)),
                .daemon_cpu_ns = a->daemon_cpu_ns +
                                (uint64_t) (part * (double) (b->daemon_cpu_ns - a->daemon_cpu_ns)),
        };
}

static void start_daemon(Session *s) {
        char exe[PATH_MAX] = "", text[PATH_MAX + 256];
        BenchPolicy policy = { .name = "bench", .text = text };

        if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
                bench_fail("/proc/self/exe", errno);

        (void) snprintf(text,
                        sizeof(text),
                        "[Policy]\nSlice=-.slice\nExe=%s\nDuration=%us\nSilence=1h\n"
                        "[Trigger]\nMetric=process-cpu\nThreshold=10%%\nPeriod=3s\nCount=2\n",
                        exe,
                        SESSION_SEC);
        bench_daemon_start(&s->daemon, &policy, 1);
}

static void report_program(Bench *b, const Session *s, const struct bpf_prog_info *info) {
        Poll first = interpolate(s, s->first_usec), last = interpolate(s, s->last_usec);
        double cpu_ns = (double) (last.subject_cpu_ns - first.subject_cpu_ns), usec, expected;
        char inputs[384];

        usec = (double) (s->last_usec - s->first_usec);
        expected = cpu_ns / NSEC_PER_SEC * HZ;
        (void) snprintf(inputs,
                        sizeof(inputs),
                        "%" PRIu64
                        " samples at %u Hz of %u busy threads (%.2f CPUs) with %u and more frames in %.1f s, "
                        "%" PRIu64 " runs of the program taking %.2f ms, load average %.2f",
                        s->n_samples,
                        HZ,
                        THREADS,
                        cpu_ns / 1e3 / usec,
                        BENCH_BURN_DEPTH,
                        usec / USEC_PER_SEC,
                        (uint64_t) info->run_cnt,
                        (double) info->run_time_ns / 1e6,
                        bench_load1());

        /* all runs on the samples' account, those that found nobody to sample too */
        bench_figure(b,
                     "oncpu-bpf-us-per-sample",
                     (double) info->run_time_ns / 1e3 / (double) s->n_samples,
                     "us",
                     BENCH_NO_GOAL,
                     true,
                     inputs);
        /* of the CPU time that was sampled */
        bench_figure(b,
                     "oncpu-bpf-percent-of-busy-cpu",
                     100.0 * (double) info->run_time_ns / cpu_ns,
                     "%",
                     BENCH_NO_GOAL,
                     true,
                     inputs);
        bench_figure(b, "oncpu-lost-samples", (double) s->n_lost, "samples", 0, true, inputs);
        bench_figure(b,
                     "oncpu-received-percent",
                     100.0 * (double) s->n_samples / expected,
                     "% of expected",
                     BENCH_NO_GOAL,
                     false,
                     inputs);
}

/* Returns the share of a core. */
static double report_daemon(Bench *b, const Session *s) {
        Poll first = interpolate(s, s->started_usec), last = interpolate(s, s->last_usec);
        const Poll *end = s->polls + s->n_polls - 1;
        double percent;
        char inputs[256];

        percent = 100.0 * (double) (last.daemon_cpu_ns - first.daemon_cpu_ns) / 1e3 /
                        (double) (s->last_usec - s->started_usec);
        (void) snprintf(inputs,
                        sizeof(inputs),
                        "the whole daemon while one session runs: its seconds, samples and partial results; "
                        "%u processes on the machine, load average %.2f",
                        bench_n_processes(),
                        bench_load1());
        bench_figure(b, "oncpu-daemon-cpu-percent", percent, "% of a core", BENCH_NO_GOAL, true, inputs);
        bench_figure(b,
                     "oncpu-naming-cpu-ms",
                     (double) (end->daemon_cpu_ns - last.daemon_cpu_ns) / 1e6,
                     "ms",
                     BENCH_NO_GOAL,
                     true,
                     "from the last sample until the profile is named and written");
        bench_figure(b,
                     "oncpu-bytes-per-sample",
                     (double) s->profile_bytes / (double) s->n_samples,
                     "bytes",
                     BENCH_NO_GOAL,
                     true,
                     "size of profile.pb.gz, with names");
        return percent;
}

static double bench_session(Bench *b, Session *s) {
        _cleanup_(closep) int stats_fd = -EBADF, fd = -EBADF;
        usec_t give_up_usec = clock_monotonic_usec() + WAIT_USEC_MAX;
        struct bpf_prog_info info;
        double percent;

        stats_fd = bench_bpf_statistics();
        start_daemon(s);
        fd = bench_bpf_open(s->daemon.pid, "oncpu");

        /* everything the program does is for this one session: before and after it the events are off */
        while (!s->is_over) {
                if (clock_monotonic_usec() > give_up_usec || s->n_polls == POLLS_MAX)
                        bench_fail("the session did not end", ETIME);
                bench_sleep_until(clock_monotonic_usec() + 100 * USEC_PER_MSEC);
                poll_session(s);
                bench_daemon_tasks(&s->daemon, take_task, s);
        }
        if (s->n_samples < 2)
                bench_fail("nothing was sampled", ENODATA);

        bench_bpf_read(fd, &info);
        report_program(b, s, &info);
        percent = report_daemon(b, s);
        bench_daemon_stop(&s->daemon);
        return percent;
}

static void bench_perf(Bench *b, pid_t pid, double our_percent) {
        char directory[] = "/var/tmp/bench-perf-XXXXXX", command[256], inputs[256];
        uint64_t cpu_ns, n_samples = 0;
        double percent;
        struct stat st;
        FILE *f;
        int r;

        if (!mkdtemp(directory))
                bench_fail(directory, errno);

        (void) snprintf(command,
                        sizeof(command),
                        "exec perf record -q -F %u -g -p %i -o %s/data -- sleep %u >%s/log 2>&1",
                        HZ,
                        (int) pid,
                        directory,
                        SESSION_SEC,
                        directory);
        r = bench_run(command, &cpu_ns);
        (void) snprintf(command, sizeof(command), "%s/data", directory);
        if (r != 0 || stat(command, &st) < 0)
                bench_fail("perf record", EIO);

        (void) snprintf(command,
                        sizeof(command),
                        "perf script -F time -i %s/data 2>/dev/null | grep -c :",
                        directory);
        f = popen(command, "re");
        if (!f || fscanf(f, "%" SCNu64, &n_samples) != 1 || pclose(f) != 0 || n_samples == 0)
                bench_fail("perf script", EIO);

        percent = 100.0 * (double) cpu_ns / ((double) SESSION_SEC * NSEC_PER_SEC);
        (void) snprintf(inputs,
                        sizeof(inputs),
                        "perf record -F %u -g -p over %u s on the same process, %" PRIu64
                        " samples, without any naming, load average %.2f",
                        HZ,
                        SESSION_SEC,
                        n_samples,
                        bench_load1());
        bench_figure(b, "perf-cpu-percent", percent, "% of a core", BENCH_NO_GOAL, true, inputs);
        bench_figure(b,
                     "perf-bytes-per-sample",
                     (double) st.st_size / (double) n_samples,
                     "bytes",
                     BENCH_NO_GOAL,
                     true,
                     inputs);
        bench_figure(b,
                     "oncpu-cpu-ratio",
                     percent / our_percent,
                     "x",
                     BENCH_NO_GOAL,
                     false,
                     "perf-cpu-percent / oncpu-daemon-cpu-percent");

        (void) snprintf(command, sizeof(command), "rm -rf %s", directory);
        (void) system(command);
}

int main(int argc, char **argv) {
        static Session session;
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        double percent;

        session.pid = bench_fork("bench-oncpu", run_subject, NULL);
        percent = bench_session(b, &session);
        bench_perf(b, session.pid, percent);
        bench_kill(session.pid);

        return bench_close(b);
}
