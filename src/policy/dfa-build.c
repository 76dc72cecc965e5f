/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/dfa-build.h"

#include "basic/hash.h"

#include <string.h>

#define ELEMENTS_MAX (1U << 20)        /* of all sets together: 2 MiB */
#define SLOTS (4 * DFA_RAW_STATES_MAX) /* of the hash table */
#define MATCHED 0U                     /* state: the rest does not matter */
_Static_assert(NFA_NODES_MAX <= UINT16_MAX, "elements are 16 bit");

/* What is known of a place when nodes that ask for it are followed. */
enum {
        AT_BEGIN = 1 << REGEX_PLACE_BEGIN,
        AT_END = 1 << REGEX_PLACE_END,
        AT_WORD = 1 << REGEX_PLACE_WORD,
        AT_NOT_WORD = 1 << REGEX_PLACE_NOT_WORD,
        AT_LATER = 1 << 4, /* all but the begin depends on what follows: nodes that ask for it are kept */
};

enum {
        STATE_BEGIN = 1 << 0,      /* the path begins here */
        STATE_AFTER_WORD = 1 << 1, /* the byte before is of a word */
        STATE_ASKS = 1 << 2, /* there are nodes that ask for a place; without them the other two are 0 */
};

/* A set of nodes the automaton may be at. */
typedef struct State {
        uint32_t first; /* in elements */
        uint16_t n;
        uint8_t flags;
} State;

typedef struct Builder {
        const Nfa *nfa;
        DfaBudget *budget;
        uint64_t accept;
        Dfa *dfa; /* has room for allocated states */
        uint32_t allocated;
        uint8_t samples[256];
        State states[DFA_RAW_STATES_MAX];
        uint32_t slots[SLOTS]; /* state + 1 */
        uint16_t *elements;    /* sorted in each set */
        size_t n_elements, n_elements_allocated;

        /* the set being made */
        uint32_t *visited; /* node -> generation */
        uint32_t generation;
        uint64_t *bits; /* nodes that read or ask */
        size_t n_words;
        bool matched, asks;
        int *stack;

        uint16_t *resolved; /* nodes of a set that read, once the place is known */
} Builder;

static void builder_done(Builder *b) {
        dfa_free(b->dfa);
        free(b->elements);
        free(b->visited);
        free(b->bits);
        free(b->stack);
        free(b->resolved);
        free(b);
}

static void builder_freep(Builder **b) {
        if (*b)
                builder_done(*b);
}

static bool is_word(uint8_t byte) {
        return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= 'a' && byte <= 'z') || byte == '_';
}

/* Adds @node and all that follows without reading, at a place of which @at is known. */
static bool follow(Builder *b, int node, unsigned at) {
        size_t n = 0, steps = 0;

        b->stack[n++] = node;
        while (n > 0) {
                const NfaNode *x;

                node = b->stack[--n];
                steps++;
                if (b->visited[node] == b->generation)
                        continue;
                b->visited[node] = b->generation;

                x = &b->nfa->nodes[node];
                if (x->kind == NFA_ACCEPT)
                        b->matched = true;
                else if (x->kind == NFA_SPLIT) {
                        b->stack[n++] = x->other;
                        b->stack[n++] = x->next;
                } else if (x->kind == NFA_ASSERT && (at & (1U << x->place)))
                        b->stack[n++] = x->next;
                else if (x->kind != NFA_ASSERT || (at & AT_LATER && x->place != REGEX_PLACE_BEGIN)) {
                        b->bits[node / 64] |= UINT64_C(1) << (node % 64);
                        b->asks |= x->kind == NFA_ASSERT;
                }
        }

        return dfa_spend(b->budget, steps);
}

static void begin_set(Builder *b) {
        b->generation++;
        b->matched = b->asks = false;
}

/* Moves the set into @elements, sorted, which has room. */
static size_t take_set(Builder *b, uint16_t *elements) {
        size_t n = 0;

        for (size_t w = 0; w < b->n_words; w++) {
                for (uint64_t rest = b->bits[w]; rest; rest &= rest - 1)
                        elements[n++] = (uint16_t) (w * 64 + (size_t) __builtin_ctzll(rest));
                b->bits[w] = 0;
        }

        return n;
}

static uint64_t hash_set(const uint16_t *elements, size_t n, unsigned flags) {
        uint64_t h = flags;

        for (size_t i = 0; i < n; i++)
                h = hash_u64(h, elements[i]);

        return h;
}

