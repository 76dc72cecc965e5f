/* SPDX-License-Identifier: Apache-2.0 */
/* From a running program to named shares: probe, task, symbol together. */
#include "bpf/spawn.h"

#include "host/clock.h"
#include "symbol/symbolizer.h"
#include "task/task-manager.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(oncpu, .timeout = 120);

typedef struct Bench {
        Host *host;
        Probe *probe;
        TargetSet *targets;
        ModuleTable *modules;
        TaskManager *tasks;
        Task *ended;
} Bench;

static void on_started(Task *t, void *userdata) {
}

static void on_ended(Task *t, void *userdata) {
        Bench *b = userdata;

        b->ended = t;
}

static void on_process_removed(Process *p, void *userdata) {
        Bench *b = userdata;

        if (b->tasks)
                task_manager_process_removed(b->tasks, p, clock_monotonic_usec());
}

static void on_process(Process *p, void *userdata) {
}

static void on_unit(Unit *u, void *userdata) {
}

static void bench_open(Bench *b) {
        const TargetEvents events = {
                .unit_added = on_unit,
                .unit_removed = on_unit,
                .process_added = on_process,
                .process_changed = on_process,
                .process_removed = on_process_removed,
                .userdata = b,
        };
        const TaskEvents task_events = { .started = on_started, .ended = on_ended, .userdata = b };
        const TaskManagerConfig config = { .running_max = 4, .oncpu_hz = 99 };

        cr_assert_eq(host_new("/", &b->host), 0);
        cr_assert_eq(probe_new(&(ProbeConfig){}, &b->probe), 0);
        cr_assert_eq(target_set_new(b->host, b->probe, &events, &b->targets), 0);
        cr_assert_eq(module_table_new(&b->modules), 0);
        cr_assert_eq(task_manager_new(
                                     b->host,
                                     b->probe,
                                     b->targets,
                                     b->modules,
                                     &config,
                                     &task_events,
                                     &b->tasks),
                     0);
}

static void bench_close(Bench *b) {
        task_free(b->ended);
        task_manager_free(b->tasks);
        target_set_free(b->targets);
        module_table_free(b->modules);
        probe_free(b->probe);
        host_free(b->host);
}

/* Runs one task on @pid for @duration_usec as the daemon would. */
static Task *record(Bench *b, pid_t pid, usec_t duration_usec) {
        TaskRequest request = { .kinds = PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU),
                                .duration_usec = duration_usec };
        Task *task;

        cr_assert_eq(target_set_refresh(b->targets, clock_monotonic_usec()), 0);
        request.subject.process = target_set_find_process(b->targets, pid);
        cr_assert_not_null(request.subject.process);
        cr_assert_eq(task_manager_start(b->tasks, &request, clock_monotonic_usec(), &task), 0);

        while (!b->ended) {
                sleep_usec(200 * USEC_PER_MSEC);
                cr_assert_eq(target_set_refresh(b->targets, clock_monotonic_usec()), 0);
                task_manager_drain(b->tasks, clock_monotonic_usec());
                task_manager_tick(b->tasks, clock_monotonic_usec());
        }

        return b->ended;
}

static Symbols *name_all(Bench *b, const Profile *profile) {
        _cleanup_(symbolizer_freep) Symbolizer *symbolizer = NULL;
        _cleanup_(symbol_job_freep) SymbolJob *job = NULL;

        cr_assert_eq(symbolizer_new(b->host, NULL, &symbolizer), 0);
        cr_assert_eq(symbol_job_new(symbolizer, profile, &job), 0);
        while (symbol_job_step(job, 2 * USEC_PER_MSEC) > 0)
                ;

        return symbol_job_take(job);
}

/* Percent of samples with @function on top among those in user space. */
static double share(const Profile *profile, const Symbols *symbols, const char *function) {
        uint64_t hits = 0, all = 0;
        ProfileStack *s, *next;

        HASH_ITER(hh, profile_stacks(profile), s, next) {
                if (s->n_kernel > 0 || s->n_frames == 0)
                        continue;
                all += s->n_samples;
                if (strcmp(symbols_name(symbols, s->frames[0]).name, function) == 0)
                        hits += s->n_samples;
        }

        return 100.0 * (double) hits / (double) all;
}

