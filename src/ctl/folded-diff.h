/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/folded.h"

/* Two trees of frames laid over each other: each frame of either, with its counts in both. */
typedef struct FoldedDiff FoldedDiff;

enum {
        FOLDED_BEFORE,
        FOLDED_AFTER,
        _FOLDED_SIDES,
};

/* As FoldedNode: preorder, children sorted by name. */
typedef struct FoldedDiffNode {
        uint32_t name; /* for folded_diff_name() */
        uint32_t depth;
        uint64_t self[_FOLDED_SIDES], total[_FOLDED_SIDES];
} FoldedDiffNode;

/* Names stay in @before and @after, which are borrowed and outlive it. -EFBIG for more than FOLDED_NODES_MAX
 * frames in all, -ENOMEM. */
int folded_diff_new(const Folded *before, const Folded *after, FoldedDiff **ret_diff);
FoldedDiff *folded_diff_free(FoldedDiff *d);
DEFINE_CLEANUP(FoldedDiff *, folded_diff_free)

uint64_t folded_diff_total(const FoldedDiff *d, int side);
const FoldedDiffNode *folded_diff_nodes(const FoldedDiff *d, size_t *ret_n);
size_t folded_diff_n_names(const FoldedDiff *d);
const char *folded_diff_name(const FoldedDiff *d, uint32_t name);

/* A function with its samples on both sides. */
typedef struct FoldedChange {
        const char *name;
        uint64_t self[_FOLDED_SIDES], total[_FOLDED_SIDES];
        double self_change, total_change; /* of the share of all samples, -1…1 */
} FoldedChange;

/* The at most @max functions whose share changed most: by the change of self, then of total, then by name;
 * those that did not change are left out. *@ret_rows is freed by free(). */
int folded_diff_top(const FoldedDiff *d, size_t max, FoldedChange **ret_rows, size_t *ret_n);