static int grow_states(Builder *b) {
        uint32_t n = b->allocated * 2;
        uint32_t *next;
        uint64_t *accepts;

        next = reallocarray(b->dfa->next, (size_t) n * b->dfa->n_classes, sizeof(*next));
        if (!next)
                return -ENOMEM;
        b->dfa->next = next;
        accepts = reallocarray(b->dfa->accepts, n, sizeof(*accepts));
        if (!accepts)
                return -ENOMEM;
        b->dfa->accepts = accepts;

        b->allocated = n;
        return 0;
}

static int add_state(Builder *b, size_t n, unsigned flags) {
        uint32_t s = b->dfa->n_states;
        int r;

        if (s >= DFA_RAW_STATES_MAX || (uint64_t) (s + 1) * b->dfa->n_classes > DFA_RAW_TRANSITIONS_MAX)
                return -E2BIG;
        if (s == b->allocated) {
                r = grow_states(b);
                if (r < 0)
                        return r;
        }

        b->states[s] = (State){
                .first = (uint32_t) b->n_elements,
                .n = (uint16_t) n,
                .flags = (uint8_t) flags,
        };
        b->n_elements += n;
        b->dfa->accepts[s] = 0;
        return (int) b->dfa->n_states++;
}

/* Room for one more set. */
static int reserve_elements(Builder *b) {
        size_t n = MAX_OF(b->n_elements_allocated * 2, b->n_elements + (size_t) b->nfa->n_nodes);
        uint16_t *grown;

        if (b->n_elements_allocated - b->n_elements >= (size_t) b->nfa->n_nodes)
                return 0;
        if (b->n_elements + (size_t) b->nfa->n_nodes > ELEMENTS_MAX)
                return -E2BIG;

        grown = reallocarray(b->elements, n, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        b->elements = grown;
        b->n_elements_allocated = n;
        return 0;
}

/* The state of the set made since begin_set(), a new one if there is none. */
static int end_set(Builder *b, unsigned flags) {
        uint16_t *elements;
        size_t n, slot;
        int r;

        r = reserve_elements(b);
        if (r < 0)
                return r;
        elements = b->elements + b->n_elements;
        n = take_set(b, elements);
        if (b->matched)
                return MATCHED;
        if (!dfa_spend(b->budget, b->n_words + n))
                return -E2BIG;

        flags = b->asks ? flags | STATE_ASKS : 0;
        slot = hash_set(elements, n, flags) % SLOTS;
        for (; b->slots[slot]; slot = (slot + 1) % SLOTS) {
                const State *s = &b->states[b->slots[slot] - 1];

                if (s->n == n && s->flags == flags &&
                    memcmp(b->elements + s->first, elements, n * sizeof(elements[0])) == 0)
                        return (int) (b->slots[slot] - 1);
        }

        r = add_state(b, n, flags);
        if (r >= 0)
                b->slots[slot] = (uint32_t) r + 1;
        return r;
}

/* The nodes of @s that read, after those that ask have been answered with @at; or that it matches. Returns
 * how many, at *ret_nodes. */
static int resolve(Builder *b, const State *s, unsigned at, const uint16_t **ret_nodes) {
        *ret_nodes = b->elements + s->first;
        b->matched = false;
        if (!(s->flags & STATE_ASKS))
                return s->n;

        begin_set(b);
        for (size_t i = 0; i < s->n; i++)
                if (!follow(b, b->elements[s->first + i], at))
                        return -E2BIG;

        *ret_nodes = b->resolved;
        return (int) take_set(b, b->resolved);
}

/* What is known of the place of @s if @next_is_word of the byte that follows. */
static unsigned place_of(const State *s, bool next_is_word) {
        bool after_word = s->flags & STATE_AFTER_WORD;

        return (s->flags & STATE_BEGIN ? AT_BEGIN : 0U) |
                        (after_word != next_is_word ? AT_WORD : AT_NOT_WORD);
}

static int step(Builder *b, uint32_t state, uint8_t byte) {
        const State s = b->states[state];
        const uint16_t *nodes;
        int n;

        n = resolve(b, &s, place_of(&s, is_word(byte)), &nodes);
        if (n < 0)
                return n;
        if (b->matched)
                return MATCHED;
        if (!dfa_spend(b->budget, (uint64_t) n))
                return -E2BIG;

        begin_set(b);
        for (int i = 0; i < n; i++) {
                const NfaNode *x = &b->nfa->nodes[nodes[i]];

                if (nfa_reads(b->nfa, x, byte) && !follow(b, x->next, AT_LATER))
                        return -E2BIG;
        }

        return end_set(b, is_word(byte) ? STATE_AFTER_WORD : 0);
}

static int finish_state(Builder *b, uint32_t state) {
        const State s = b->states[state];
        const uint16_t *nodes;
        int r;

        r = resolve(b, &s, place_of(&s, /* next_is_word= */ false) | AT_END, &nodes);
        if (r < 0)
                return r;
        if (b->matched)
                b->dfa->accepts[state] = b->accept;

        for (uint32_t c = 1; c < b->dfa->n_classes; c++) {
                r = step(b, state, b->samples[c]);
                if (r < 0)
                        return r;
                b->dfa->next[state * b->dfa->n_classes + c] = (uint32_t) r;
        }

        return 0;
}

static void classify(const Nfa *nfa, uint8_t classes[static 256], uint32_t *n_classes) {
        bool set[256];

        *n_classes = 2;
        for (unsigned i = 0; i < 256; i++)
                classes[i] = !dfa_byte_is_end((uint8_t) i);

        for (unsigned boundary = 1; boundary < 256; boundary++) {
                if (!nfa->boundaries[boundary])
                        continue;
                for (unsigned i = 0; i < 256; i++)
                        set[i] = i >= boundary;
                dfa_classes_refine(classes, n_classes, set);
        }
        for (int s = 0; s < nfa->n_sets; s++) {
                for (unsigned i = 0; i < 256; i++)
                        set[i] = i < 128 && (nfa->sets[s].bits[i / 64] >> (i % 64) & 1);
                dfa_classes_refine(classes, n_classes, set);
        }
        if (nfa->has_words) {
                for (unsigned i = 0; i < 256; i++)
                        set[i] = is_word((uint8_t) i);
                dfa_classes_refine(classes, n_classes, set);
        }
}

static int builder_new(const Nfa *nfa, uint64_t accept, DfaBudget *budget, Builder **ret_builder) {
        _cleanup_(builder_freep) Builder *b = calloc(1, sizeof(*b));
        size_t n = (size_t) nfa->n_nodes;
        uint8_t classes[256];
        uint32_t n_classes;
        int r;

        if (!b)
                return -ENOMEM;

        b->nfa = nfa;
        b->budget = budget;
        b->accept = accept;
        b->n_words = (n + 63) / 64;
        b->visited = calloc(n, sizeof(b->visited[0]));
        b->bits = calloc(b->n_words, sizeof(b->bits[0]));
        b->stack = calloc(2 * n + 2, sizeof(b->stack[0]));
        b->resolved = calloc(n, sizeof(b->resolved[0]));
        if (!b->visited || !b->bits || !b->stack || !b->resolved)
                return -ENOMEM;

        classify(nfa, classes, &n_classes);
        b->allocated = 16;
        r = dfa_new(b->allocated, n_classes, &b->dfa);
        if (r < 0)
                return r;
        b->dfa->n_states = 0;
        memcpy(b->dfa->classes, classes, sizeof(classes));
        dfa_class_samples(classes, b->samples);

        *ret_builder = TAKE_PTR(b);
        return 0;
}

static int build_states(Builder *b) {
        int r;

        r = add_state(b, 0, 0);
        if (r < 0)
                return r;
        b->dfa->accepts[MATCHED] = b->accept;
        for (uint32_t c = 1; c < b->dfa->n_classes; c++)
                b->dfa->next[c] = MATCHED;

        begin_set(b);
        if (!follow(b, b->nfa->start, AT_BEGIN | AT_LATER))
                return -E2BIG;
        r = end_set(b, STATE_BEGIN);
        if (r < 0)
                return r;
        b->dfa->start = (uint32_t) r;

        for (uint32_t s = MATCHED + 1; s < b->dfa->n_states; s++) {
                r = finish_state(b, s);
                if (r < 0)
                        return r;
        }

        return 0;
}

int dfa_build(const Nfa *nfa, uint64_t accept, DfaBudget *budget, Dfa **ret_dfa) {
        _cleanup_(builder_freep) Builder *b = NULL;
        int r;

        r = builder_new(nfa, accept, budget, &b);
        if (r < 0)
                return r;
        r = build_states(b);
        if (r < 0)
                return r;

        *ret_dfa = TAKE_PTR(b->dfa);
        return 0;
}
