/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/uri-match.h"

#include "policy/dfa-product.h"
#include "policy/dfa.h"
#include "policy/policy-message.h"
#include "policy/uri-rule-dfa.h"

#include <string.h>

struct UriMatch {
        HttpRules rules;
};

/* Automata while rules are added. */
typedef struct Groups {
        Dfa *dfas[CPROF_HTTP_GROUPS_MAX];
        unsigned n;
} Groups;

static void groups_done(Groups *g) {
        for (unsigned i = 0; i < g->n; i++)
                dfa_free(g->dfas[i]);
}

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

/* Takes @d in any case, into the first group that has room for it. -E2BIG: none has. */
static int groups_add(Groups *g, Dfa *d, DfaBudget *budget) {
        _cleanup_(dfa_freep) Dfa *owned = d;
        int r;

        for (unsigned i = 0; i < g->n; i++) {
                Dfa *both;

                r = dfa_product(g->dfas[i], d, budget, &both);
                if (r == -E2BIG)
                        continue;
                if (r < 0)
                        return r;

                dfa_free(g->dfas[i]);
                g->dfas[i] = both;
                return 0;
        }
        if (g->n == CPROF_HTTP_GROUPS_MAX)
                return -E2BIG;

        g->dfas[g->n++] = TAKE_PTR(owned);
        return 0;
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

static int
add_rule(HttpRules *rules,
         Groups *groups,
         const UriRule *rule,
         unsigned number,
         DfaBudget *budget,
         char **reterr_message) {
        uint64_t bit = UINT64_C(1) << number;
        Dfa *d;
        int r;

        if (rule->kind == URI_RULE_ALL) {
                rules->all |= bit;
                return 0;
        }

        r = uri_rule_dfa(rule, bit, budget, &d, reterr_message);
        if (r < 0)
                return r;

        r = groups_add(groups, d, budget);
        if (r == -E2BIG)
                return policy_refuse(
                                r,
                                reterr_message,
                                "does not fit beside the other rules of the process: they need more than "
                                "%u automata of %u states",
                                CPROF_HTTP_GROUPS_MAX,
                                URI_STATES_MAX);
        return r;
}

static int
groups_build(Groups *groups,
             HttpRules *rules,
             const UriRule *list,
             size_t n,
             size_t *reterr_rule,
             char **reterr_message) {
        DfaBudget budget = { DFA_STEPS_MAX };
        int r;

        for (size_t i = 0; i < n; i++) {
                r = add_rule(rules, groups, &list[i], (unsigned) i, &budget, reterr_message);
                if (r < 0) {
                        if (reterr_rule)
                                *reterr_rule = i;
                        return r;
                }
        }

        return 0;
}

int uri_match_new(
                const UriRule *rules,
                size_t n,
                UriMatch **ret_match,
                size_t *reterr_rule,
                char **reterr_message) {
        _cleanup_(uri_match_freep) UriMatch *m = NULL;
        _cleanup_(groups_done) Groups groups = {};
        int r;

        assert(rules);
        assert(n >= 1 && n <= CPROF_HTTP_RULES_MAX);
        assert(ret_match);

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;

        m->rules.n_rules = (unsigned) n;
        r = groups_build(&groups, &m->rules, rules, n, reterr_rule, reterr_message);
        if (r < 0)
                return r;

        for (unsigned i = 0; i < groups.n; i++) {
                r = automaton_init(&m->rules.groups[i], groups.dfas[i]);
                if (r < 0)
                        return r;
                m->rules.n_groups++;
        }

        *ret_match = TAKE_PTR(m);
        return 0;
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
