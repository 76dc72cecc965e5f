/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task-offcpu.h"

#include "task/offcpu-stacks.h"

#include <string.h>
#include <utlist.h>

/* How far the probe knows the threads of a process. */
typedef enum OffcpuBegun {
        OFFCPU_BEGUN_NOT,
        OFFCPU_BEGUN_BARE, /* the kernel could not walk the stacks yet */
        OFFCPU_BEGUN,
} OffcpuBegun;

/* A process that at least one task records. */
struct OffcpuProcess {
        ProcessEntry *entry; /* whose ProcessEntry.offcpu this is */
        OffcpuStacks stacks;
        OffcpuBegun begun;
        unsigned n_tasks;

        struct OffcpuProcess *prev, *next;
};

/* What a task has of one of the probe's totals. */
struct OffcpuShare {
        struct cprof_offcpu_key key;
        uint64_t n, nsec;     /* booked, or from before the task */
        uint64_t before_nsec; /* of that */
        UT_hash_handle hh;
};

typedef struct OffcpuTotal {
        struct cprof_offcpu_key key;
        struct cprof_offcpu_value value;
} OffcpuTotal;

struct Offcpu {
        Probe *probe;
        ProcessCache *cache;
        OffcpuProcess *processes;
        size_t budget; /* frames that may be kept more */

        OffcpuTotal *totals; /* as collected; the probe bounds their number */
        size_t n_totals, n_allocated;

        bool hold;
        pid_t *left; /* to be forgotten */
        size_t n_left;
};

int offcpu_new(Probe *probe, ProcessCache *cache, Offcpu **ret_offcpu) {
        Offcpu *o;

        assert(probe);
        assert(cache);
        assert(ret_offcpu);

        o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;

        *o = (Offcpu){
                .probe = probe,
                .cache = cache,
                .budget = OFFCPU_FRAMES_MAX,
        };

        *ret_offcpu = o;
        return 0;
}

Offcpu *offcpu_free(Offcpu *o) {
        if (!o)
                return NULL;

        assert(!o->processes);
        free(o->totals);
        free(o->left);
        free(o);
        return NULL;
}

bool offcpu_is_idle(const Offcpu *o) {
        return !o->processes;
}

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

static void shares_free(SampledProcess *p) {
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

int offcpu_join(Offcpu *o, SampledProcess *p) {
        ProcessEntry *e = p->entry;
        Joining j = { .process = p };

        if (e->offcpu) {
                (void) probe_offcpu_end(o->probe, e->key.pid);
                (void) probe_offcpu_read(o->probe, e->key.pid, on_before, &j);
                if (j.error < 0) {
                        shares_free(p);
                        return j.error;
                }
        } else {
                e->offcpu = calloc(1, sizeof(*e->offcpu));
                if (!e->offcpu)
                        return -ENOMEM;

                e->offcpu->entry = e;
                DL_APPEND(o->processes, e->offcpu);
        }

        e->offcpu->n_tasks++;
        p->waits = true;
        return 0;
}

/* Whether the kernel will know better how to walk its stacks soon. */
static bool is_bare(const UnwindTables *unwind, const ProcessEntry *e) {
        if (!e->maps)
                return e->maps_error == 0;

        return unwind && unwind_tables_is_waiting(unwind, e->key.pid);
}

void offcpu_step(Offcpu *o, const UnwindTables *unwind) {
        OffcpuProcess *p;

        DL_FOREACH(o->processes, p) {
                bool bare;

                if (p->begun == OFFCPU_BEGUN)
                        continue;

                bare = is_bare(unwind, p->entry);
                if (p->begun == OFFCPU_BEGUN_BARE && bare)
                        continue;

                (void) probe_offcpu_begin(o->probe, p->entry->key.pid);
                p->begun = bare ? OFFCPU_BEGUN_BARE : OFFCPU_BEGUN;
        }
}

bool offcpu_wants_stack(const ProcessEntry *e, const struct cprof_sample *sample) {
        return sample->type == CPROF_RECORD_BLOCKED_STACK && e->offcpu;
}

void offcpu_take_stack(
                Offcpu *o, ProcessEntry *e, const struct cprof_sample *sample, const ResolvedStack *s) {
        SampledProcess *head = e->users, *p;

        /* one that is refused shows as not taken */
        (void) offcpu_stacks_add(&e->offcpu->stacks, sample->hash, sample->end, s, &o->budget);

        DL_FOREACH2(head, p, entry_next)
        if (p->waits)
                oncpu_note_instant(p->owner->task, sample->at_ns / NSEC_PER_USEC);
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

bool offcpu_leave(Offcpu *o, SampledProcess *p) {
        ProcessEntry *e = p->entry;

        if (!p->waits)
                return false;

        if (!p->waits_ended) {
                (void) probe_offcpu_end(o->probe, e->key.pid);
                (void) probe_offcpu_read(o->probe, e->key.pid, on_last_total, p);
        }
        shares_free(p);
        p->waits = false;

        if (--e->offcpu->n_tasks > 0)
                return false;

        DL_DELETE(o->processes, e->offcpu);
        offcpu_stacks_done(&e->offcpu->stacks, &o->budget);
        free(e->offcpu);
        e->offcpu = NULL;
        return true;
}

void offcpu_forget(Offcpu *o, pid_t pid) {
        pid_t *bigger;

        bigger = o->hold ? realloc(o->left, (o->n_left + 1) * sizeof(*bigger)) : NULL;
        if (!bigger) {
                probe_offcpu_forget(o->probe, pid);
                return;
        }

        o->left = bigger;
        o->left[o->n_left++] = pid;
}

void offcpu_forget_hold(Offcpu *o) {
        o->hold = true;
}

void offcpu_forget_all(Offcpu *o) {
        if (o->n_left > 0 && !o->processes)
                probe_offcpu_forget(o->probe, 0); /* one pass for all */
        else
                for (size_t i = 0; i < o->n_left; i++)
                        probe_offcpu_forget(o->probe, o->left[i]);

        o->hold = false;
        o->n_left = 0;
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
