/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task-python.h"

#include "task/python-merge.h"

#include <string.h>

static bool is_eval(const PythonSource *source, const ResolvedFrame *f) {
        Module *m = f->module;

        if (!m || m->type != MODULE_FILE)
                return false;

        if (!m->python.checked)
                source->inspect(m, source->userdata);

        for (unsigned i = 0; i < m->python.n_eval; i++)
                if (f->offset >= m->python.eval[i].start && f->offset < m->python.eval[i].end)
                        return true;

        return false;
}

static ResolvedFrame
resolve_one(const PythonSource *source,
            ProcessKey key,
            Module *module,
            const struct cprof_python_frame *frame,
            usec_t now_usec) {
        ResolvedFrame f = { .address = frame->code };

        if (source->resolve(key, frame, now_usec, module->functions, &f.offset, source->userdata) >= 0)
                f.module = module_ref(module);

        return f;
}

unsigned
python_resolve(const PythonSource *source,
               ProcessKey key,
               Module *module,
               const struct cprof_sample *sample,
               usec_t now_usec,
               ResolvedFrame *frames,
               unsigned n,
               bool *ret_consistent) {
        struct cprof_python_frame python[CPROF_PYTHON_MAX];
        ResolvedFrame native[CPROF_STACK_MAX];
        MergedFrame merged[RESOLVED_FRAMES_MAX];
        bool eval[CPROF_STACK_MAX];
        PythonStacks stacks = {
                .is_eval = eval,
                .n_native = MIN_OF(n, (unsigned) CPROF_STACK_MAX),
                .native_complete = sample->end == CPROF_END_ROOT || sample->end == CPROF_END_FRAME_POINTER,
                .python = python,
                .n_python = MIN_OF((unsigned) sample->n_python, (unsigned) CPROF_PYTHON_MAX),
                .python_complete = sample->python_end == CPROF_PYTHON_COMPLETE,
        };
        unsigned n_merged;

        assert(n <= CPROF_STACK_MAX);

        memcpy(python,
               sample->frames + sample->n_kernel + sample->n_user,
               stacks.n_python * sizeof(python[0]));
        memcpy(native, frames, stacks.n_native * sizeof(native[0]));
        for (unsigned i = 0; i < stacks.n_native; i++)
                eval[i] = is_eval(source, &native[i]);

        n_merged = python_merge(&stacks, merged, ret_consistent);
        for (unsigned i = 0; i < n_merged; i++) {
                const MergedFrame *m = &merged[i];

                if (m->is_python)
                        frames[i] = resolve_one(source, key, module, &python[m->index], now_usec);
                else {
                        frames[i] = native[m->index];
                        native[m->index].module = NULL; /* moved */
                }
        }

        for (unsigned i = 0; i < stacks.n_native; i++)
                (void) module_unref(native[i].module);

        return n_merged;
}
