/* SPDX-License-Identifier: Apache-2.0 */
#include "task/python-merge.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(python_merge, .timeout = 10);

#define FRAMES_MAX 16

/* Native: small letters, 'E' for the loop. Python: capitals, '.' behind the first function of a call; '-' is
 * a call without a function. Innermost first; "…" at the end of either: cut off there ('~'). */
typedef struct Row {
        const char *native, *python, *merged;
        bool consistent;
} Row;

static void read_native(const char *text, bool *is_eval, PythonStacks *s) {
        s->native_complete = true;
        for (; *text; text++)
                if (*text == '~')
                        s->native_complete = false;
                else
                        is_eval[s->n_native++] = *text == 'E';
        s->is_eval = is_eval;
}

static void read_python(const char *text, struct cprof_python_frame *frames, PythonStacks *s) {
        s->python_complete = true;
        for (; *text; text++)
                if (*text == '~')
                        s->python_complete = false;
                else if (*text == '.')
                        frames[s->n_python - 1].is_entry = 1;
                else if (*text == '-')
                        frames[s->n_python++] = (struct cprof_python_frame){ .is_entry = 1 };
                else
                        frames[s->n_python++] = (struct cprof_python_frame){ .code = (unsigned char) *text };
        s->python = frames;
}

static void check(const Row *row) {
        struct cprof_python_frame python[FRAMES_MAX] = {};
        MergedFrame merged[2 * FRAMES_MAX];
        char text[2 * FRAMES_MAX + 1] = "";
        bool is_eval[FRAMES_MAX], consistent;
        PythonStacks s = {};
        unsigned n;

        read_native(row->native, is_eval, &s);
        read_python(row->python, python, &s);
        n = python_merge(&s, merged, &consistent);
        cr_assert_leq(n, s.n_native + s.n_python);
        for (unsigned i = 0; i < n; i++)
                text[i] = merged[i].is_python ? (char) python[merged[i].index].code
                                              : row->native[merged[i].index];

        cr_expect_str_eq(text, row->merged, "%s + %s: %s", row->native, row->python, text);
        cr_expect_eq(consistent, row->consistent, "%s + %s", row->native, row->python);
}

Test(python_merge, each_call_of_the_loop_gets_its_functions) {
        static const Row rows[] = {
                { "", "", "", true },
                { "xm", "", "xm", true },
                { "Em", "A.", "Am", true },
                { "Em", "ABC.", "ABCm", true },
                { "xEyEm", "AB.C.", "xAByCm", true },
                { "xEEm", "A.BC.", "xABCm", true },
                { "EyEzEm", "A.BC.D.", "AyBCzDm", true },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                check(&rows[i]);
}

Test(python_merge, a_call_that_begins_or_ends_has_no_function_yet) {
        static const Row rows[] = {
                { "EyEm", "A.", "EyAm", false },  /* the inner loop is not known to Python yet */
                { "EyEm", "-A.", "EyAm", true },  /* it is, as a call without a function */
                { "yEm", "A.B.", "yABm", false }, /* the inner loop has returned already */
                { "Em", "-", "Em", true },
                { "xm", "A.", "xmA", false }, /* no loop is seen: nothing is lost */
                { "Em", "", "Em", true },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                check(&rows[i]);
}

Test(python_merge, stacks_that_were_cut_off_fit_at_the_inner_end) {
        static const Row rows[] = {
                { "EyE~", "A.B.C.", "AyBC", true },    /* native frames end early: functions go on */
                { "EyEzEm", "A.B.~", "AyBzEm", true }, /* functions end early: loops stay */
                { "EyEm", "A.BC~", "AyBCm", true },    /* within a call */
                { "x~", "A.B.", "xAB", false },        /* as by frame pointers: no loop at all */
                { "EyE~", "A.", "AyE", false },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                check(&rows[i]);
}
