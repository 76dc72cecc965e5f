/* SPDX-License-Identifier: Apache-2.0 */
#include "task/resolve.h"

/* Return addresses name the instruction after the call, which may belong to the next line or function
 * already; only the innermost address of each side is where it was. */
static uint64_t frame_address(uint64_t address, unsigned index) {
        return index > 0 && address > 0 ? address - 1 : address;
}

static void
resolve_python(ResolvedStack *s,
               ProcessCache *cache,
               ProcessEntry *e,
               const struct cprof_sample *sample,
               usec_t now_usec) {
        s->n_python = 0;
        s->python_misfit = false;
        if (sample->n_python == 0)
                return;

        s->n_user = process_cache_resolve_python(
                        cache, e, sample, now_usec, s->user, s->n_user, &s->python_misfit);
        for (unsigned i = 0; i < s->n_user; i++)
                s->n_python += s->user[i].module && s->user[i].module->type == MODULE_PYTHON;
}

void stack_resolve(
                ResolvedStack *s,
                ProcessCache *cache,
                ProcessEntry *e,
                const struct cprof_sample *sample,
                usec_t now_usec) {
        const __u64 *user;

        assert(s);
        assert(cache);
        assert(e);
        assert(sample);

        /* The record comes from our own BPF program; still, no count of it may lead out of our arrays. */
        s->n_kernel = MIN_OF((unsigned) sample->n_kernel, (unsigned) CPROF_STACK_MAX);
        s->n_user = MIN_OF((unsigned) sample->n_user, (unsigned) CPROF_STACK_MAX);

        for (unsigned i = 0; i < s->n_kernel; i++)
                s->kernel[i] = FRAME(PROFILE_MODULE_KERNEL, frame_address(sample->frames[i], i));

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

        resolve_python(s, cache, e, sample, now_usec);
}

void stack_release(ResolvedStack *s) {
        assert(s);

        for (unsigned i = 0; i < s->n_user; i++)
                s->user[i].module = module_unref(s->user[i].module);
}

unsigned stack_frames(const ResolvedStack *s, Profile *p, Frame *ret_frames, uint64_t *n_unknown) {
        unsigned n = s->n_kernel;

        assert(p);
        assert(n_unknown);

        memcpy(ret_frames, s->kernel, s->n_kernel * sizeof(Frame));
        for (unsigned i = 0; i < s->n_user; i++) {
                const ResolvedFrame *f = s->user + i;
                unsigned module = PROFILE_MODULE_UNKNOWN;

                if (f->module)
                        module = profile_module_index(p, f->module);
                if (module == PROFILE_MODULE_UNKNOWN)
                        (*n_unknown)++;

                ret_frames[n++] = FRAME(module, module == PROFILE_MODULE_UNKNOWN ? f->address : f->offset);
        }

        if (n == 0) /* no stack at all: the time was still spent */
                ret_frames[n++] = FRAME(PROFILE_MODULE_UNKNOWN, 0);

        return n;
}

int stack_add(const ResolvedStack *s, Profile *p, const char *thread_name, uint64_t n, uint64_t *n_unknown) {
        Frame frames[STACK_FRAMES_MAX];
        unsigned n_frames = stack_frames(s, p, frames, n_unknown);

        return profile_add(p, thread_name, frames, n_frames, s->n_kernel, n);
}
