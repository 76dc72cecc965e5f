/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stddef.h>
#include <stdint.h>

/* Grows a tree of frames stack by stack: each name is stored once, each (parent, name) is one node. Own
 * open-addressing tables, because at four million nodes the handles of uthash alone would take 230 MB. */

#define FOLDED_ROOT 0U /* the node above all threads */

typedef struct FoldedBuilderNode {
        uint32_t name, parent;
        uint64_t self;
} FoldedBuilderNode;

typedef struct FoldedBuilderName {
        uint32_t offset, length; /* in the pool, where a NUL follows */
} FoldedBuilderName;

/* Slots hold 32 bits of the hash, so that growing needs no look at the elements and most mismatches neither.
 */
typedef struct FoldedIndex {
        struct FoldedSlot {
                uint32_t hash;
                uint32_t number; /* of the element, from 1; 0 = free */
        } * slots;
        size_t n_slots; /* 0 or a power of two */
} FoldedIndex;

/* Zero-initialise, then folded_builder_init(). */
typedef struct FoldedBuilder {
        char *pool;
        size_t pool_length, pool_allocated;

        FoldedBuilderName *names;
        size_t n_names, names_allocated;
        FoldedIndex name_index;

        FoldedBuilderNode *nodes; /* [FOLDED_ROOT] has no name */
        size_t n_nodes, nodes_allocated;
        FoldedIndex node_index;

        uint64_t seed; /* names come from the programs profiled: they must not be able to aim at one slot */
} FoldedBuilder;

int folded_builder_init(FoldedBuilder *b);
void folded_builder_done(FoldedBuilder *b);

/* Adds @count samples of the stack "outermost;…;innermost", @length bytes at @stack without NUL among them.
 * Returns -EFBIG when that would be more than FOLDED_NODES_MAX nodes, -ENOMEM. */
int folded_builder_add(FoldedBuilder *b, const char *stack, size_t length, uint64_t count);
