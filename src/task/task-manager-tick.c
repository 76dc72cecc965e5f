/* SPDX-License-Identifier: Apache-2.0 */
/* What the task manager does again and again: samples, seconds, processes that come, change and go. */
#include "host/clock.h"
#include "task/task-manager-private.h"

#include <utlist.h>

static void on_blocked_stack(TaskManager *m, ProcessEntry *e, const struct cprof_sample *sample) {
        ResolvedStack s;

        if (!offcpu_wants_stack(e, sample))
                return;

        stack_resolve(&s, m->cache, e, sample, m->now_usec);
        offcpu_take_stack(m->offcpu, e, sample, &s);
        stack_release(&s);
}

static void on_sample(const struct cprof_sample *sample, void *userdata) {
        TaskManager *m = userdata;
        ProcessEntry *e = process_cache_find(m->cache, (pid_t) sample->pid);
        bool task, record;
        ResolvedStack s;

        if (!e)
                return;

        if (sample->type == CPROF_RECORD_BLOCKED_STACK) {
                on_blocked_stack(m, e, sample);
                return;
        }

        task = oncpu_wants_sample(e, sample);
        record = task_recorder_wants_sample(m, e, sample);
        if (!task && !record)
                return;

        stack_resolve(&s, m->cache, e, sample, m->now_usec);
        if (task)
                oncpu_take_sample(e, sample, &s, m->oncpu_thin);
        if (record)
                task_recorder_take_sample(m, e, sample, &s);
        stack_release(&s);
}

void task_manager_drain(TaskManager *m, usec_t now_usec) {
        uint64_t begin_nsec = clock_thread_cpu_nsec();

        assert(m);

        m->now_usec = now_usec;
        task_manager_read_events(m, now_usec);
        if (m->running || m->n_recorded > 0)
                (void) probe_drain(m->probe, on_sample, m);
        task_manager_drop_exited(m);
        offcpu_step(m->offcpu, m->unwind);
        m->recording_nsec += clock_thread_cpu_nsec() - begin_nsec;
}

/* The entry of exactly this process. */
static ProcessEntry *find_entry(TaskManager *m, ProcessKey key) {
        ProcessEntry *e = process_cache_find(m->cache, key.pid);

        return e && e->key.start_ticks == key.start_ticks ? e : NULL;
}

void task_manager_forget_entry(TaskManager *m, ProcessEntry *e) {
        task_recorder_unwatch(m, e);
        oncpu_forget_process(m->cache, e);
}

/* What is left of an earlier process with that PID goes. */
static void forget_predecessor(TaskManager *m, ProcessKey key) {
        ProcessEntry *e = process_cache_find(m->cache, key.pid);

        if (e && e->key.start_ticks != key.start_ticks)
                task_manager_forget_entry(m, e);
}

int task_manager_add_process(TaskManager *m, RunningTask *rt, ProcessKey key, SampledProcess **ret_process) {
        forget_predecessor(m, key);

        return oncpu_task_add(&rt->oncpu, key, ret_process);
}

typedef struct MemberUpdate {
        TaskManager *manager;
        RunningTask *task;
        unsigned n_read;   /* mappings read so far */
        unsigned n_missed; /* members that could not be sampled */
        int error;
} MemberUpdate;

static void on_member(Process *p, void *userdata) {
        MemberUpdate *u = userdata;
        SampledProcess *sampled;
        int r;

        r = task_manager_add_process(u->manager, u->task, p->key, &sampled);
        if (r < 0) {
                u->n_missed++;
                u->error = r;
                return;
        }

        sampled->pass = u->task->pass;
        if (r == 0)
                return;

        /* At once where possible: it may live for milliseconds only. */
        if (u->n_read++ < READ_AT_ONCE_MAX)
                (void) process_cache_read(u->manager->cache, sampled->entry);
        else
                process_cache_enqueue(u->manager->cache, sampled->entry);
}

int task_manager_update_members(TaskManager *m, RunningTask *rt, Unit *u) {
        MemberUpdate update = { .manager = m, .task = rt };
        TaskLosses *losses = &rt->task->losses;
        SampledProcess *p, *next;

        rt->pass++;
        if (u)
                unit_for_each_process(m->targets, u, on_member, &update);

        DL_FOREACH_SAFE(rt->oncpu.processes, p, next)
        if (p->pass < rt->pass)
                oncpu_task_remove(&rt->oncpu, p);

        losses->n_processes_missed = MAX_OF(losses->n_processes_missed, (uint64_t) update.n_missed);
        return update.error;
}

static bool process_is_alive(TaskManager *m, RunningTask *rt) {
        Process *p = target_set_find_process(m->targets, rt->task->key.pid);

        return rt->oncpu.n_processes > 0 && p && p->key.start_ticks == rt->task->key.start_ticks;
}

/* Whether the unit has, or had until a moment ago, something to sample. */
static bool unit_is_alive(TaskManager *m, RunningTask *rt, usec_t now_usec) {
        (void) task_manager_update_members(m, rt, target_set_find_unit(m->targets, rt->task->unit));

        if (rt->oncpu.n_processes > 0) {
                rt->empty_since_usec = 0;
                return true;
        }

        if (rt->empty_since_usec == 0)
                rt->empty_since_usec = now_usec;

        return now_usec - rt->empty_since_usec < UNIT_EMPTY_USEC_MAX;
}

