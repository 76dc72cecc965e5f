/* SPDX-License-Identifier: Apache-2.0 */
/* From totals to the waits of tasks. */
#include "task/task-offcpu-private.h"

#include <string.h>
#include <utlist.h>

static bool task_has_waits(const OncpuTask *o) {
        return o->task->kinds & PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU);
}

static OffcpuShare *share_find(const SampledProcess *p, const struct cprof_offcpu_key *key) {
        OffcpuShare *s;

        HASH_FIND(hh, p->shares, key, sizeof(*key), s);
        return s;
}

static OffcpuShare *share_add(SampledProcess *p, const struct cprof_offcpu_key *key) {
        OffcpuShare *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;

        s->key = *key;
        HASH_ADD(hh, p->shares, key, sizeof(s->key), s);
        if (!HASH_ADDED(s)) {
                free(s);
                return NULL;
        }

        return s;
}

void offcpu_shares_free(SampledProcess *p) {
        OffcpuShare *s, *next;

        HASH_ITER(hh, p->shares, s, next) {
                HASH_DEL(p->shares, s);
                free(s);
        }
}

typedef struct Joining {
        SampledProcess *process;
        int error;
} Joining;

/* A ProbeOffcpuFn: what was before the task. */
static void
on_before(const struct cprof_offcpu_key *key, const struct cprof_offcpu_value *value, void *userdata) {
        Joining *j = userdata;
        OffcpuShare *s = share_add(j->process, key);

        if (!s) {
                j->error = -ENOMEM;
                return;
        }

        s->n = value->n;
        s->nsec = s->before_nsec = value->ns;
}

int offcpu_shares_skip(Offcpu *o, SampledProcess *p) {
        Joining j = { .process = p };

        (void) probe_offcpu_end(o->probe, p->entry->key.pid);
        (void) probe_offcpu_read(o->probe, p->entry->key.pid, on_before, &j);
        if (j.error < 0)
                offcpu_shares_free(p);

        return j.error;
}

/* What @value has more than the share. */
typedef struct Waits {
        uint64_t n, nsec, max_nsec;
} Waits;

static Waits new_waits(const OffcpuShare *s, const struct cprof_offcpu_value *v) {
        uint64_t n = s ? s->n : 0, nsec = s ? s->nsec : 0, before = s ? s->before_nsec : 0;
        Waits w = {};

        if (v->n < n || v->ns < nsec)
                return w; /* read before the share was booked last */

        w.n = v->n - n;
        w.nsec = v->ns - nsec;
        w.max_nsec = MIN_OF(v->max_ns, v->ns - before); /* it may have been before the task */
        return w;
}

static ProfileState profile_state(uint32_t state) {
        switch (state) {
        case CPROF_OFFCPU_SLEEP:
                return PROFILE_STATE_SLEEP;
        case CPROF_OFFCPU_DISK:
                return PROFILE_STATE_DISK;
        default:
                return PROFILE_STATE_OTHER;
        }
}

static void
book_waits(Task *t, const struct cprof_offcpu_key *key, const OffcpuStack *stack, const Waits *w) {
        Frame frames[STACK_FRAMES_MAX] = { PROFILE_FRAME_NO_STACK };
        unsigned n_frames = 1, n_kernel = 0;
        uint64_t n_unknown = 0;

        t->offcpu.n_switches += w->n;
        t->offcpu.offcpu_nsec += w->nsec;
        t->offcpu.sleep_nsec += key->state == CPROF_OFFCPU_SLEEP ? w->nsec : 0;
        t->offcpu.disk_nsec += key->state == CPROF_OFFCPU_DISK ? w->nsec : 0;
        t->offcpu.max_nsec = MAX_OF(t->offcpu.max_nsec, w->max_nsec);

        if (stack) {
                n_frames = offcpu_stack_frames(stack, t->profile, frames, &n_unknown);
                n_kernel = stack->n_kernel;
                t->losses.n_unknown_frames += n_unknown * w->n;
                oncpu_note_stacks(t, stack->end, stack->n_user > 0, w->n);
        } else
                t->offcpu.n_rate_limited += w->n;

        /* counts what it refuses */
        (void) profile_add_blocked(
                        t->profile,
                        key->comm,
                        profile_state(key->state),
                        frames,
                        n_frames,
                        n_kernel,
                        w->n,
                        w->nsec,
                        w->max_nsec);
}

