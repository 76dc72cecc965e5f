/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/dfa-minimise.h"

#include "basic/hash.h"

#include <string.h>

#define NONE UINT32_MAX

/* Blocks of states that are not known to differ: each a part of @states, its marked states first (Hopcroft
 * 1971, with the structure of Valmari and Lehtinen 2008). */
typedef struct Block {
        uint32_t first, n, n_marked;
        bool waiting; /* to be split by */
} Block;

typedef struct Partition {
        const Dfa *dfa;
        DfaBudget *budget;
        Block *blocks;
        uint32_t n_blocks;
        uint32_t *states, *places; /* places[states[i]] == i */
        uint32_t *block_of;
        uint32_t *sources,
                        *source_first; /* [state * n_classes + class]: states that lead here, to the next */
        uint32_t *waiting, n_waiting;  /* stack of blocks */
        uint32_t *touched, n_touched;  /* blocks with marked states */
        uint32_t *splitter;            /* states of the block that others are split by */
} Partition;

static void partition_done(Partition *p) {
        free(p->blocks);
        free(p->states);
        free(p->places);
        free(p->block_of);
        free(p->sources);
        free(p->source_first);
        free(p->waiting);
        free(p->touched);
        free(p->splitter);
}

static int partition_init(Partition *p, const Dfa *d, DfaBudget *budget) {
        size_t n = d->n_states, transitions = n * d->n_classes;

        *p = (Partition){
                .dfa = d,
                .budget = budget,
                .blocks = calloc(n, sizeof(p->blocks[0])),
                .states = calloc(n, sizeof(uint32_t)),
                .places = calloc(n, sizeof(uint32_t)),
                .block_of = calloc(n, sizeof(uint32_t)),
                .sources = calloc(transitions, sizeof(uint32_t)),
                .source_first = calloc(transitions + 1, sizeof(uint32_t)),
                .waiting = calloc(n, sizeof(uint32_t)),
                .touched = calloc(n, sizeof(uint32_t)),
                .splitter = calloc(n, sizeof(uint32_t)),
        };

        return p->blocks && p->states && p->places && p->block_of && p->sources && p->source_first &&
                                        p->waiting && p->touched && p->splitter
                        ? 0
                        : -ENOMEM;
}

/* The transitions backwards: a counting sort. */
static void index_sources(Partition *p) {
        const Dfa *d = p->dfa;
        size_t n = (size_t) d->n_states * d->n_classes;

        for (uint32_t s = 0; s < d->n_states; s++)
                for (uint32_t c = 1; c < d->n_classes; c++)
                        p->source_first[d->next[s * d->n_classes + c] * d->n_classes + c + 1]++;
        for (size_t i = 0; i < n; i++)
                p->source_first[i + 1] += p->source_first[i];

        /* from the back, so that the ends become the beginnings again */
        for (uint32_t s = 0; s < d->n_states; s++)
                for (uint32_t c = 1; c < d->n_classes; c++) {
                        size_t target = (size_t) d->next[s * d->n_classes + c] * d->n_classes + c;

                        p->sources[--p->source_first[target + 1]] = s;
                }
        memmove(p->source_first, p->source_first + 1, n * sizeof(p->source_first[0]));
        p->source_first[n] = (uint32_t) (d->n_states * (d->n_classes - 1));
}

static void wait_for(Partition *p, uint32_t block) {
        p->blocks[block].waiting = true;
        p->waiting[p->n_waiting++] = block;
}

static void split_by_accepts(Partition *p) {
        const Dfa *d = p->dfa;
        uint32_t n = 0;

        for (uint32_t s = 0; s < d->n_states; s++)
                p->block_of[s] = NONE;

        for (uint32_t first = 0; first < d->n_states; first++) {
                Block *b = &p->blocks[p->n_blocks];

                if (p->block_of[first] != NONE)
                        continue;

                b->first = n;
                for (uint32_t s = first; s < d->n_states; s++) {
                        if (d->accepts[s] != d->accepts[first])
                                continue;
                        p->places[s] = n;
                        p->states[n++] = s;
                        p->block_of[s] = p->n_blocks;
                }
                b->n = n - b->first;
                wait_for(p, p->n_blocks++);
        }
}

static void mark(Partition *p, uint32_t state) {
        Block *b = &p->blocks[p->block_of[state]];
        uint32_t to = b->first + b->n_marked, from = p->places[state], other = p->states[to];

        if (from < to)
                return; /* marked before */

        p->states[to] = state;
        p->places[state] = to;
        p->states[from] = other;
        p->places[other] = from;
        if (b->n_marked++ == 0)
                p->touched[p->n_touched++] = p->block_of[state];
}

/* Makes the marked states of @block a block of their own, if there are others. */
static void split(Partition *p, uint32_t block) {
        Block *b = &p->blocks[block], *made = &p->blocks[p->n_blocks];
        uint32_t n = b->n_marked;

        b->n_marked = 0;
        if (n == b->n)
                return;

        *made = (Block){ .first = b->first, .n = n };
        b->first += n;
        b->n -= n;
        for (uint32_t i = 0; i < n; i++)
                p->block_of[p->states[made->first + i]] = p->n_blocks;

        wait_for(p, b->waiting || made->n <= b->n ? p->n_blocks : block);
        p->n_blocks++;
}

