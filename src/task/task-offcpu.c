/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task-offcpu-private.h"

#include <string.h>
#include <utlist.h>

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

int offcpu_join(Offcpu *o, SampledProcess *p) {
        ProcessEntry *e = p->entry;
        int r;

        if (e->offcpu) {
                r = offcpu_shares_skip(o, p);
                if (r < 0)
                        return r;
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

bool offcpu_leave(Offcpu *o, SampledProcess *p) {
        ProcessEntry *e = p->entry;

        if (!p->waits)
                return false;

        if (!p->waits_ended)
                offcpu_shares_finish(o, p);
        offcpu_shares_free(p);
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
