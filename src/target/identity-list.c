/* SPDX-License-Identifier: Apache-2.0 */
/* All identities: adding whoever is there, finding. */
#include "target/identity-internal.h"

static int compare_processes(const void *a, const void *b) {
        const Process *x = *(Process *const *) a, *y = *(Process *const *) b;
        int c = strcmp(x->unit->name, y->unit->name);

        if (c == 0)
                c = strcmp(x->comm, y->comm);

        return c != 0 ? c : (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

int identity_set_add_all(IdentitySet *s, TargetSet *targets) {
        _cleanup_(freep) Process **list = NULL;
        Process *p, *next;
        size_t n = 0;

        assert(s);
        assert(targets);

        list = calloc(target_set_n_processes(targets) + 1, sizeof(list[0]));
        if (!list)
                return -ENOMEM;

        HASH_ITER(hh, target_set_processes(targets), p, next) {
                list[n++] = p;
        }
        qsort(list, n, sizeof(list[0]), compare_processes);

        for (size_t i = 0; i < n; i++)
                if (identity_set_add_process(s, list[i]) == -ENOMEM)
                        return -ENOMEM;

        return 0;
}

Identity *identity_of_process(const Process *p) {
        assert(p);

        if (p->identity)
                return p->identity;

        for (const Unit *u = p->unit; u; u = u->slice)
                if (u->identity)
                        return u->identity;

        return NULL;
}

const ServiceRules *identity_set_rules(const IdentitySet *s) {
        return &s->rules;
}

void identity_set_relocate_rules(IdentitySet *s, ServiceRules *rules) {
        assert(service_rules_equal(&s->rules, rules));

        for (size_t i = 0; i < s->rules.n_rules; i++) {
                free(s->rules.rules[i].where);
                s->rules.rules[i].where = TAKE_PTR(rules->rules[i].where);
        }
}

Identity *identity_set_first(IdentitySet *s) {
        return s->identities;
}

Identity *identity_set_find(IdentitySet *s, const char *service, const char *instance, const char *process) {
        _cleanup_(freep) char *names = NULL;
        Identity *i = NULL;
        size_t size;

        if (claim_names(service, instance, process, &names, &size) < 0)
                return NULL;

        HASH_FIND(hh, s->identities, names, size, i);
        return i;
}

size_t identity_set_n(const IdentitySet *s) {
        return HASH_COUNT(s->identities);
}

uint64_t identity_set_n_over_cap(const IdentitySet *s) {
        return s->n_over_cap;
}