/* Splits all blocks by whether a class leads from their states to @block. */
static int split_by(Partition *p, uint32_t block) {
        uint32_t n = p->blocks[block].n, n_classes = p->dfa->n_classes;

        /* @block itself may be split on the way */
        memcpy(p->splitter, p->states + p->blocks[block].first, n * sizeof(p->splitter[0]));

        for (uint32_t c = 1; c < n_classes; c++) {
                uint64_t steps = n;

                for (uint32_t i = 0; i < n; i++) {
                        size_t target = (size_t) p->splitter[i] * n_classes + c;

                        steps += p->source_first[target + 1] - p->source_first[target];
                        for (uint32_t j = p->source_first[target]; j < p->source_first[target + 1]; j++)
                                mark(p, p->sources[j]);
                }
                while (p->n_touched > 0)
                        split(p, p->touched[--p->n_touched]);

                if (!dfa_spend(p->budget, steps))
                        return -E2BIG;
        }

        return 0;
}

/* Numbers the blocks that can be reached, the first one 0. Returns how many. */
static uint32_t number_blocks(const Partition *p, uint32_t *numbers, uint32_t *order) {
        const Dfa *d = p->dfa;
        uint32_t n = 0;

        for (uint32_t b = 0; b < p->n_blocks; b++)
                numbers[b] = NONE;

        order[n] = p->block_of[d->start];
        numbers[order[0]] = n++;
        for (uint32_t i = 0; i < n; i++) {
                uint32_t s = p->states[p->blocks[order[i]].first];

                for (uint32_t c = 1; c < d->n_classes; c++) {
                        uint32_t b = p->block_of[d->next[s * d->n_classes + c]];

                        if (numbers[b] != NONE)
                                continue;
                        order[n] = b;
                        numbers[b] = n++;
                }
        }

        return n;
}

/* The automaton whose states are the blocks. */
static int partition_to_dfa(const Partition *p, Dfa **ret_dfa) {
        _cleanup_(freep) uint32_t *numbers = calloc(p->n_blocks, sizeof(*numbers));
        _cleanup_(freep) uint32_t *order = calloc(p->n_blocks, sizeof(*order));
        _cleanup_(dfa_freep) Dfa *made = NULL;
        const Dfa *d = p->dfa;
        int r;

        if (!numbers || !order)
                return -ENOMEM;
        r = dfa_new(number_blocks(p, numbers, order), d->n_classes, &made);
        if (r < 0)
                return r;

        memcpy(made->classes, d->classes, sizeof(made->classes));
        for (uint32_t i = 0; i < made->n_states; i++) {
                uint32_t s = p->states[p->blocks[order[i]].first];

                made->accepts[i] = d->accepts[s];
                for (uint32_t c = 1; c < d->n_classes; c++)
                        made->next[i * d->n_classes + c] =
                                        numbers[p->block_of[d->next[s * d->n_classes + c]]];
        }

        *ret_dfa = TAKE_PTR(made);
        return 0;
}

static void hash_columns(const Dfa *d, uint64_t hashes[static 256]) {
        for (uint32_t s = 0; s < d->n_states; s++)
                for (uint32_t c = 1; c < d->n_classes; c++)
                        hashes[c] = hash_u64(hashes[c], d->next[s * d->n_classes + c]);
}

static bool columns_are_equal(const Dfa *d, uint32_t a, uint32_t b) {
        for (uint32_t s = 0; s < d->n_states; s++)
                if (d->next[s * d->n_classes + a] != d->next[s * d->n_classes + b])
                        return false;

        return true;
}

/* Joins classes that lead to the same state from each. */
static void join_classes(Dfa *d) {
        uint64_t hashes[256] = {};
        uint8_t joined[256] = {};
        uint32_t kept[256], n = 1;

        hash_columns(d, hashes);
        for (uint32_t c = 1; c < d->n_classes; c++) {
                uint32_t k;

                for (k = 1; k < n; k++)
                        if (hashes[kept[k]] == hashes[c] && columns_are_equal(d, kept[k], c))
                                break;
                if (k == n)
                        kept[n++] = c;
                joined[c] = (uint8_t) k;
        }

        for (unsigned b = 0; b < 256; b++)
                d->classes[b] = joined[d->classes[b]];
        for (uint32_t s = 0; s < d->n_states; s++)
                for (uint32_t k = 1; k < n; k++) /* never behind what is still to be read */
                        d->next[s * n + k] = d->next[s * d->n_classes + kept[k]];
        d->n_classes = n;
}

static int minimise(Partition *p, Dfa **d) {
        Dfa *made;
        int r;

        if (!dfa_spend(p->budget, (uint64_t) p->dfa->n_states * p->dfa->n_classes))
                return -E2BIG;

        index_sources(p);
        split_by_accepts(p);
        while (p->n_waiting > 0) {
                uint32_t block = p->waiting[--p->n_waiting];

                p->blocks[block].waiting = false;
                r = split_by(p, block);
                if (r < 0)
                        return r;
        }

        r = partition_to_dfa(p, &made);
        if (r < 0)
                return r;
        join_classes(made);

        dfa_free(*d);
        *d = made;
        return 0;
}

int dfa_minimise(Dfa **d, DfaBudget *budget) {
        Partition p;
        int r;

        r = partition_init(&p, *d, budget);
        if (r >= 0)
                r = minimise(&p, d);

        partition_done(&p);
        return r;
}