/* Brings the share of one task up to @value. */
static void
book_total(SampledProcess *p,
           const struct cprof_offcpu_key *key,
           const struct cprof_offcpu_value *value,
           OffcpuMoment moment) {
        const OffcpuStack *stack = offcpu_stacks_find(&p->entry->offcpu->stacks, key->hash);
        OffcpuShare *s = share_find(p, key);
        Waits w = new_waits(s, value);

        if (w.n == 0 && w.nsec == 0)
                return;
        if (key->hash != 0 && !stack && moment != OFFCPU_MOMENT_END)
                return; /* it may come yet */

        s = s ?: share_add(p, key);
        if (!s)
                return; /* tried again */

        s->n += w.n;
        s->nsec += w.nsec;
        book_waits(p->owner->task, key, stack, &w);
}

/* A ProbeOffcpuFn for one process of a task. */
static void
on_last_total(const struct cprof_offcpu_key *key, const struct cprof_offcpu_value *value, void *userdata) {
        book_total(userdata, key, value, OFFCPU_MOMENT_END);
}

void offcpu_shares_finish(Offcpu *o, SampledProcess *p) {
        (void) probe_offcpu_end(o->probe, p->entry->key.pid);
        (void) probe_offcpu_read(o->probe, p->entry->key.pid, on_last_total, p);
}

/* A ProbeOffcpuFn. */
static void
on_total(const struct cprof_offcpu_key *key, const struct cprof_offcpu_value *value, void *userdata) {
        Offcpu *o = userdata;

        if (o->n_totals == o->n_allocated) {
                size_t n = o->n_allocated > 0 ? 2 * o->n_allocated : 256;
                OffcpuTotal *bigger = realloc(o->totals, n * sizeof(*bigger));

                if (!bigger)
                        return; /* the next time */

                o->totals = bigger;
                o->n_allocated = n;
        }

        o->totals[o->n_totals++] = (OffcpuTotal){ *key, *value };
}

static bool process_is_of(const ProcessEntry *e, const OncpuTask *task) {
        const SampledProcess *head = e->users, *p;

        DL_FOREACH2(head, p, entry_next)
        if (p->waits && (!task || p->owner == task))
                return true;

        return false;
}

void offcpu_collect(Offcpu *o, const OncpuTask *task, OffcpuMoment moment) {
        OffcpuProcess *p;

        o->n_totals = 0;
        if (!o->processes || (task && !task_has_waits(task)))
                return;

        if (moment != OFFCPU_MOMENT_SECOND)
                DL_FOREACH(o->processes, p)
        if (process_is_of(p->entry, task))
                (void) probe_offcpu_end(o->probe, p->entry->key.pid);

        (void) probe_offcpu_read(o->probe, 0, on_total, o);
}

static void
book_process(const ProcessEntry *e, const OncpuTask *task, const OffcpuTotal *t, OffcpuMoment m) {
        SampledProcess *head = e->users, *p;

        DL_FOREACH2(head, p, entry_next)
        if (p->waits && (!task || p->owner == task))
                book_total(p, &t->key, &t->value, m);
}

void offcpu_book(Offcpu *o, const OncpuTask *task, OffcpuMoment moment) {
        SampledProcess *p;

        for (size_t i = 0; i < o->n_totals; i++) {
                const ProcessEntry *e = process_cache_find(o->cache, (pid_t) o->totals[i].key.pid);

                if (e && e->offcpu)
                        book_process(e, task, o->totals + i, moment);
        }

        o->n_totals = 0;
        if (task && moment == OFFCPU_MOMENT_END)
                DL_FOREACH(task->processes, p)
        p->waits_ended = true;

        if (!o->processes || moment == OFFCPU_MOMENT_END) {
                free(o->totals);
                o->totals = NULL;
                o->n_allocated = 0;
        }
}
