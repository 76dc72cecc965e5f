/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks of ordinary programs as they are installed, without frame pointers: by the daemon, then of the same
 * process by perf. */
#include "bench-stacks.h"
#include "bench-bpf.h"
#include "bench-load.h"
#include "bench-programs.h"

#include "basic/cleanup.h"
#include "host/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#define HZ 99U
#define SECONDS 3U
#define SETTLE_USEC (2500 * USEC_PER_MSEC) /* the daemon finds the process and prepares */
#define GOAL_FRAMES 15.0
#define GOAL_US 3.0 /* a sample of so many frames */
#define GOAL_BUSY_PERCENT 0.05
#define GOAL_COMPLETE_PERCENT 99.0
#define GOAL_RSS_MIB 64.0

typedef struct Row {
        const char *program;
        BenchRecording ours;
        BenchStacks fp, dwarf;
} Row;

static double share(uint64_t part, uint64_t whole) {
        return whole > 0 ? 100.0 * (double) part / (double) whole : 0;
}

static double per_sample(const BenchStacks *s, uint64_t value) {
        return (double) value / (double) MAX_OF(s->n_samples, UINT64_C(1));
}

/* Of a CPU that does nothing but the sampled process. */
static double busy_percent(const BenchRecording *r) {
        return 100.0 * r->sample_ns * HZ / NSEC_PER_SEC;
}

static void
figure(Bench *b,
       const Row *row,
       const char *what,
       double value,
       const char *unit,
       double goal,
       bool goal_is_max,
       const char *inputs) {
        char name[128];

        (void) snprintf(name, sizeof(name), "stacks.%s.%s", row->program, what);
        bench_figure(b, name, value, unit, goal, goal_is_max, inputs);
}

static void report_ours(Bench *b, const Row *row) {
        const BenchRecording *r = &row->ours;
        const BenchStacks *s = &r->stacks;
        double us = r->sample_ns / 1e3, frames = per_sample(s, s->n_frames), goal_us;
        char inputs[384];

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "%" PRIu64
                        " samples at %u Hz in %u s, %.2f s of CPU; %.1f user frames each; the program ran %" PRIu64
                        " times and for %.2f ms, %.2f us when it found somebody else on the CPU; "
                        "incomplete: %s; load average %.2f",
                        s->n_samples,
                        HZ,
                        SECONDS,
                        (double) r->subject_ns / 1e9,
                        frames,
                        r->bpf_runs,
                        (double) r->bpf_ns / 1e6,
                        r->miss_ns / 1e3,
                        r->ends[0] ? r->ends + 2 : "none",
                        bench_load1());

        goal_us = GOAL_US * MAX_OF(1.0, frames / GOAL_FRAMES);
        figure(b, row, "frames", frames, "a sample", BENCH_NO_GOAL, false, inputs);
        figure(b,
               row,
               "complete",
               share(s->n_complete, s->n_stacks),
               "% of samples",
               GOAL_COMPLETE_PERCENT,
               false,
               inputs);
        figure(b, row, "named", share(s->n_named, s->n_frames), "% of frames", BENCH_NO_GOAL, false, inputs);
        figure(b, row, "bpf", us, "us a sample", goal_us, true, inputs);
        figure(b, row, "bpf-busy", busy_percent(r), "% of a busy CPU", GOAL_BUSY_PERCENT, true, inputs);
        figure(b,
               row,
               "cpu",
               (double) s->cpu_ns / 1e6,
               "ms",
               BENCH_NO_GOAL,
               true,
               "the daemon, with naming");
        figure(b, row, "bytes", (double) s->bytes, "bytes", BENCH_NO_GOAL, true, "profile and task.json");
}

static void report_perf(Bench *b, const Row *row, const char *how, const BenchStacks *s) {
        const struct {
                const char *what;
                double value;
                const char *unit;
        } figures[] = {
                { "frames", per_sample(s, s->n_frames), "a sample" },
                { "complete", share(s->n_complete, s->n_stacks), "% of samples" },
                { "named", share(s->n_named, s->n_frames), "% of frames" },
                { "cpu", (double) s->cpu_ns / 1e6, "ms" },
                { "bytes", (double) s->bytes, "bytes" },
        };
        char inputs[192], what[64];

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "the same process, %" PRIu64
                        " samples in %u s, then perf script --no-inline, which took %.2f s",
                        s->n_samples,
                        SECONDS,
                        s->seconds);
        for (size_t i = 0; i < ELEMENTSOF(figures); i++) {
                (void) snprintf(what, sizeof(what), "perf-%s-%s", how, figures[i].what);
                figure(b, row, what, figures[i].value, figures[i].unit, BENCH_NO_GOAL, true, inputs);
        }
}

