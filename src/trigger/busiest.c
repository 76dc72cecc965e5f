/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/busiest.h"

#include <string.h>

#define BUSIEST_POLICIES_MIN 4U /* first allocation */

void busiest_done(Busiest *b) {
        assert(b);

        free(b->policies);
        *b = (Busiest){};
}

void busiest_clear(Busiest *b) {
        assert(b);

        b->n_policies = 0;
        b->last = 0;
}

static int reserve_one(Busiest *b) {
        size_t n = b->n_allocated > 0 ? 2 * b->n_allocated : BUSIEST_POLICIES_MIN;
        BusiestOfPolicy *policies;

        if (b->n_policies < b->n_allocated)
                return 0;

        policies = reallocarray(b->policies, n, sizeof(*policies));
        if (!policies)
                return -ENOMEM;

        b->policies = policies;
        b->n_allocated = n;
        return 0;
}

static int find_or_add_policy(Busiest *b, const Policy *policy, BusiestOfPolicy **ret) {
        int r;

        for (size_t i = 0; i < b->n_policies; i++) {
                size_t at = (b->last + i) % b->n_policies;

                if (b->policies[at].policy == policy) {
                        b->last = at;
                        *ret = b->policies + at;
                        return 0;
                }
        }

        if (b->n_policies >= BUSIEST_POLICIES_MAX)
                return -E2BIG;

        r = reserve_one(b);
        if (r < 0)
                return r;

        b->last = b->n_policies++;
        *ret = b->policies + b->last;
        (*ret)->policy = policy;
        (*ret)->n_subjects = 0;
        return 0;
}

static bool same_subject(Subject a, Subject b) {
        return a.process == b.process && a.unit == b.unit;
}

/* The place of a subject that is among the busiest, made if it belongs there; NULL if not. */
static BusiestSubject *find_or_add_subject(BusiestOfPolicy *p, Subject subject, double cpu_percent) {
        size_t at;

        for (size_t i = 0; i < p->n_subjects; i++)
                if (same_subject(p->subjects[i].causes[0].subject, subject))
                        return p->subjects + i;

        for (at = p->n_subjects; at > 0 && p->subjects[at - 1].cpu_percent < cpu_percent; at--)
                ;
        if (at == BUSIEST_SUBJECTS_MAX)
                return NULL;

        if (p->n_subjects < BUSIEST_SUBJECTS_MAX)
                p->n_subjects++;
        memmove(p->subjects + at + 1, p->subjects + at, (p->n_subjects - 1 - at) * sizeof(p->subjects[0]));
        p->subjects[at].cpu_percent = cpu_percent;
        p->subjects[at].n_causes = 0;
        return p->subjects + at;
}

int busiest_add(Busiest *b, const Cause *cause, double cpu_percent) {
        BusiestOfPolicy *p;
        BusiestSubject *s;
        int r;

        assert(b);
        assert(cause);

        if (!(cpu_percent > 0)) /* false for NAN */
                return 0;

        r = find_or_add_policy(b, cause->policy, &p);
        if (r < 0)
                return r;

        s = find_or_add_subject(p, cause->subject, cpu_percent);
        if (!s)
                return 0;
        if (s->n_causes == BUSIEST_CAUSES_MAX)
                return -E2BIG;

        s->causes[s->n_causes++] = *cause;
        return 0;
}