static void running_task_tick(TaskManager *m, RunningTask *rt, usec_t now_usec) {
        const char *reason = NULL;

        if (now_usec >= rt->deadline_usec)
                reason = "duration reached";
        else if (rt->task->key.pid > 0)
                reason = process_is_alive(m, rt) ? NULL : "process exited";
        else
                reason = unit_is_alive(m, rt, now_usec) ? NULL : "unit has no processes left";

        if (reason)
                task_manager_end(m, rt, TASK_STATE_FINISHED, reason, now_usec);
        else
                oncpu_task_update(&rt->oncpu);
}

/* What woke up since the last time: the governor goes by it. */
static void book_waits(TaskManager *m) {
        uint64_t begin_nsec;

        if (offcpu_is_idle(m->offcpu))
                return;

        begin_nsec = clock_thread_cpu_nsec();
        offcpu_collect(m->offcpu, NULL, OFFCPU_MOMENT_SECOND);
        offcpu_book(m->offcpu, NULL, OFFCPU_MOMENT_SECOND);
        m->recording_nsec += clock_thread_cpu_nsec() - begin_nsec;
}

void task_manager_checkpoint(TaskManager *m, usec_t now_usec) {
        RunningTask *rt;

        assert(m);

        offcpu_collect(m->offcpu, NULL, OFFCPU_MOMENT_CHECKPOINT);
        task_manager_drain(m, now_usec);
        offcpu_book(m->offcpu, NULL, OFFCPU_MOMENT_CHECKPOINT);

        DL_FOREACH(m->running, rt)
        oncpu_task_update(&rt->oncpu);
}

void task_manager_tick(TaskManager *m, usec_t now_usec) {
        RunningTask *rt, *next;

        assert(m);

        task_manager_drain(m, now_usec);
        if (m->unwind)
                unwind_tables_tick(m->unwind, now_usec);

        book_waits(m);

        DL_FOREACH_SAFE(m->running, rt, next)
        running_task_tick(m, rt, now_usec);
        offcpu_step(m->offcpu, m->unwind); /* for those that came */

        task_governor_tick(m, now_usec);
        task_recorder_tick(m, now_usec);
}

usec_t task_manager_end_due(TaskManager *m, usec_t now_usec) {
        usec_t next_usec = USEC_INFINITY;
        RunningTask *rt, *next;

        assert(m);

        DL_FOREACH_SAFE(m->running, rt, next) {
                if (now_usec >= rt->deadline_usec)
                        task_manager_end(m, rt, TASK_STATE_FINISHED, "duration reached", now_usec);
                else
                        next_usec = MIN_OF(next_usec, rt->deadline_usec);
        }

        return next_usec;
}

void task_manager_process_removed(TaskManager *m, Process *p, usec_t now_usec) {
        ProcessEntry *e;

        assert(m);
        assert(p);

        e = find_entry(m, p->key);
        if (!e)
                return;

        if (e->n_users > 0 || e->recorded) /* its last samples wait in the ring */
                task_manager_drain(m, now_usec);

        e = find_entry(m, p->key); /* the drain may have forgotten it */
        if (e)
                task_manager_forget_entry(m, e);
}

void task_manager_process_changed(TaskManager *m, Process *p) {
        ProcessEntry *e;

        assert(m);
        assert(p);

        e = find_entry(m, p->key);
        if (!e)
                return;

        if (e->n_users == 0 && !e->recorded) {
                process_cache_invalidate(e);
                process_cache_enqueue(m->cache, e);
                return;
        }

        /* What waits in the ring is mostly of the old program. */
        task_manager_drain(m, m->now_usec);
        e = find_entry(m, p->key);
        if (!e)
                return;

        process_cache_invalidate(e);
        (void) process_cache_read(m->cache, e);
}

void task_manager_prepare(TaskManager *m, Process *p) {
        ProcessEntry *e;

        assert(m);
        assert(p);

        forget_predecessor(m, p->key);
        if (process_cache_get(m->cache, p->key, &e) < 0)
                return; /* then it is read when sampling begins */

        e->wanted = true;
        process_cache_enqueue(m->cache, e);
        task_recorder_watch(m, p, e);
}

bool task_manager_has_pending_preparation(const TaskManager *m) {
        return process_cache_has_queued(m->cache) || (m->unwind && unwind_tables_has_work(m->unwind));
}

/* Reads mappings. Returns false when the time is over. */
static bool prepare_queued(TaskManager *m, usec_t end_usec) {
        for (unsigned i = 0; i < PREPARE_AT_ONCE_MAX; i++) {
                ProcessEntry *e = process_cache_next_queued(m->cache);

                if (!e)
                        return true;

                if (process_cache_read(m->cache, e) == -ESRCH && e->n_users == 0) {
                        task_recorder_unwatch(m, e);
                        e->wanted = false;
                        process_cache_put(m->cache, e);
                }

                if (clock_monotonic_usec() >= end_usec)
                        return false;
        }

        return false;
}

void task_manager_prepare_pending(TaskManager *m, usec_t budget_usec) {
        usec_t now_usec = clock_monotonic_usec(), end_usec;

        assert(m);

        end_usec = now_usec + MIN_OF(budget_usec, USEC_INFINITY - now_usec);
        if (!prepare_queued(m, end_usec) || !m->unwind)
                return;

        now_usec = clock_monotonic_usec();
        unwind_tables_work(m->unwind, end_usec > now_usec ? end_usec - now_usec : 0);
}
