/* SPDX-License-Identifier: Apache-2.0 */
#include "task/offcpu-stacks.h"

#include <string.h>

#define STACK_OVERHEAD 6U /* what a stack takes beside its frames, in frames */

static size_t stack_size(const OffcpuStack *s) {
        return s->n_kernel + s->n_user + STACK_OVERHEAD;
}

static void stack_free(OffcpuStacks *o, OffcpuStack *s, size_t *budget) {
        HASH_DEL(o->stacks, s);
        o->n_frames -= stack_size(s);
        *budget += stack_size(s);

        for (unsigned i = 0; i < s->n_user; i++)
                module_unref(s->user[i].module);
        free(s);
}

static OffcpuStack *stack_copy(uint64_t hash, unsigned end, const ResolvedStack *s) {
        OffcpuStack *copy;

        copy = calloc(1, sizeof(*copy) + s->n_user * sizeof(s->user[0]) + s->n_kernel * sizeof(Frame));
        if (!copy)
                return NULL;

        copy->hash = hash;
        copy->end = end < CPROF_END_MAX ? end : CPROF_END_NONE;
        copy->n_kernel = s->n_kernel;
        copy->n_user = s->n_user;
        copy->kernel = (Frame *) (copy->user + s->n_user);
        memcpy(copy->kernel, s->kernel, s->n_kernel * sizeof(Frame));
        memcpy(copy->user, s->user, s->n_user * sizeof(s->user[0]));
        return copy;
}

int offcpu_stacks_add(OffcpuStacks *o, uint64_t hash, unsigned end, const ResolvedStack *s, size_t *budget) {
        OffcpuStack *old, *new;

        assert(o);
        assert(s);
        assert(budget);

        HASH_FIND(hh, o->stacks, &hash, sizeof(hash), old);
        if (old && old->n_user > 0 && s->n_user == 0)
                return 0;

        new = stack_copy(hash, end, s);
        if (!new)
                return -ENOMEM;
        if (stack_size(new) > *budget + (old ? stack_size(old) : 0)) {
                free(new);
                return -E2BIG;
        }

        HASH_ADD(hh, o->stacks, hash, sizeof(new->hash), new);
        if (!HASH_ADDED(new)) {
                free(new);
                return -ENOMEM;
        }

        for (unsigned i = 0; i < new->n_user; i++)
                if (new->user[i].module)
                        module_ref(new->user[i].module);
        o->n_frames += stack_size(new);
        if (old)
                stack_free(o, old, budget);
        *budget -= stack_size(new);
        return 0;
}

const OffcpuStack *offcpu_stacks_find(const OffcpuStacks *o, uint64_t hash) {
        OffcpuStack *s;

        assert(o);

        HASH_FIND(hh, o->stacks, &hash, sizeof(hash), s);
        return s;
}

void offcpu_stacks_done(OffcpuStacks *o, size_t *budget) {
        OffcpuStack *s, *next;

        assert(o);

        HASH_ITER(hh, o->stacks, s, next)
        stack_free(o, s, budget);
}

unsigned offcpu_stack_frames(const OffcpuStack *s, Profile *p, Frame *ret_frames, uint64_t *n_unknown) {
        ResolvedStack all;

        assert(s);

        all.n_python = 0; /* counted when the stack was resolved */
        all.python_misfit = false;
        all.n_kernel = s->n_kernel;
        all.n_user = s->n_user;
        memcpy(all.kernel, s->kernel, s->n_kernel * sizeof(Frame));
        memcpy(all.user, s->user, s->n_user * sizeof(s->user[0]));
        return stack_frames(&all, p, ret_frames, n_unknown);
}
