/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/regex-nfa.h"

#include "policy/regex-utf8.h"

#define ASCII_LAST 0x7fU

typedef struct Generator {
        const RegexTree *tree;
        Nfa *nfa;
        int *sets; /* node of the tree -> number of its set of ASCII, or REGEX_NONE */
        unsigned column;
        unsigned repeats; /* around what is made now */
} Generator;

/* Makes tree node @node in front of @next; returns where to begin. */
static int generate(Generator *g, int node, int next);

Nfa *nfa_free(Nfa *n) {
        if (!n)
                return NULL;

        free(n->nodes);
        free(n->sets);
        free(n);
        return NULL;
}

int nfa_add(Nfa *n, NfaNode node) {
        if (n->n_nodes >= NFA_NODES_MAX)
                return -E2BIG;

        if (n->n_nodes == n->n_allocated) {
                int allocated = n->n_allocated > 0 ? n->n_allocated * 2 : 128;
                NfaNode *grown = reallocarray(n->nodes, (size_t) allocated, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                n->nodes = grown;
                n->n_allocated = allocated;
        }

        n->nodes[n->n_nodes] = node;
        return n->n_nodes++;
}

int nfa_add_range(Nfa *n, uint8_t first, uint8_t last, int next) {
        n->boundaries[first] = n->boundaries[last + 1] = true;
        return nfa_add(n, (NfaNode){ .kind = NFA_RANGE, .first = first, .last = last, .next = next });
}

static int add_split(Generator *g, int next, int other) {
        return nfa_add(g->nfa, (NfaNode){ .kind = NFA_SPLIT, .next = next, .other = other });
}

/* The set is made once, however often the node is repeated. */
static int add_set(Generator *g, int node, const CharRange *ranges, size_t n, int next) {
        Nfa *nfa = g->nfa;

        if (g->sets[node] == REGEX_NONE) {
                NfaSet *set = &nfa->sets[nfa->n_sets];

                for (size_t i = 0; i < n; i++)
                        for (uint32_t c = ranges[i].first; c <= MIN_OF(ranges[i].last, ASCII_LAST); c++)
                                set->bits[c >> 6] |= UINT64_C(1) << (c & 63);
                g->sets[node] = nfa->n_sets++;
        }

        return nfa_add(nfa, (NfaNode){ .kind = NFA_SET, .set = g->sets[node], .next = next });
}

/* The node that reads the characters of @ranges that are ASCII, *ret_n of them; REGEX_NONE if none is. */
static int generate_ascii(Generator *g, int node, const CharRange *ranges, size_t *ret_n, int next) {
        size_t n = 0;

        while (n < g->tree->nodes[node].chars.n && ranges[n].first <= ASCII_LAST)
                n++;

        *ret_n = n;
        if (n == 0)
                return REGEX_NONE;
        if (n > 1)
                return add_set(g, node, ranges, n, next);

        return nfa_add_range(
                        g->nfa,
                        (uint8_t) ranges[0].first,
                        (uint8_t) MIN_OF(ranges[0].last, ASCII_LAST),
                        next);
}

static int generate_chars(Generator *g, int node, int next) {
        const RegexNode *n = &g->tree->nodes[node];
        const CharRange *ranges;
        size_t ascii;
        int start;

        if (n->chars.n == 0) /* a range that no byte is in */
                return nfa_add(g->nfa, (NfaNode){ .kind = NFA_RANGE, .first = 1, .last = 0, .next = next });

        ranges = g->tree->ranges.ranges + n->chars.first;
        start = generate_ascii(g, node, ranges, &ascii, next);
        if (ascii > 0 && start < 0)
                return start;

        if (ascii > 0 && ranges[ascii - 1].last > ASCII_LAST) {
                const CharRange rest = { ASCII_LAST + 1, ranges[ascii - 1].last };

                start = nfa_add_utf8(g->nfa, &rest, 1, start, next);
                if (start < 0)
                        return start;
        }

        return nfa_add_utf8(g->nfa, ranges + ascii, n->chars.n - ascii, start, next);
}

/* @times of what @node repeats, one after another; @optional: each of them may be the last. */
static int generate_copies(Generator *g, int node, unsigned times, bool optional, int next) {
        int end = next;

        for (unsigned i = 0; i < times && next >= 0; i++) {
                next = generate(g, g->tree->nodes[node].last, next);
                if (optional && next >= 0)
                        next = add_split(g, next, end);
        }

        return next;
}

static int generate_repeat(Generator *g, int node, int next) {
        unsigned min = g->tree->nodes[node].repeat.min, max = g->tree->nodes[node].repeat.max;
        int loop, body;

        if (max != REGEX_UNBOUNDED) {
                next = generate_copies(g, node, max - min, /* optional= */ true, next);
                return next < 0 ? next : generate_copies(g, node, min, /* optional= */ false, next);
        }

        loop = add_split(g, REGEX_NONE, next);
        if (loop < 0)
                return loop;
        body = generate(g, g->tree->nodes[node].last, loop);
        if (body < 0)
                return body;
        g->nfa->nodes[loop].next = body;

        return min == 0 ? loop : generate_copies(g, node, min - 1, /* optional= */ false, body);
}

static int generate_children(Generator *g, int node, int next) {
        bool alternate = g->tree->nodes[node].kind == REGEX_ALTERNATE;
        int start = REGEX_NONE;

        for (int c = g->tree->nodes[node].last; c != REGEX_NONE; c = g->tree->nodes[c].previous) {
                int child = generate(g, c, next);

                if (child < 0)
                        return child;
                if (!alternate)
                        next = child;
                else if (start == REGEX_NONE)
                        start = child;
                else {
                        start = add_split(g, child, start);
                        if (start < 0)
                                return start;
                }
        }

        return alternate ? start : next;
}

static int generate_assert(Generator *g, int node, int next) {
        RegexPlace place = g->tree->nodes[node].place;

        if (place == REGEX_PLACE_WORD || place == REGEX_PLACE_NOT_WORD)
                g->nfa->has_words = true;

        return nfa_add(g->nfa, (NfaNode){ .kind = NFA_ASSERT, .place = (uint8_t) place, .next = next });
}

static int generate(Generator *g, int node, int next) {
        int r;

        switch (g->tree->nodes[node].kind) {
        case REGEX_CHARS:
                return generate_chars(g, node, next);
        case REGEX_BYTE:
                return nfa_add_range(g->nfa, 0x00, 0xff, next);
        case REGEX_ASSERT:
                return generate_assert(g, node, next);
        case REGEX_CONCAT:
        case REGEX_ALTERNATE:
                return generate_children(g, node, next);
        case REGEX_REPEAT:
                if (g->repeats == 0)
                        g->column = g->tree->nodes[node].column;
                g->repeats++;
                r = generate_repeat(g, node, next);
                g->repeats--;
                return r;
        }

        assert(false);
        return -EINVAL;
}

/* Any bytes, then the expression. */
static int generate_search(Generator *g) {
        int accept, start, loop, any;

        accept = nfa_add(g->nfa, (NfaNode){ .kind = NFA_ACCEPT });
        if (accept < 0)
                return accept;
        start = generate(g, g->tree->root, accept);
        if (start < 0)
                return start;

        loop = add_split(g, REGEX_NONE, start);
        if (loop < 0)
                return loop;
        any = nfa_add_range(g->nfa, 0x00, 0xff, loop);
        if (any < 0)
                return any;

        g->nfa->nodes[loop].next = any;
        return loop;
}

int nfa_new(const RegexTree *t, Nfa **ret_nfa, unsigned *reterr_column) {
        _cleanup_(nfa_freep) Nfa *nfa = calloc(1, sizeof(*nfa));
        _cleanup_(freep) int *sets = calloc((size_t) t->n_nodes, sizeof(*sets));
        Generator g = { .tree = t, .nfa = nfa, .sets = sets, .column = 1 };

        if (!nfa || !sets)
                return -ENOMEM;
        nfa->sets = calloc((size_t) t->n_nodes, sizeof(nfa->sets[0]));
        if (!nfa->sets)
                return -ENOMEM;
        for (int i = 0; i < t->n_nodes; i++)
                sets[i] = REGEX_NONE;

        nfa->start = generate_search(&g);
        if (nfa->start < 0) {
                if (nfa->start == -E2BIG && reterr_column)
                        *reterr_column = g.column;
                return nfa->start;
        }

        *ret_nfa = TAKE_PTR(nfa);
        return 0;
}
