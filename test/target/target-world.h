/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/strbuf.h"
#include "fake/fake-machine.h"
#include "fake/fake-probe.h"
#include "target/target-set.h"

#include <criterion/criterion.h>
#include <math.h>

#define TASKS_MAX 64

/* A machine read through the task iterator, and what the set tells, one word each: "+unit", "-unit",
 * "+pid=unit/name", "-pid", "~pid=unit/name". */
typedef struct World {
        FakeMachine machine;
        struct cprof_task tasks[TASKS_MAX];
        FakeProbe fake;
        Probe *probe;
        TargetSet *set;
        StrBuf told;
        unsigned second;
} World;

static inline void on_unit_added(Unit *u, void *userdata) {
        World *w = userdata;

        strbuf_addf(&w->told, " +%s", u->name);
}

static inline void on_unit_removed(Unit *u, void *userdata) {
        World *w = userdata;

        cr_expect_null(u->processes);
        strbuf_addf(&w->told, " -%s", u->name);
}

static inline void on_process_added(Process *p, void *userdata) {
        World *w = userdata;

        cr_expect(p->fresh);
        cr_expect_eq(target_set_find_process(w->set, p->key.pid), p);
        strbuf_addf(&w->told, " +%i=%s/%s", (int) p->key.pid, p->unit->name, p->name);
}

static inline void on_process_removed(Process *p, void *userdata) {
        World *w = userdata;

        cr_expect_eq(target_set_find_process(w->set, p->key.pid), p);
        strbuf_addf(&w->told, " -%i", (int) p->key.pid);
}

static inline void on_process_changed(Process *p, void *userdata) {
        World *w = userdata;

        strbuf_addf(&w->told, " ~%i=%s/%s", (int) p->key.pid, p->unit->name, p->name);
}

static inline void world_init(World *w) {
        TargetEvents events = {
                .unit_added = on_unit_added,
                .unit_removed = on_unit_removed,
                .process_added = on_process_added,
                .process_removed = on_process_removed,
                .process_changed = on_process_changed,
                .userdata = w,
        };

        *w = (World){};
        w->fake.tasks = w->tasks;
        cr_assert_eq(fake_machine_init(&w->machine), 0);
        cr_assert_eq(fake_probe_new(&w->fake, &w->probe), 0);
        cr_assert_eq(target_set_new(w->machine.host, w->probe, &events, &w->set), 0);
}

static inline void world_done(World *w) {
        (void) target_set_free(w->set);
        (void) probe_free(w->probe);
        strbuf_done(&w->told);
        fake_machine_done(&w->machine);
}

static inline struct cprof_task *find_task(World *w, pid_t pid) {
        for (size_t i = 0; i < w->fake.n_tasks; i++)
                if (w->tasks[i].pid == (uint32_t) pid)
                        return w->tasks + i;

        return NULL;
}

static inline uint64_t cgroup_id(const char *cgroup) {
        uint64_t id = 1;

        for (; *cgroup; cgroup++)
                id = hash_u64(id, (unsigned char) *cgroup);

        return id;
}

/* Puts or changes a process, in /proc and for the iterator. */
static inline struct cprof_task *
put(World *w, pid_t pid, uint64_t start_ticks, const char *comm, const char *cgroup) {
        struct cprof_task *t = find_task(w, pid);

        if (!t)
                t = w->tasks + w->fake.n_tasks++;

        *t = (struct cprof_task){
                .pid = (uint32_t) pid,
                .tid = (uint32_t) pid,
                .n_threads = 1,
                .start_ns = start_ticks * 10000000 + 1234567,
                .cgroup_id = cgroup_id(cgroup),
                .exec_id = t->exec_id,
        };
        fake_machine_put(
                        &w->machine,
                        &(FakeProcess){ .pid = pid,
                                        .start_ticks = start_ticks,
                                        .comm = comm,
                                        .cgroup = cgroup });
        return t;
}

static inline void drop(World *w, pid_t pid) {
        struct cprof_task *t = find_task(w, pid);

        *t = w->tasks[--w->fake.n_tasks];
        fake_machine_drop(&w->machine, pid);
}

static inline void expect_told(World *w, const char *expected, int line) {
        strbuf_done(&w->told);
        cr_assert_eq(target_set_refresh(w->set, ++w->second * USEC_PER_SEC), 0);
        cr_expect_str_eq(w->told.text ?: "", expected, "line %i: told '%s'", line, w->told.text ?: "");
}
#define EXPECT_TOLD(w, expected) expect_told(w, expected, __LINE__)
