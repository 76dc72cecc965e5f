/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/uri-match.h"

#include "policy/dfa.h"
#include "policy/uri-groups.h"
#include "policy/uri-rule-dfa.h"

#include <string.h>

struct UriMatch {
        HttpRules rules;
};

UriMatch *uri_match_free(UriMatch *m) {
        if (!m)
                return NULL;

        for (unsigned i = 0; i < m->rules.n_groups; i++) {
                free(m->rules.groups[i].next);
                free(m->rules.groups[i].accepts);
        }
        free(m);
        return NULL;
}

static bool is_absorbing(const Dfa *d, uint32_t state) {
        for (uint32_t c = 1; c < d->n_classes; c++)
                if (d->next[state * d->n_classes + c] != state)
                        return false;

        return true;
}

/* The index of a set of rules, a new one if need be; there is room for one a state. */
static uint32_t accept_index(HttpAutomaton *a, uint64_t rules) {
        uint32_t i;

        for (i = 0; i < a->n_accepts; i++)
                if (a->accepts[i] == rules)
                        return i;

        a->accepts[a->n_accepts++] = rules;
        return i;
}

static int automaton_init(HttpAutomaton *a, const Dfa *d) {
        _cleanup_(freep) uint32_t *numbers = calloc(d->n_states, sizeof(*numbers));
        _cleanup_(freep) uint32_t *next = calloc((size_t) d->n_states * d->n_classes, sizeof(*next));
        _cleanup_(freep) uint64_t *accepts = calloc(d->n_states, sizeof(*accepts));

        if (!numbers || !next || !accepts)
                return -ENOMEM;

        *a = (HttpAutomaton){ .n_states = d->n_states, .n_classes = d->n_classes, .accepts = accepts };
        memcpy(a->classes, d->classes, sizeof(a->classes));
        for (uint32_t s = 0; s < d->n_states; s++)
                numbers[s] = s * d->n_classes | (is_absorbing(d, s) ? CPROF_HTTP_ABSORBING : 0);

        a->start = numbers[d->start];
        for (uint32_t s = 0; s < d->n_states; s++) {
                next[s * d->n_classes] = accept_index(a, d->accepts[s]);
                for (uint32_t c = 1; c < d->n_classes; c++)
                        next[s * d->n_classes + c] = numbers[d->next[s * d->n_classes + c]];
        }

        a->next = TAKE_PTR(next);
        (void) TAKE_PTR(accepts);
        return 0;
}

int uri_match_new(
                const UriRule *rules,
                size_t n,
                UriMatch **ret_match,
                size_t *reterr_rule,
                char **reterr_message) {
        _cleanup_(uri_match_freep) UriMatch *m = NULL;
        _cleanup_(uri_groups_done) UriGroups groups = {};
        int r;

        assert(rules);
        assert(n >= 1 && n <= CPROF_HTTP_RULES_MAX);
        assert(ret_match);

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;

        r = uri_groups_init(&groups, rules, n, /* reasons= */ NULL, reterr_rule, reterr_message);
        if (r < 0)
                return r;

        m->rules.n_rules = (unsigned) n;
        m->rules.all = groups.all;
        for (unsigned i = 0; i < groups.n; i++) {
                r = automaton_init(&m->rules.groups[i], groups.dfas[i]);
                if (r < 0)
                        return r;
                m->rules.n_groups++;
        }

        *ret_match = TAKE_PTR(m);
        return 0;
}

int uri_rules_select(const UriRule *rules, size_t n, char **reasons) {
        _cleanup_(uri_groups_done) UriGroups groups = {};

        assert(rules);
        assert(n >= 1 && n <= CPROF_HTTP_RULES_MAX);
        assert(reasons);

        return uri_groups_init(&groups, rules, n, reasons, NULL, NULL);
}

const HttpRules *uri_match_rules(const UriMatch *m) {
        return &m->rules;
}

static uint64_t find(const HttpAutomaton *a, const char *target, size_t length) {
        uint32_t state = a->start;

        for (size_t i = 0; i < length && !(state & CPROF_HTTP_ABSORBING); i++) {
                uint8_t class = a->classes[(uint8_t) target[i]];

                if (class == 0)
                        break;
                state = a->next[state + class];
        }

        return a->accepts[a->next[state & ~CPROF_HTTP_ABSORBING]];
}

uint64_t uri_match_find(const UriMatch *m, const char *target, size_t length) {
        uint64_t rules = m->rules.all;

        /* as the kernel: what is longer is matched on its first bytes, and counted */
        length = MIN_OF(length, (size_t) CPROF_HTTP_URI_MAX);

        for (unsigned i = 0; i < m->rules.n_groups; i++)
                rules |= find(&m->rules.groups[i], target, length);

        return rules;
}

int uri_rule_check(const UriRule *rule, char **reterr_message) {
        DfaBudget budget = { DFA_STEPS_MAX };
        Dfa *d;
        int r;

        assert(rule);

        if (rule->kind == URI_RULE_ALL)
                return 0;

        r = uri_rule_dfa(rule, /* accept= */ 1, &budget, &d, reterr_message);
        if (r < 0)
                return r;

        dfa_free(d);
        return 0;
}
