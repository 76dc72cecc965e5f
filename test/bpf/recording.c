/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/recording.h"
#include "bpf/spawn.h"

#include "daemon-unwind.h"
#include "host/clock.h"

#include <criterion/criterion.h>

static void on_ended(Task *t, void *userdata) {
        Recording *r = userdata;

        r->ended = t;
}

static void on_process_removed(Process *p, void *userdata) {
        Recording *r = userdata;

        if (r->tasks)
                task_manager_process_removed(r->tasks, p, clock_monotonic_usec());
}

void recording_open(Recording *r, const RecordingConfig *config) {
        const TargetEvents events = { .process_removed = on_process_removed, .userdata = r };
        const TaskEvents task_events = { .ended = on_ended, .userdata = r };
        TaskManagerConfig c = {
                .running_max = 4,
                .oncpu_hz = config->hz,
                .unwind = config->with_tables ? &daemon_unwind_source : NULL,
        };
        int error;

        *r = (Recording){};
        cr_assert_eq(host_new("/", &r->host), 0);
        cr_assert_eq(probe_new(&(ProbeConfig){ .oncpu_hz = config->hz }, &r->probe), 0);
        cr_assert_eq(target_set_new(r->host, r->probe, &events, &r->targets), 0);
        cr_assert_eq(module_table_new(&r->modules), 0);
        if (config->with_python) {
                cr_assert_eq(daemon_python_new(r->host, r->probe, &r->python), 0);
                c.python = daemon_python_source(r->python);
        }

        error = task_manager_new(r->host, r->probe, r->targets, r->modules, &c, &task_events, &r->tasks);
        cr_assert_eq(error, 0);
}

void recording_close(Recording *r) {
        task_free(r->ended);
        task_manager_free(r->tasks);
        daemon_python_free(r->python);
        target_set_free(r->targets);
        module_table_free(r->modules);
        probe_free(r->probe);
        host_free(r->host);
}

Task *recording_run(Recording *r, pid_t pid, ProfileKind kind, usec_t duration_usec) {
        TaskRequest request = { .kinds = PROFILE_KIND_BIT(kind), .duration_usec = duration_usec };
        Process *p;
        Task *task;

        cr_assert_eq(target_set_refresh(r->targets, clock_monotonic_usec()), 0);
        p = target_set_find_process(r->targets, pid);
        cr_assert_not_null(p);

        task_manager_prepare(r->tasks, p);
        while (task_manager_has_pending_preparation(r->tasks))
                task_manager_prepare_pending(r->tasks, 100 * USEC_PER_MSEC);

        request.subject.process = p;
        cr_assert_eq(task_manager_start(r->tasks, &request, clock_monotonic_usec(), &task), 0);
        while (!r->ended) {
                sleep_usec(100 * USEC_PER_MSEC);
                cr_assert_eq(target_set_refresh(r->targets, clock_monotonic_usec()), 0);
                task_manager_drain(r->tasks, clock_monotonic_usec());
                task_manager_tick(r->tasks, clock_monotonic_usec());
        }

        return r->ended;
}

Symbols *recording_names(Recording *r) {
        _cleanup_(symbolizer_freep) Symbolizer *symbolizer = NULL;
        _cleanup_(symbol_job_freep) SymbolJob *job = NULL;

        cr_assert_eq(symbolizer_new(r->host, NULL, &symbolizer), 0);
        cr_assert_eq(symbol_job_new(symbolizer, r->ended->profile, &job), 0);
        while (symbol_job_step(job, 2 * USEC_PER_MSEC) > 0)
                ;

        return symbol_job_take(job);
}