/* All of it on one line. */
static void print_row(const Row *row) {
        const BenchStacks *o = &row->ours.stacks, *f = &row->fp, *d = &row->dwarf;

        printf("%-12s %5.1f %5.1f %5.1f  %5.1f %5.1f %5.1f  %5.1f %5.1f %5.1f  %5.2f %6.3f  %5.0f %5.0f %6.0f  %5.1f "
               "%6.1f %6.0f\n",
               row->program,
               per_sample(o, o->n_frames),
               per_sample(f, f->n_frames),
               per_sample(d, d->n_frames),
               share(o->n_complete, o->n_stacks),
               share(f->n_complete, f->n_stacks),
               share(d->n_complete, d->n_stacks),
               share(o->n_named, o->n_frames),
               share(f->n_named, f->n_frames),
               share(d->n_named, d->n_frames),
               row->ours.sample_ns / 1e3,
               busy_percent(&row->ours),
               (double) o->cpu_ns / 1e6,
               (double) f->cpu_ns / 1e6,
               (double) d->cpu_ns / 1e6,
               (double) o->bytes / 1024,
               (double) f->bytes / 1024,
               (double) d->bytes / 1024);
}

static void print_rows(const Row *rows, size_t n) {
        printf("\nIn threes: cprofd, perf -g, perf --call-graph=dwarf; all of the same processes.\n"
               "program      frames/sample      complete %%         named %%            BPF us, %%CPU  "
               "CPU ms              KiB\n");
        for (size_t i = 0; i < n; i++)
                print_row(rows + i);
        printf("\n");
}

/* Returns false if it is not installed. */
static bool
measure(Bench *b,
        const BenchDaemon *d,
        BenchBus *bus,
        const BenchProgram *p,
        const char *directory,
        Row *row) {
        char exe[PATH_MAX];
        uint64_t entry;
        pid_t pid;

        if (access(p->exe, X_OK) < 0) {
                (void) fprintf(stderr, "%s: not installed, left out\n", p->exe);
                return false;
        }

        *row = (Row){ .program = p->name };
        pid = bench_program_start(p, directory);
        bench_sleep_until(clock_monotonic_usec() + SETTLE_USEC);
        entry = bench_program_entry(pid, exe);

        bench_daemon_record(d, bus, pid, SECONDS * USEC_PER_SEC, &row->ours);
        bench_perf_record("-g", pid, HZ, SECONDS, directory, exe, entry, &row->fp);
        bench_perf_record("--call-graph=dwarf", pid, HZ, SECONDS, directory, exe, entry, &row->dwarf);
        bench_program_stop(pid);

        report_ours(b, row);
        report_perf(b, row, "fp", &row->fp);
        report_perf(b, row, "dwarf", &row->dwarf);
        return true;
}

/* A policy that never fires: watched processes are prepared before anybody asks for a recording. */
static void start_daemon(BenchDaemon *d) {
        char text[8192] = "[Policy]\nSlice=-.slice\nExe=", exe[PATH_MAX];
        const BenchPolicy policy = { .name = "bench", .text = text };

        for (size_t i = 0; i < bench_programs_n; i++) {
                if (!realpath(bench_programs[i].exe, exe) || strlen(text) + strlen(exe) > sizeof(text) / 2)
                        continue;
                (void) strcat(text, exe);
                (void) strcat(text, " ");
        }
        (void) strcat(text,
                      "\n[Trigger]\nMetric=process-thread-count\nThreshold=100000\nPeriod=60s\nCount=60\n");
        bench_daemon_start_with(d, "[Recorder]\nRecorderHz=0\n", &policy, 1);
}

int main(int argc, char **argv) {
        _cleanup_(closep) int stats_fd = bench_bpf_statistics();
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        const char *only = argc > 2 ? argv[2] : NULL;
        Row rows[16];
        char path[160];
        BenchDaemon d = {};
        BenchBus bus = {};
        size_t n = 0;

        bench_bus_start(&bus);
        start_daemon(&d);
        for (size_t i = 0; i < bench_programs_n && n < ELEMENTSOF(rows); i++)
                if (!only || strcmp(bench_programs[i].name, only) == 0)
                        n += measure(b, &d, &bus, bench_programs + i, bus.directory, rows + n);

        (void) snprintf(path, sizeof(path), "/proc/%i/status", (int) d.pid);
        bench_figure(b,
                     "stacks.daemon-rss",
                     (double) bench_read_number(path, "VmHWM") / 1024,
                     "MiB",
                     GOAL_RSS_MIB,
                     true,
                     "the most that the daemon had, with the tables of all of these programs");
        bench_daemon_stop(&d);

        if (!only || strcmp(only, "prepare") == 0)
                bench_stacks_prepare(b, bus.directory);
        if (!only || strcmp(only, "huge") == 0)
                bench_stacks_huge(b, &bus, bus.directory);
        print_rows(rows, n);

        bench_bus_stop(&bus);
        return bench_close(b);
}
