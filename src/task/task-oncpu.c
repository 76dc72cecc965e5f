/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task-oncpu.h"

#include "host/clock.h"
#include "task/task-kind.h"

#include <utlist.h>

void oncpu_task_init(OncpuTask *o, Task *task, Probe *probe, ProcessCache *cache) {
        assert(o);
        assert(task);
        assert(task->profile);

        *o = (OncpuTask){ .task = task, .probe = probe, .cache = cache };
        probe_counters(probe, &o->before);
}

void oncpu_task_done(OncpuTask *o) {
        while (o->processes)
                oncpu_task_remove(o, o->processes);
}

SampledProcess *oncpu_task_find(OncpuTask *o, pid_t pid) {
        ProcessEntry *e = process_cache_find(o->cache, pid);
        SampledProcess *head, *p;

        head = e ? e->users : NULL;
        DL_FOREACH2(head, p, entry_next)
        if (p->owner == o)
                return p;

        return NULL;
}

/* Ends the watch for those kinds of the task that come before @end. */
static void task_unwatch(OncpuTask *o, pid_t pid, ProfileKind end) {
        for (ProfileKind k = 0; k < end; k++)
                if (o->task->kinds & PROFILE_KIND_BIT(k))
                        probe_unwatch(o->probe, pid, task_kind_use(k));
}

/* For all kinds or for none. */
static int task_watch(OncpuTask *o, pid_t pid) {
        int r;

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++) {
                if (!(o->task->kinds & PROFILE_KIND_BIT(k)))
                        continue;

                r = probe_watch(o->probe, pid, task_kind_use(k));
                if (r < 0) {
                        task_unwatch(o, pid, k);
                        return r;
                }
        }

        return 0;
}

int oncpu_task_add(OncpuTask *o, ProcessKey key, SampledProcess **ret_process) {
        SampledProcess *p, *head;
        ProcessEntry *e;
        int r;

        p = oncpu_task_find(o, key.pid);
        if (p) {
                *ret_process = p;
                return 0;
        }

        r = process_cache_get(o->cache, key, &e);
        if (r < 0)
                return r;

        p = calloc(1, sizeof(*p));
        r = p ? task_watch(o, key.pid) : -ENOMEM;
        if (r < 0) {
                free(p);
                process_cache_put(o->cache, e);
                return r;
        }

        *p = (SampledProcess){ .owner = o, .entry = e };
        DL_APPEND(o->processes, p);
        o->n_processes++;

        head = e->users;
        DL_APPEND2(head, p, entry_prev, entry_next);
        e->users = head;
        e->n_users++;

        *ret_process = p;
        return 1;
}

void oncpu_task_remove(OncpuTask *o, SampledProcess *p) {
        ProcessEntry *e = p->entry;
        SampledProcess *head = e->users;

        assert(p->owner == o);

        task_unwatch(o, e->key.pid, _PROFILE_KIND_MAX);

        DL_DELETE2(head, p, entry_prev, entry_next);
        e->users = head;
        e->n_users--;

        DL_DELETE(o->processes, p);
        o->n_processes--;
        free(p);

        process_cache_put(o->cache, e);
}

void oncpu_forget_process(ProcessCache *cache, ProcessEntry *e) {
        e->wanted = false;
        if (e->n_users == 0)
                process_cache_put(cache, e);
        else
                for (unsigned n = e->n_users; n > 0; n--) { /* the entry goes with the last one */
                        SampledProcess *p = e->users;

                        oncpu_task_remove(p->owner, p);
                }
}

static void task_note_instant(Task *t, usec_t at_usec) {
        /* CPUs are drained one after the other: the first to arrive need not be the first to happen. */
        if (t->first_sample.monotonic_usec == 0 || at_usec < t->first_sample.monotonic_usec)
                t->first_sample = (TaskInstant){ at_usec, clock_monotonic_to_realtime(at_usec) };
        if (at_usec > t->last_sample.monotonic_usec)
                t->last_sample.monotonic_usec = at_usec; /* the other clock: oncpu_task_update() */
}

static void note_end(Task *t, const struct cprof_sample *sample, bool has_user_stack) {
        unsigned end = sample->end < CPROF_END_MAX ? sample->end : CPROF_END_NONE;

        t->quality.ends[has_user_stack ? end : CPROF_END_NONE]++;
        if (has_user_stack)
                t->quality.n_stacks_user++;
        else
                t->losses.n_no_user_stack++;
}

/* Older samples were taken for another task and are not this one's. */
static bool task_takes(const Task *t, const struct cprof_sample *sample) {
        return sample->at_ns >= t->started.monotonic_usec * NSEC_PER_USEC &&
                        (t->kinds & PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU));
}

bool oncpu_wants_sample(const ProcessEntry *e, const struct cprof_sample *sample) {
        const SampledProcess *head = e->users, *p;

        if (!(sample->flags & CPROF_SAMPLE_TASK))
                return false;

        DL_FOREACH2(head, p, entry_next)
        if (task_takes(p->owner->task, sample))
                return true;

        return false;
}

void oncpu_take_sample(
                ProcessEntry *e,
                const struct cprof_sample *sample,
                const ResolvedStack *s,
                unsigned weight) {
        SampledProcess *head = e->users, *p;

        DL_FOREACH2(head, p, entry_next) {
                Task *t = p->owner->task;

                if (!task_takes(t, sample))
                        continue;

                note_end(t, sample, s->n_user > 0);
                t->quality.n_python_frames += (uint64_t) s->n_python * weight;
                t->losses.n_python_mismatch += s->python_misfit;

                /* counts what it refuses */
                (void) stack_add(s, t->profile, sample->comm, weight, &t->losses.n_unknown_frames);
                task_note_instant(t, sample->at_ns / NSEC_PER_USEC);
        }
}

void oncpu_task_update(OncpuTask *o) {
        Task *t = o->task;
        ProbeCounters now;

        probe_counters(o->probe, &now);

        if (t->last_sample.monotonic_usec > 0)
                t->last_sample.realtime_usec = clock_monotonic_to_realtime(t->last_sample.monotonic_usec);
        t->n_samples = profile_n_samples(t->profile);
        t->losses.n_over_cap = profile_n_over_cap(t->profile);
        t->losses.n_ring_full = now.n_ring_full - o->before.n_ring_full;
}
