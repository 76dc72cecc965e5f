/* SPDX-License-Identifier: Apache-2.0 */
#include "task/python-merge.h"

#include "basic/cleanup.h"

typedef struct Merge {
        const PythonStacks *in;
        MergedFrame *out;
        unsigned n_out;
        unsigned next; /* of in->python */
} Merge;

/* A call without a function: its frame only counts. */
static bool is_placeholder(const struct cprof_python_frame *f) {
        return f->code == 0;
}

static unsigned count_calls(const PythonStacks *in) {
        unsigned n = 0;

        for (unsigned i = 0; i < in->n_python; i++)
                /* what is left after the last entry is the inner part of one that was cut off */
                if (in->python[i].is_entry || i + 1 == in->n_python)
                        n++;

        return n;
}

static unsigned count_loops(const PythonStacks *in) {
        unsigned n = 0;

        for (unsigned i = 0; i < in->n_native; i++)
                n += in->is_eval[i];

        return n;
}

/* Appends the functions of the next call. Returns whether there were any. */
static bool take_call(Merge *m) {
        bool any = false;

        while (m->next < m->in->n_python) {
                const struct cprof_python_frame *f = &m->in->python[m->next];

                if (!is_placeholder(f)) {
                        m->out[m->n_out++] = (MergedFrame){ .is_python = true, .index = m->next };
                        any = true;
                }

                m->next++;
                if (f->is_entry)
                        break;
        }

        return any;
}

/* A stack that was cut off may have less of them than the other, but not more. */
static bool fits(const PythonStacks *in, unsigned n_loops, unsigned n_calls) {
        if (in->n_python == 0)
                return true;
        if (in->native_complete && n_loops < n_calls)
                return false;
        if (in->python_complete && n_calls < n_loops)
                return false;

        return n_loops > 0;
}

unsigned python_merge(const PythonStacks *in, MergedFrame *ret, bool *ret_consistent) {
        Merge m = { .in = in, .out = ret };
        unsigned n_loops = count_loops(in), n_calls = count_calls(in), extra_loops = 0, extra_calls = 0;
        bool complete = in->native_complete && in->python_complete;

        assert(in);
        assert(ret || in->n_native + in->n_python == 0);
        assert(ret_consistent);

        /* Complete stacks agree at the outer end: what one has more is in the innermost call, which just
         * begins or ends. Otherwise only the inner ends can be laid side by side. */
        if (complete && n_loops > 0) {
                extra_loops = n_loops > n_calls ? n_loops - n_calls : 0;
                extra_calls = n_calls > n_loops ? n_calls - n_loops : 0;
        }

        for (unsigned i = 0; i < in->n_native; i++) {
                bool replaced = false;

                if (in->is_eval[i] && extra_loops > 0)
                        extra_loops--;
                else if (in->is_eval[i]) {
                        for (; extra_calls > 0; extra_calls--)
                                replaced |= take_call(&m);
                        replaced |= take_call(&m);
                }

                if (!replaced)
                        m.out[m.n_out++] = (MergedFrame){ .index = i };
        }

        while (m.next < in->n_python)
                (void) take_call(&m);

        *ret_consistent = fits(in, n_loops, n_calls);
        return m.n_out;
}
