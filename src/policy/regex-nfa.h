/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/regex-tree.h"

#include <stdint.h>

/* A regular expression as a nondeterministic automaton over bytes (Thompson 1968): characters are their
 * UTF-8. As in RE2, '.' and the like match whole characters, and a byte that is part of none is not matched.
 */

#define NFA_NODES_MAX 16384

typedef enum NfaKind {
        NFA_ACCEPT,
        NFA_SPLIT,  /* goes on at both */
        NFA_RANGE,  /* reads a byte of a range */
        NFA_SET,    /* reads a byte of a set of ASCII */
        NFA_ASSERT, /* goes on if the place is right */
} NfaKind;

typedef struct NfaNode {
        uint8_t kind;
        uint8_t first, last; /* NFA_RANGE */
        uint8_t place;       /* NFA_ASSERT */
        int set;             /* NFA_SET: number */
        int next, other;     /* nodes; other: of NFA_SPLIT only */
} NfaNode;

typedef struct NfaSet {
        uint64_t bits[2];
} NfaSet;

typedef struct Nfa {
        NfaNode *nodes;
        int n_nodes, n_allocated;
        NfaSet *sets;
        int n_sets;
        int start;
        bool boundaries[257]; /* a range starts with this byte, or ended before it */
        bool has_words;       /* \b or \B */
} Nfa;

Nfa *nfa_free(Nfa *n);
DEFINE_CLEANUP(Nfa *, nfa_free)

/* Makes what finds @t anywhere in a text. -E2BIG: it takes more than NFA_NODES_MAX nodes; *reterr_column is
 * that of the outermost repetition they are part of, or 1. */
int nfa_new(const RegexTree *t, Nfa **ret_nfa, unsigned *reterr_column);

/* Adds a node and returns its number, -E2BIG or -ENOMEM. */
int nfa_add(Nfa *n, NfaNode node);

/* The same for one that reads a byte of a range and goes on at @next. */
int nfa_add_range(Nfa *n, uint8_t first, uint8_t last, int next);

/* Whether a node reads @byte. */
static inline bool nfa_reads(const Nfa *n, const NfaNode *node, uint8_t byte) {
        if (node->kind == NFA_RANGE)
                return node->first <= byte && byte <= node->last;

        return node->kind == NFA_SET && byte < 0x80 &&
                        (n->sets[node->set].bits[byte >> 6] >> (byte & 63) & 1);
}
