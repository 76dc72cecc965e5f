/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "policy/regex-chars.h"

#include <limits.h>

/* A regular expression as a tree. Nodes are numbers; children hang on their parent from the last to the
 * first, the order in which an automaton is made of them. */

#define REGEX_NONE (-1)
#define REGEX_UNBOUNDED UINT_MAX

typedef enum RegexKind {
        REGEX_CHARS,  /* one character of a set */
        REGEX_BYTE,   /* any byte */
        REGEX_ASSERT, /* no byte, but a place */
        REGEX_CONCAT,
        REGEX_ALTERNATE,
        REGEX_REPEAT,
} RegexKind;

typedef enum RegexPlace {
        REGEX_PLACE_BEGIN,
        REGEX_PLACE_END,
        REGEX_PLACE_WORD,     /* \b: between a word character (ASCII) and another */
        REGEX_PLACE_NOT_WORD, /* \B */
} RegexPlace;

typedef struct RegexNode {
        RegexKind kind;
        int last;        /* child */
        int previous;    /* sibling */
        unsigned column; /* where it begins; of REGEX_REPEAT: its operator */
        unsigned copies; /* of the most repeated thing in it, by {m,n} */
        union {
                struct {
                        unsigned first, n; /* in ranges; sorted, apart from each other */
                } chars;
                struct {
                        unsigned min, max; /* REGEX_UNBOUNDED */
                } repeat;
                RegexPlace place;
        };
} RegexNode;

typedef struct RegexTree {
        RegexNode *nodes;
        int n_nodes, n_nodes_allocated;
        CharSet ranges; /* of all nodes, one after another */
        int root;
} RegexTree;

RegexTree *regex_tree_free(RegexTree *t);
DEFINE_CLEANUP(RegexTree *, regex_tree_free)

/* Adds a node without relatives and returns its number, or -ENOMEM. */
int regex_tree_add(RegexTree *t, RegexKind kind, unsigned column);

/* The same for REGEX_CHARS; normalises @set. */
int regex_tree_add_chars(RegexTree *t, CharSet *set, unsigned column);

/* Puts @child behind the other children of @parent. */
void regex_tree_append(RegexTree *t, int parent, int child);
