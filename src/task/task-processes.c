/* SPDX-License-Identifier: Apache-2.0 */
/* What the probe tells of processes between two seconds: mappings, exec, fork and exit of those we hold. */
#include "host/procfs-pid.h"
#include "task/task-manager-private.h"

#include <string.h>
#include <utlist.h>

int task_manager_init_processes(TaskManager *m) {
        int r;

        m->has_events = probe_feature(m->probe, PROBE_FEATURE_EVENTS, NULL) >= 0;

        r = process_cache_new(m->host, m->modules, &m->cache);
        if (r < 0)
                return r;

        if (!m->config.unwind || probe_feature(m->probe, PROBE_FEATURE_UNWIND, NULL) < 0)
                return 0;

        r = unwind_tables_new(m->probe, m->config.unwind, &m->unwind);
        if (r >= 0)
                process_cache_set_unwind(m->cache, m->unwind);

        return r;
}

/* A process that the target set has seen ends by it; this is for children that live between two looks. */
static bool is_of_process_task(const ProcessEntry *e) {
        SampledProcess *head = e->users, *p;

        DL_FOREACH2(head, p, entry_next)
        if (p->owner->task->key.pid > 0)
                return true;

        return false;
}

static void forget_exited(TaskManager *m, pid_t pid) {
        ProcessEntry *e = process_cache_find(m->cache, pid);

        if (e && !is_of_process_task(e))
                task_manager_forget_entry(m, e);
}

static void on_exit_event(TaskManager *m, pid_t pid) {
        if (!process_cache_find(m->cache, pid))
                return;
        if (m->n_exited < EXITED_MAX) /* else the target set notices */
                m->exited[m->n_exited++] = pid;
}

/* The number is in use again. */
static void forget_reused(TaskManager *m, pid_t pid) {
        for (size_t i = 0; i < m->n_exited; i++)
                if (m->exited[i] == pid) {
                        m->exited[i] = m->exited[--m->n_exited];
                        forget_exited(m, pid);
                        return;
                }
}

/* 0 if it is gone: then only what waits in the ring is left of it. */
static ProcessKey read_key(TaskManager *m, pid_t pid) {
        ProcessKey key = { .pid = pid };
        ProcStat st;

        if (procfs_read_stat(m->host, pid, &st) >= 0)
                key.start_ticks = st.start_ticks;

        return key;
}

/* When we were told of it there was nothing left in /proc. */
static bool is_gone(const ProcessEntry *e) {
        return e->key.start_ticks == 0;
}

/* The child of a process that is sampled for its unit is sampled for it as well, long before the target set
 * looks again. */
static void on_fork_event(TaskManager *m, const ProbeEvent *ev) {
        ProcessEntry *parent = process_cache_find(m->cache, ev->parent);
        ProcessKey key = {};
        RunningTask *rt;

        forget_reused(m, ev->pid);
        if (!parent || parent->n_users == 0)
                return;

        DL_FOREACH(m->running, rt) {
                SampledProcess *p;
                int r;

                if (rt->task->key.pid > 0 || !oncpu_task_find(&rt->oncpu, ev->parent))
                        continue;
                if (key.pid == 0)
                        key = read_key(m, ev->pid);

                r = task_manager_add_process(m, rt, key, &p);
                if (r < 0)
                        rt->task->losses.n_processes_missed++;
                if (r <= 0)
                        continue;

                p->pass = rt->pass + 1; /* the next look at the unit may still be one from before the fork */
                (void) process_cache_inherit(m->cache, parent, p->entry);
                p->entry->parent = is_gone(parent) ? parent->parent : ev->parent;
        }
}

/* Its events are all there is to know what it ran; files are those that its parent sees. */
static void note_of_gone(TaskManager *m, ProcessEntry *e, const ProbeEvent *ev) {
        const MapsLine line = {
                .start = ev->start,
                .end = ev->start + ev->length,
                .offset = ev->offset,
                .executable = true,
                .dev_major = ev->dev_major,
                .dev_minor = ev->dev_minor,
                .inode = ev->inode,
                .path = ev->path,
                .path_length = ev->path ? strlen(ev->path) : 0,
        };

        if (!e->maps)
                return;
        if (ev->type == PROBE_EVENT_EXEC)
                process_maps_clear(e->maps);
        else if (ev->path && ev->path[0] == '/' && ev->path[1] != '/' && line.end > line.start)
                (void) process_maps_add(e->maps, e->parent, &line); /* else unknown code */
}

static void on_event(const ProbeEvent *ev, void *userdata) {
        TaskManager *m = userdata;
        ProcessEntry *e;

        if (ev->type == PROBE_EVENT_FORK) {
                on_fork_event(m, ev);
                return;
        }
        if (ev->type == PROBE_EVENT_EXIT) {
                on_exit_event(m, ev->pid);
                return;
        }

        if (ev->type == PROBE_EVENT_MAP && ev->path && m->events.mapped)
                m->events.mapped(ev->pid, ev->path, m->events.userdata);

        e = process_cache_find(m->cache, ev->pid);
        if (!e)
                return;

        if (is_gone(e)) {
                note_of_gone(m, e, ev);
                return;
        }

        if (ev->type == PROBE_EVENT_EXEC) {
                process_cache_invalidate(e);
                e->ran_exec = true;
        }
        process_cache_note_change(m->cache, e);
}

void task_manager_read_events(TaskManager *m, usec_t now_usec) {
        int r;

        if (m->has_events && process_cache_size(m->cache) > 0) {
                r = probe_events_read(m->probe, on_event, m);
                if (r == -EOVERFLOW)
                        process_cache_note_all_changed(m->cache);
                else if (r < 0)
                        m->has_events = false; /* misses make us read mappings, as on kernels without it */
        }

        process_cache_read_changed(m->cache, now_usec);
}

void task_manager_drop_exited(TaskManager *m) {
        while (m->n_exited > 0)
                forget_exited(m, m->exited[--m->n_exited]);
}

void task_manager_counters(TaskManager *m, TaskManagerCounters *ret) {
        assert(m);
        assert(ret);

        *ret = (TaskManagerCounters){};
        process_cache_counters(m->cache, &ret->processes);
        if (m->unwind)
                unwind_tables_counters(m->unwind, &ret->unwind);
}
