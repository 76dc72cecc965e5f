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

#define PATHS_BYTES_MAX URI_PATTERN_MAX /* of exact paths that become one automaton at once */

/* Automata while rules are added. */
typedef struct Groups {
        DfaBudget budget;
        Dfa *dfas[CPROF_HTTP_GROUPS_MAX];
        unsigned n;

        /* exact paths that are in none yet: one after another would take long */
        const char *paths[CPROF_HTTP_RULES_MAX];
        uint64_t paths_accepts[CPROF_HTTP_RULES_MAX];
        size_t n_paths, n_paths_bytes;
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
static int groups_add(Groups *g, Dfa *d) {
        _cleanup_(dfa_freep) Dfa *owned = d;
        int r;

        for (unsigned i = 0; i < g->n; i++) {
                Dfa *both;

                r = dfa_product(g->dfas[i], d, &g->budget, &both);
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

static int refuse_group(char **reterr_message) {
        return policy_refuse(
                        -E2BIG,
                        reterr_message,
                        "does not fit beside the other rules of the process: they need more than %u "
                        "automata of %u states",
                        CPROF_HTTP_GROUPS_MAX,
                        URI_STATES_MAX);
}

/* Adds @n of the paths that wait, from @first on, together. */
static int add_paths_at_once(Groups *g, size_t first, size_t n) {
        Dfa *d;
        int r;

        r = uri_paths_dfa(g->paths + first, g->paths_accepts + first, n, &g->budget, &d);
        return r < 0 ? r : groups_add(g, d);
}

/* Adds the paths that wait. *reterr_rule is the one that does not fit. */
static int add_paths(Groups *g, size_t *reterr_rule, char **reterr_message) {
        size_t n = g->n_paths;
        int r;

        g->n_paths = g->n_paths_bytes = 0;
        if (n == 0)
                return 0;

        r = add_paths_at_once(g, 0, n);
        if (r != -E2BIG)
                return r;

        for (size_t i = 0; i < n; i++) {
                r = add_paths_at_once(g, i, 1);
                if (r < 0) {
                        *reterr_rule = (size_t) __builtin_ctzll(g->paths_accepts[i]);
                        return r == -E2BIG ? refuse_group(reterr_message) : r;
                }
        }

        return 0;
}

static int
add_path(Groups *g, const UriRule *rule, uint64_t bit, size_t *reterr_rule, char **reterr_message) {
        size_t length;
        int r;

        r = uri_path_check(rule, reterr_message);
        if (r < 0)
                return r;

        length = strlen(rule->text);
        if (g->n_paths_bytes + length > PATHS_BYTES_MAX) {
                r = add_paths(g, reterr_rule, reterr_message);
                if (r < 0)
                        return r;
        }

        g->paths[g->n_paths] = rule->text;
        g->paths_accepts[g->n_paths++] = bit;
        g->n_paths_bytes += length;
        return 0;
}

static int add_regex(Groups *g, const UriRule *rule, uint64_t bit, char **reterr_message) {
        Dfa *d;
        int r;

        r = uri_rule_dfa(rule, bit, &g->budget, &d, reterr_message);
        if (r < 0)
                return r;

        r = groups_add(g, d);
        return r == -E2BIG ? refuse_group(reterr_message) : r;
}

/* *reterr_rule is the number of the rule at fault. */
static int
groups_build(Groups *g,
             HttpRules *rules,
             const UriRule *list,
             size_t n,
             size_t *reterr_rule,
             char **reterr_message) {
        int r = 0;

        for (size_t i = 0; i < n; i++) {
                uint64_t bit = UINT64_C(1) << i;

                *reterr_rule = i;
                if (list[i].kind == URI_RULE_EXACT)
                        r = add_path(g, &list[i], bit, reterr_rule, reterr_message);
                else if (list[i].kind == URI_RULE_REGEX)
                        r = add_regex(g, &list[i], bit, reterr_message);
                else
                        rules->all |= bit;
                if (r < 0)
                        return r;
        }

        return add_paths(g, reterr_rule, reterr_message);
}

int uri_match_new(
                const UriRule *rules,
                size_t n,
                UriMatch **ret_match,
                size_t *reterr_rule,
                char **reterr_message) {
        _cleanup_(uri_match_freep) UriMatch *m = NULL;
        _cleanup_(groups_done) Groups groups = { .budget = { DFA_STEPS_MAX } };
        size_t rule;
        int r;

        assert(rules);
        assert(n >= 1 && n <= CPROF_HTTP_RULES_MAX);
        assert(ret_match);

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;

        m->rules.n_rules = (unsigned) n;
        r = groups_build(&groups, &m->rules, rules, n, &rule, reterr_message);
        if (r < 0) {
                if (reterr_rule)
                        *reterr_rule = rule;
                return r;
        }

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
