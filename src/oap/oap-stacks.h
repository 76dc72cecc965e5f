/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/intern.h"
#include "symbol/symbolizer.h"
#include "task/profile.h"

/* The stacks of one flush as a tree of symbols, from the outermost function on: equal ones are one, and a
 * rare one can be told as what it shares with others. Private to oap-profile.c. */

#define OAP_STACKS_NODES_MAX 131072U /* beyond, stacks end at the last node that they share */
#define OAP_SYMBOL_BYTES_MAX 512U    /* longer ones are cut */
#define OAP_STACKS_OTHERS "(others)" /* what is left of a stack that shares nothing */

typedef struct OapStackNode {
        uint64_t hash;   /* of the symbols from the root on */
        uint32_t parent; /* who called it; smaller than its own number */
        uint32_t symbol;
        uint32_t n_bytes; /* that it takes to tell */
        bool is_kernel;
        bool is_told;         /* so that it is no new one */
        uint64_t count, nsec; /* of what ends here */
} OapStackNode;

typedef struct OapStacks {
        const Symbols *symbols; /* borrowed */
        const Intern *told;     /* ditto: hashes of nodes */
        uint64_t seed;
        bool last;     /* frames without a name have none: nothing is waited for */
        Intern frames; /* what each one is called */
        Intern texts;  /* each symbol once */
        Intern nodes;  /* OapStackNode; 0 is the root */
        uint64_t count, nsec;
        uint64_t n_cut; /* of count: told as less than the stack that it was */
} OapStacks;

/* @seed: the same for all flushes of a run, @told has hashes by it. */
int oap_stacks_init(OapStacks *t, const Symbols *symbols, const Intern *told, uint64_t seed, bool last);
void oap_stacks_done(OapStacks *t);

/* 1: counted; 0: a frame has no name yet; -ENOMEM. */
int oap_stacks_add(OapStacks *t, const ProfileStack *s, uint64_t count, uint64_t nsec);

/* Moves what is rare to who called it, until at most @n_new_max nodes (and the root) that were not told have
 * anything, and all that have do not take more than @n_bytes_max to tell if that is possible. The root
 * stands for OAP_STACKS_OTHERS. */
int oap_stacks_cut(OapStacks *t, size_t n_new_max, uint64_t n_bytes_max);

static inline OapStackNode *oap_stacks_node(const OapStacks *t, uint32_t number) {
        return intern_item(&t->nodes, number);
}

/* The symbols of a node, innermost first, the kernel's before the others. Returns how many there are. */
unsigned oap_stacks_symbols(
                const OapStacks *t,
                uint32_t number,
                const char *ret[static PROFILE_FRAMES_MAX],
                unsigned *ret_n_kernel);
