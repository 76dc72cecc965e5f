/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-problems.h"

#include "basic/strbuf.h"

#include <stdarg.h>

void policy_problems_done(PolicyProblems *p) {
        for (size_t i = 0; i < p->n; i++)
                free(p->messages[i]);
        free(p->messages);
        *p = (PolicyProblems){};
}

static int append(PolicyProblems *p, const char *format, va_list ap) {
        _cleanup_(strbuf_done) StrBuf b = {};
        char **grown;
        int r;

        grown = reallocarray(p->messages, p->n + 2, sizeof(grown[0]));
        if (!grown)
                return -ENOMEM;

        p->messages = grown;
        grown[p->n] = NULL;

        strbuf_addv(&b, format, ap);
        r = strbuf_finish(&b, &grown[p->n]);
        if (r < 0)
                return r;

        grown[++p->n] = NULL;
        return 0;
}

int policy_problems_add(PolicyProblems *p, const char *format, ...) {
        va_list ap;
        int r;

        if (p->n >= POLICY_PROBLEMS_MAX) {
                p->n_more++;
                return 0;
        }

        va_start(ap, format);
        r = append(p, format, ap);
        va_end(ap);
        return r;
}

static _printf_(2, 3) int append_last(PolicyProblems *p, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = append(p, format, ap);
        va_end(ap);
        return r;
}

int policy_problems_finish(PolicyProblems *p) {
        if (p->n_more == 0)
                return 0;

        return append_last(p, "%zu more problems", p->n_more);
}
