/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stddef.h>
#include <stdint.h>

/* A tree of frames with counts, read from folded stacks: lines "thread;outermost;…;innermost COUNT". Names
 * are made clean UTF-8 without control characters; an empty name is a name (a thread may have none). The
 * tree depends on the stacks and their counts only, not on the order of the lines. */
typedef struct Folded Folded;

#define FOLDED_BYTES_MAX (UINT64_C(1024) * 1024 * 1024)
#define FOLDED_NODES_MAX (4U * 1024 * 1024)
#define FOLDED_TOTAL_MAX ((UINT64_C(1) << 53) - 1) /* the largest sum that JSON readers keep exact */

/* One frame in preorder: its subtree is [own index, end), its children are sorted by name. */
typedef struct FoldedNode {
        uint32_t name;  /* for folded_name() */
        uint32_t depth; /* 0 = thread */
        uint32_t end;
        uint64_t self, total;
} FoldedNode;

/* Reads @fd, which may be a pipe, to its end. Empty lines are skipped, lines with count 0 add nothing.
 * Returns -EFBIG for more than the limits above, -EBADMSG for a bad line, whose number (from 1) *reterr_line
 * then is, -ENOMEM, or what read(2) says. *@reterr_line is 0 on all other failures; it may be NULL. */
int folded_read(int fd, Folded **ret_folded, unsigned *reterr_line);
Folded *folded_free(Folded *f);
DEFINE_CLEANUP(Folded *, folded_free)

uint64_t folded_total(const Folded *f);

/* All frames, threads included. Owned by @f; the names are numbered in their order, 0…folded_n_names() - 1.
 */
const FoldedNode *folded_nodes(const Folded *f, size_t *ret_n);
size_t folded_n_names(const Folded *f);
const char *folded_name(const Folded *f, uint32_t name);

/* A function with the samples it was innermost in and those it was in at all; names keep a suffix "_[k]". */
typedef struct FoldedTop {
        const char *name;
        uint64_t self, total;
} FoldedTop;

/* The at most @max hottest functions: by self, then total (largest first), then name. A function that is
 * twice on a stack counts once in total; threads are no functions. *@ret_rows is freed by free(), the names
 * are owned by @f. */
int folded_top(const Folded *f, size_t max, FoldedTop **ret_rows, size_t *ret_n);

/* Where threads waited: the innermost function of the program that has a name, the program's function that
 * called it, and how they waited, "sleep" or "disk". */
typedef struct FoldedWait {
        const char *function, *caller; /* caller: "" for none that has a name */
        char state[16];
        uint64_t total;
} FoldedWait;

/* The same for stacks whose innermost frame is the state, "[sleep]": the at most @max largest by total, then
 * by name. */
int folded_waits(const Folded *f, size_t max, FoldedWait **ret_rows, size_t *ret_n);