Test(oncpu, known_shares_come_out_within_three_points) {
        static const struct {
                const char *function;
                double percent;
        } known[] = { { "resize_images", 60 }, { "render_template", 30 }, { "parse_headers", 10 } };
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        pid_t pid = spawn_workload(2);
        Bench b = {};
        Task *t;

        bench_open(&b);
        sleep_usec(100 * USEC_PER_MSEC);
        t = record(&b, pid, 8 * USEC_PER_SEC);

        cr_assert_eq(t->state, TASK_STATE_FINISHED, "%s", t->reason);
        cr_expect_gt(t->n_samples, 400, "the machine may have one CPU, and other work");
        cr_expect_eq(t->losses.n_ring_full, 0);

        symbols = name_all(&b, t->profile);
        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                double percent = share(t->profile, symbols, known[i].function);

                cr_expect(fabs(percent - known[i].percent) <= 3,
                          "%s: %.1f %%, expected %.0f %%",
                          known[i].function,
                          percent,
                          known[i].percent);
        }

        spawn_kill(pid);
        bench_close(&b);
}

Test(oncpu, callers_are_named_up_to_main) {
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        uint64_t with_caller = 0, all = 0;
        pid_t pid = spawn_workload(1);
        ProfileStack *s, *next;
        Bench b = {};
        Task *t;

        bench_open(&b);
        sleep_usec(100 * USEC_PER_MSEC);
        t = record(&b, pid, 2 * USEC_PER_SEC);
        symbols = name_all(&b, t->profile);

        HASH_ITER(hh, profile_stacks(t->profile), s, next) {
                bool request = false, outermost = false;

                for (unsigned i = s->n_kernel; i < s->n_frames; i++) {
                        request |= strcmp(symbols_name(symbols, s->frames[i]).name, "handle_request") == 0;
                        outermost |= strcmp(symbols_name(symbols, s->frames[i]).name, "main") == 0;
                }
                all += s->n_samples;
                if (request && outermost)
                        with_caller += s->n_samples;
        }

        cr_expect_gt((double) with_caller, 0.95 * (double) all);
        spawn_kill(pid);
        bench_close(&b);
}

Test(oncpu, threads_are_told_apart_by_name) {
        uint64_t n_worker = 0, n_main = 0;
        pid_t pid = spawn_workload(2);
        ProfileStack *s, *next;
        Bench b = {};
        Task *t;

        bench_open(&b);
        sleep_usec(100 * USEC_PER_MSEC);
        t = record(&b, pid, 2 * USEC_PER_SEC);

        HASH_ITER(hh, profile_stacks(t->profile), s, next) {
                const char *name = profile_thread_name(t->profile, s->thread);

                if (strcmp(name, "worker-1") == 0)
                        n_worker += s->n_samples;
                else if (strcmp(name, "workload") == 0)
                        n_main += s->n_samples;
        }

        cr_expect_eq(n_main + n_worker, t->n_samples);
        cr_expect_gt(n_worker, t->n_samples / 5);
        cr_expect_gt(n_main, t->n_samples / 5);
        spawn_kill(pid);
        bench_close(&b);
}

Test(oncpu, a_process_that_exits_ends_its_task_with_its_data) {
        pid_t pid = spawn_workload(1);
        TaskRequest request = { .kinds = PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU),
                                .duration_usec = USEC_PER_MINUTE };
        Bench b = {};
        Task *task;

        bench_open(&b);
        sleep_usec(100 * USEC_PER_MSEC);
        cr_assert_eq(target_set_refresh(b.targets, clock_monotonic_usec()), 0);
        request.subject.process = target_set_find_process(b.targets, pid);
        cr_assert_eq(task_manager_start(b.tasks, &request, clock_monotonic_usec(), &task), 0);

        sleep_usec(500 * USEC_PER_MSEC);
        spawn_kill(pid);
        cr_assert_eq(target_set_refresh(b.targets, clock_monotonic_usec()), 0);
        task_manager_tick(b.tasks, clock_monotonic_usec());

        cr_assert_not_null(b.ended);
        cr_expect_eq(b.ended->state, TASK_STATE_FINISHED);
        cr_expect_gt(b.ended->n_samples, 5, "samples still in the ring belong to it");
        bench_close(&b);
}
