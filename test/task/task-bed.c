/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task-bed.h"

#include <criterion/criterion.h>
#include <string.h>

static void on_started(Task *t, void *userdata) {
        TaskBed *b = userdata;

        cr_expect_eq(t->state, TASK_STATE_RUNNING);
        b->n_started++;
}

static void on_ended(Task *t, void *userdata) {
        TaskBed *b = userdata;

        cr_assert_lt(b->n_ended, ELEMENTSOF(b->ended));
        cr_expect(task_is_over(t));
        cr_expect_not_null(t->reason);
        b->ended[b->n_ended++] = t;
}

static void on_mapped(pid_t pid, const char *path, void *userdata) {
        TaskBed *b = userdata;

        (void) snprintf(b->mapped, sizeof(b->mapped), "%i %s", (int) pid, path);
}

static void on_process_added(Process *p, void *userdata) {
        TaskBed *b = userdata;

        if (task_manager_records(b->manager, p))
                task_manager_prepare(b->manager, p);
}

static void on_process_removed(Process *p, void *userdata) {
        TaskBed *b = userdata;

        task_manager_process_removed(b->manager, p, b->now_usec);
}

static void on_process_changed(Process *p, void *userdata) {
        TaskBed *b = userdata;

        task_manager_process_changed(b->manager, p);
}

void task_bed_init(TaskBed *b) {
        const TaskManagerConfig config = { .running_max = BED_RUNNING_MAX, .oncpu_hz = 100 };

        task_bed_init_config(b, &config);
}

void task_bed_init_config(TaskBed *b, const TaskManagerConfig *config) {
        const TargetEvents target_events = {
                .process_added = on_process_added,
                .process_removed = on_process_removed,
                .process_changed = on_process_changed,
                .userdata = b,
        };
        const TaskEvents events = {
                .started = on_started, .ended = on_ended, .mapped = on_mapped, .userdata = b
        };
        const UnwindSource source = fake_unwind_source(&b->unwind);
        TaskManagerConfig with_unwind = *config;

        *b = (TaskBed){ .now_usec = BED_START_USEC };
        b->fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP; /* processes are those of the files */

        fake_host_init(&b->host);
        with_unwind.unwind = &source;
        cr_assert_eq(fake_probe_new(&b->fake, &b->probe), 0);
        cr_assert_eq(module_table_new(&b->modules), 0);
        cr_assert_eq(target_set_new(b->host.host, b->probe, &target_events, &b->targets), 0);
        cr_assert_eq(task_manager_new(
                                     b->host.host,
                                     b->probe,
                                     b->targets,
                                     b->modules,
                                     &with_unwind,
                                     &events,
                                     &b->manager),
                     0);
}

void task_bed_done(TaskBed *b) {
        struct cprof_sample *s;

        b->manager = task_manager_free(b->manager);
        cr_expect_eq(b->fake.n_watched, 0, "a process is still sampled");
        cr_expect_eq(b->fake.n_mapped > 0 ? fake_probe_n_rows(&b->fake) : 0, 0, "a table is still there");
        cr_expect_eq(b->unwind.n_jobs, 0, "a job is still there");

        for (unsigned i = 0; i < b->n_ended; i++)
                task_free(b->ended[i]);
        while (b->fake.n_samples > 0) {
                s = b->fake.samples[--b->fake.n_samples];
                free(s);
        }

        b->targets = target_set_free(b->targets);
        cr_expect_eq(module_table_size(b->modules), 0, "a module is still held");
        b->modules = module_table_free(b->modules);
        b->probe = probe_free(b->probe);
        fake_host_done(&b->host);
}

void task_bed_tick(TaskBed *b, usec_t usec) {
        b->now_usec += usec;
        cr_assert_eq(target_set_refresh(b->targets, b->now_usec), 0);
        task_manager_tick(b->manager, b->now_usec);
}

static int start(TaskBed *b, Subject subject, ProfileKinds kinds, Task **ret_task) {
        TaskRequest request = {
                .kinds = kinds,
                .subject = subject,
                .duration_usec = USEC_PER_MINUTE,
                .silence_usec = 2 * USEC_PER_MINUTE,
                .causes = calloc(1, sizeof(TaskCause)),
                .n_causes = 1,
                .slot_end = { b->now_usec - 2, 1 },
                .decided = { b->now_usec - 1, 2 },
        };
        int r;

        cr_assert_not_null(request.causes);
        request.causes[0].policy = strdup("web");

        r = task_manager_start(b->manager, &request, b->now_usec, ret_task);
        cr_expect_null(request.causes, "the causes are taken over whatever happens");
        return r;
}

int task_bed_start_kinds(TaskBed *b, pid_t pid, ProfileKinds kinds, Task **ret_task) {
        Process *p = target_set_find_process(b->targets, pid);

        cr_assert_not_null(p, "no process %i", (int) pid);
        return start(b, (Subject){ .process = p }, kinds, ret_task);
}

int task_bed_start_process(TaskBed *b, pid_t pid, Task **ret_task) {
        return task_bed_start_kinds(b, pid, PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), ret_task);
}

int task_bed_start_unit_kinds(TaskBed *b, const char *unit, ProfileKinds kinds, Task **ret_task) {
        Unit *u = target_set_find_unit(b->targets, unit);

        cr_assert_not_null(u, "no unit %s", unit);
        return start(b, (Subject){ .unit = u }, kinds, ret_task);
}

int task_bed_start_unit(TaskBed *b, const char *unit, Task **ret_task) {
        return task_bed_start_unit_kinds(b, unit, PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), ret_task);
}

void task_bed_sample(TaskBed *b, pid_t pid, usec_t at_usec, const uint64_t *frames) {
        uint64_t at_ns = (BED_START_USEC + at_usec) * NSEC_PER_USEC;
        unsigned n = 0;

        while (frames[n] != 0)
                n++;

        cr_assert_eq(fake_probe_push_sample(&b->fake, pid, pid, "thread", at_ns, frames, 0, n), 0);
}

bool task_bed_is_watched(TaskBed *b, pid_t pid) {
        for (size_t i = 0; i < b->fake.n_watched; i++)
                if (b->fake.watched[i] == pid)
                        return true;

        return false;
}

const ProfileStack *task_bed_find_stack(const Profile *p, const char *path, uint64_t offset) {
        ProfileStack *s, *next;

        HASH_ITER(hh, profile_stacks(p), s, next) {
                const Module *m = profile_module(p, frame_module(s->frames[0]));

                if (m && strcmp(m->path, path) == 0 && frame_offset(s->frames[0]) == offset)
                        return s;
        }

        return NULL;
}
