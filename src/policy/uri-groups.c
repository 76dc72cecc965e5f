/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/uri-groups.h"

#include "policy/dfa-product.h"
#include "policy/policy-message.h"
#include "policy/uri-rule-dfa.h"

#include <string.h>

#define PATHS_BYTES_MAX URI_PATTERN_MAX /* of exact paths that become one automaton at once */

/* What is to be put into groups: a regular expression, or some exact paths. */
typedef struct Item {
        Dfa *dfa;
        size_t first_path, n_paths; /* if there are several, they may be taken apart */
        size_t rule;                /* the last one */
} Item;

typedef struct Builder {
        UriGroups *groups;
        DfaBudget budget;
        Item items[CPROF_HTTP_RULES_MAX];
        size_t n_items;
        const char *paths[CPROF_HTTP_RULES_MAX];
        uint64_t paths_accepts[CPROF_HTTP_RULES_MAX];
        size_t n_paths, n_paths_taken, n_paths_bytes; /* bytes: of those that are not taken by an item */
        size_t rule;                                  /* being worked on */
        char *message;                                /* why it is refused */
        char **reasons;                               /* where it is left out, or NULL */
} Builder;

static void builder_done(Builder *b) {
        for (size_t i = 0; i < b->n_items; i++)
                dfa_free(b->items[i].dfa);
        free(b->message);
}

void uri_groups_done(UriGroups *g) {
        for (unsigned i = 0; i < g->n; i++)
                dfa_free(g->dfas[i]);
}

/* The rule does not fit. */
static int refuse(Builder *b) {
        return policy_refuse(
                        -E2BIG,
                        &b->message,
                        "does not fit beside the other rules of the process: they need more than %u "
                        "automata of %u states",
                        CPROF_HTTP_GROUPS_MAX,
                        URI_STATES_MAX);
}

/* Whether to go on after the rule gave @r, an error: without it if it was refused. */
static int leave_out(Builder *b, int r) {
        if (!b->reasons || (r != -EINVAL && r != -E2BIG))
                return r;

        free(b->reasons[b->rule]);
        b->reasons[b->rule] = TAKE_PTR(b->message);
        return 0;
}

static int paths_dfa(Builder *b, size_t first, size_t n, Dfa **ret_dfa) {
        return uri_paths_dfa(b->paths + first, b->paths_accepts + first, n, &b->budget, ret_dfa);
}

