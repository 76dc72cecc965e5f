/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task-oncpu.h"

#include "host/clock.h"

#include <utlist.h>

typedef struct ResolvedStack {
        ResolvedFrame user[RESOLVED_FRAMES_MAX];
        Frame frames[CPROF_STACK_MAX +
                     RESOLVED_FRAMES_MAX]; /* kernel frames are the same in every profile */
        unsigned n_kernel, n_user;
        bool has_python, python_consistent;
} ResolvedStack;
_Static_assert(CPROF_STACK_MAX + RESOLVED_FRAMES_MAX <= PROFILE_FRAMES_MAX, "a sample fits a profile");

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
        r = p ? probe_watch(o->probe, key.pid, PROBE_USE_ON_CPU) : -ENOMEM;
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

        probe_unwatch(o->probe, e->key.pid, PROBE_USE_ON_CPU);

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

/* Return addresses name the instruction after the call, which may belong to the next line or function
 * already; only the innermost address of each side is where it was. */
static uint64_t frame_address(uint64_t address, unsigned index) {
        return index > 0 && address > 0 ? address - 1 : address;
}

static void
stack_resolve(ResolvedStack *s,
              ProcessCache *cache,
              ProcessEntry *e,
              const struct cprof_sample *sample,
              usec_t now_usec) {
        const __u64 *user;

        /* The record comes from our own BPF program; still, no count of it may lead out of our arrays. */
        s->n_kernel = MIN_OF((unsigned) sample->n_kernel, (unsigned) CPROF_STACK_MAX);
        s->n_user = MIN_OF((unsigned) sample->n_user, (unsigned) CPROF_STACK_MAX);

        for (unsigned i = 0; i < s->n_kernel; i++)
                s->frames[i] = FRAME(PROFILE_MODULE_KERNEL, frame_address(sample->frames[i], i));

        user = sample->frames + sample->n_kernel;
        for (unsigned i = 0; i < s->n_user; i++) {
                ResolvedFrame *f = s->user + i;
                FrameQuery q = {
                        .address = frame_address(user[i], i),
                        .innermost = i == 0,
                        .now_usec = now_usec,
                };

                f->address = q.address;
                f->module = NULL;
                if (process_cache_resolve(cache, e, &q, &f->module, &f->offset) >= 0)
                        (void) module_ref(f->module);
        }

        s->has_python = sample->n_python > 0;
        if (s->has_python)
                s->n_user = process_cache_resolve_python(
                                cache, e, sample, now_usec, s->user, s->n_user, &s->python_consistent);
}

static void stack_release(ResolvedStack *s) {
        for (unsigned i = 0; i < s->n_user; i++)
                s->user[i].module = module_unref(s->user[i].module);
}

static void task_note_instant(Task *t, usec_t at_usec) {
        /* CPUs are drained one after the other: the first to arrive need not be the first to happen. */
        if (t->first_sample.monotonic_usec == 0 || at_usec < t->first_sample.monotonic_usec)
                t->first_sample = (TaskInstant){ at_usec, clock_monotonic_to_realtime(at_usec) };
        if (at_usec > t->last_sample.monotonic_usec)
                t->last_sample.monotonic_usec = at_usec; /* the other clock: oncpu_task_update() */
}

static void task_add_stack(Task *t, const struct cprof_sample *sample, ResolvedStack *s) {
        unsigned n = s->n_kernel;

        for (unsigned i = 0; i < s->n_user; i++) {
                const ResolvedFrame *f = s->user + i;
                unsigned module = PROFILE_MODULE_UNKNOWN;

                if (f->module)
                        module = profile_module_index(t->profile, f->module);
                if (module == PROFILE_MODULE_UNKNOWN)
                        t->losses.n_unknown_frames++;

                s->frames[n++] = FRAME(module, module == PROFILE_MODULE_UNKNOWN ? f->address : f->offset);
        }

        if (n == 0) /* no stack at all: the time was still spent */
                s->frames[n++] = FRAME(PROFILE_MODULE_UNKNOWN, 0);
        if (s->n_user == 0)
                t->losses.n_no_user_stack++;
        if (s->has_python && !s->python_consistent)
                t->losses.n_python_mismatch++;

        (void) profile_add(
                        t->profile, sample->comm, s->frames, n, s->n_kernel, 1); /* counts what it refuses */
        task_note_instant(t, sample->at_ns / NSEC_PER_USEC);
}

void oncpu_take_sample(ProcessCache *cache, const struct cprof_sample *sample, usec_t now_usec) {
        ProcessEntry *e = process_cache_find(cache, (pid_t) sample->pid);
        SampledProcess *head, *p;
        ResolvedStack s;
        bool resolved = false;

        head = e ? e->users : NULL;
        DL_FOREACH2(head, p, entry_next) {
                Task *t = p->owner->task;

                /* Older ones were taken for another task and are not this one's. */
                if (sample->at_ns < t->started.monotonic_usec * NSEC_PER_USEC)
                        continue;

                if (!resolved)
                        stack_resolve(&s, cache, e, sample, now_usec);
                resolved = true;

                task_add_stack(t, sample, &s);
        }

        if (resolved)
                stack_release(&s);
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