/* The paths that wait become an item; or one each, if they are too many for an automaton. */
static int take_paths(Builder *b) {
        size_t first = b->n_paths_taken, n = b->n_paths - first;
        Item *item = &b->items[b->n_items];
        int r;

        b->n_paths_taken = b->n_paths;
        b->n_paths_bytes = 0;
        if (n == 0)
                return 0;

        item->first_path = first;
        item->n_paths = n;
        item->rule = (size_t) __builtin_ctzll(b->paths_accepts[b->n_paths - 1]);
        r = paths_dfa(b, first, n, &item->dfa);
        if (r >= 0)
                b->n_items++;
        if (r != -E2BIG)
                return r;

        for (size_t i = first; i < first + n; i++) {
                item = &b->items[b->n_items];
                b->rule = item->rule = (size_t) __builtin_ctzll(b->paths_accepts[i]);
                item->n_paths = 0;
                r = paths_dfa(b, i, 1, &item->dfa);
                if (r >= 0)
                        b->n_items++;
                else
                        r = leave_out(b, r == -E2BIG ? refuse(b) : r);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int add_path(Builder *b, const UriRule *rule, uint64_t bit) {
        size_t length, number = b->rule;
        int r;

        r = uri_path_check(rule, &b->message);
        if (r < 0)
                return r;

        length = strlen(rule->text);
        if (b->n_paths_bytes + length > PATHS_BYTES_MAX) {
                r = take_paths(b);
                if (r < 0)
                        return r;
                b->rule = number;
        }

        b->paths[b->n_paths] = rule->text;
        b->paths_accepts[b->n_paths++] = bit;
        b->n_paths_bytes += length;
        return 0;
}

static int add_regex(Builder *b, const UriRule *rule, uint64_t bit) {
        Item *item = &b->items[b->n_items];
        int r;

        item->rule = b->rule;
        r = uri_rule_dfa(rule, bit, &b->budget, &item->dfa, &b->message);
        if (r < 0)
                return r;

        b->n_items++;
        return 0;
}

static int add_rule(Builder *b, const UriRule *rule) {
        uint64_t bit = UINT64_C(1) << b->rule;

        switch (rule->kind) {
        case URI_RULE_ALL:
                b->groups->all |= bit;
                return 0;
        case URI_RULE_EXACT:
                return add_path(b, rule, bit);
        case URI_RULE_REGEX:
                return add_regex(b, rule, bit);
        }

        assert(false);
        return -EINVAL;
}

static int make_items_of_kind(Builder *b, UriRuleKind kind, const UriRule *rules, size_t n) {
        for (size_t i = 0; i < n; i++) {
                int r;

                if (rules[i].kind != kind)
                        continue;

                b->rule = i;
                r = add_rule(b, &rules[i]);
                if (r < 0)
                        r = leave_out(b, r);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Paths first: they need little, and expressions that need much must not be in their way. */
static int make_items(Builder *b, const UriRule *rules, size_t n) {
        int r;

        r = make_items_of_kind(b, URI_RULE_ALL, rules, n);
        if (r >= 0)
                r = make_items_of_kind(b, URI_RULE_EXACT, rules, n);
        if (r >= 0)
                r = take_paths(b);
        if (r >= 0)
                r = make_items_of_kind(b, URI_RULE_REGEX, rules, n);

        return r;
}

/* All of @n items, halves first: each state is made log(n) times, while one item after another would make it
 * up to n times. The items stay. */
static int multiply(const Item *items, size_t n, DfaBudget *budget, Dfa **ret_dfa) {
        Dfa *halves[2] = {};
        int r = 0;

        for (unsigned i = 0; i < 2 && r >= 0; i++) {
                size_t n_half = i == 0 ? n / 2 : n - n / 2;

                if (n_half > 1)
                        r = multiply(items + i * (n / 2), n_half, budget, &halves[i]);
        }
        if (r >= 0)
                r = dfa_product(halves[0] ? halves[0] : items[0].dfa,
                                halves[1] ? halves[1] : items[n / 2].dfa,
                                budget,
                                ret_dfa);

        dfa_free(halves[0]);
        dfa_free(halves[1]);
        return r;
}

/* The usual case: one automaton. -E2BIG: it would be too large. Trying takes a third of the budget at most.
 */
static int make_one(Builder *b) {
        DfaBudget budget = { b->budget.steps / 3 };
        uint64_t steps = budget.steps;
        UriGroups *g = b->groups;
        int r;

        if (b->n_items == 1) {
                g->dfas[g->n++] = TAKE_PTR(b->items[0].dfa);
                return 0;
        }

        r = multiply(b->items, b->n_items, &budget, &g->dfas[0]);
        if (r >= 0)
                g->n = 1;
        (void) dfa_spend(&b->budget, steps - budget.steps);
        return r;
}

/* Puts @dfa, which is taken in any case, into the first group that has room for it. -E2BIG: none has. */
static int add_to_groups(Builder *b, Dfa *dfa) {
        _cleanup_(dfa_freep) Dfa *owned = dfa;
        UriGroups *g = b->groups;

        for (unsigned i = 0; i < g->n; i++) {
                Dfa *both;
                int r;

                r = dfa_product(g->dfas[i], owned, &b->budget, &both);
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

static int add_apart(Builder *b, const Item *item) {
        for (size_t i = item->first_path; i < item->first_path + item->n_paths; i++) {
                Dfa *dfa;
                int r;

                b->rule = (size_t) __builtin_ctzll(b->paths_accepts[i]);
                r = paths_dfa(b, i, 1, &dfa);
                if (r >= 0)
                        r = add_to_groups(b, dfa);
                if (r < 0)
                        r = leave_out(b, r == -E2BIG ? refuse(b) : r);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int make_several(Builder *b) {
        for (size_t i = 0; i < b->n_items; i++) {
                Item *item = &b->items[i];
                int r;

                b->rule = item->rule;
                r = add_to_groups(b, TAKE_PTR(item->dfa));
                if (r == -E2BIG && item->n_paths > 1)
                        r = add_apart(b, item);
                else if (r < 0)
                        r = leave_out(b, r == -E2BIG ? refuse(b) : r);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int build(Builder *b, const UriRule *rules, size_t n) {
        int r;

        r = make_items(b, rules, n);
        if (r < 0 || b->n_items == 0)
                return r;

        r = make_one(b);
        return r == -E2BIG ? make_several(b) : r;
}

int uri_groups_init(
                UriGroups *g,
                const UriRule *rules,
                size_t n,
                char **reasons,
                size_t *reterr_rule,
                char **reterr_message) {
        _cleanup_(builder_done) Builder b = {
                .groups = g,
                .budget = { DFA_STEPS_MAX },
                .reasons = reasons,
        };
        int r;

        *g = (UriGroups){};

        r = build(&b, rules, n);
        if (r < 0) {
                if (reterr_rule)
                        *reterr_rule = b.rule;
                if (reterr_message)
                        *reterr_message = TAKE_PTR(b.message);
        }

        return r;
}
