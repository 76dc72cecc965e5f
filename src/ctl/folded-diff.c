/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/folded-diff.h"

#include <math.h>
#include <string.h>

#define CHANGE_MIN 1e-9 /* of a share: what is less comes from rounding */

struct FoldedDiff {
        FoldedDiffNode *nodes;
        size_t n_nodes;
        const char **names; /* sorted, borrowed */
        size_t n_names;
        uint64_t total[_FOLDED_SIDES];
};

FoldedDiff *folded_diff_free(FoldedDiff *d) {
        if (!d)
                return NULL;

        free(d->nodes);
        free(d->names);
        free(d);
        return NULL;
}

/* @maps get for each name of a side its number in the union. Both sides have their names in order. */
static void merge_names(FoldedDiff *d, const Folded *const *sides, uint32_t *const *maps) {
        size_t n[_FOLDED_SIDES] = { folded_n_names(sides[0]), folded_n_names(sides[1]) };
        size_t at[_FOLDED_SIDES] = {};

        while (at[0] < n[0] || at[1] < n[1]) {
                const char *x = at[0] < n[0] ? folded_name(sides[0], (uint32_t) at[0]) : NULL;
                const char *y = at[1] < n[1] ? folded_name(sides[1], (uint32_t) at[1]) : NULL;
                int c = !x ? 1 : !y ? -1 : strcmp(x, y);

                d->names[d->n_names] = c <= 0 ? x : y;
                if (c <= 0)
                        maps[0][at[0]++] = (uint32_t) d->n_names;
                if (c >= 0)
                        maps[1][at[1]++] = (uint32_t) d->n_names;
                d->n_names++;
        }
}

/* Which of two next frames comes first in preorder: negative, 0 (they are one), positive. The parents of
 * both are on the path to the frame before, so the deeper one is still below what the other one follows. */
static int compare_next(const FoldedNode *x, uint32_t x_name, const FoldedNode *y, uint32_t y_name) {
        if (!x || !y)
                return x ? -1 : 1;
        if (x->depth != y->depth)
                return x->depth > y->depth ? -1 : 1;

        return (x_name > y_name) - (x_name < y_name);
}

static int merge_nodes(FoldedDiff *d, const Folded *const *sides, uint32_t *const *maps) {
        const FoldedNode *nodes[_FOLDED_SIDES];
        size_t n[_FOLDED_SIDES], at[_FOLDED_SIDES] = {};

        for (size_t s = 0; s < _FOLDED_SIDES; s++)
                nodes[s] = folded_nodes(sides[s], n + s);

        while (at[0] < n[0] || at[1] < n[1]) {
                const FoldedNode *x = at[0] < n[0] ? nodes[0] + at[0] : NULL;
                const FoldedNode *y = at[1] < n[1] ? nodes[1] + at[1] : NULL;
                uint32_t x_name = x ? maps[0][x->name] : 0, y_name = y ? maps[1][y->name] : 0;
                int c = compare_next(x, x_name, y, y_name);
                FoldedDiffNode *node = d->nodes + d->n_nodes;

                if (d->n_nodes++ >= FOLDED_NODES_MAX)
                        return -EFBIG;

                *node = (FoldedDiffNode){ .name = c <= 0 ? x_name : y_name,
                                          .depth = c <= 0 ? x->depth : y->depth };
                if (c <= 0) {
                        node->self[FOLDED_BEFORE] = x->self;
                        node->total[FOLDED_BEFORE] = x->total;
                        at[0]++;
                }
                if (c >= 0) {
                        node->self[FOLDED_AFTER] = y->self;
                        node->total[FOLDED_AFTER] = y->total;
                        at[1]++;
                }
        }

        return 0;
}

int folded_diff_new(const Folded *before, const Folded *after, FoldedDiff **ret_diff) {
        const Folded *const sides[] = { before, after };
        _cleanup_(freep) uint32_t *before_map = NULL, *after_map = NULL;
        _cleanup_(folded_diff_freep) FoldedDiff *d = NULL;
        size_t n_nodes[_FOLDED_SIDES];
        int r;

        assert(before);
        assert(after);
        assert(ret_diff);

        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;

        for (size_t s = 0; s < _FOLDED_SIDES; s++) {
                (void) folded_nodes(sides[s], n_nodes + s);
                d->total[s] = folded_total(sides[s]);
        }

        before_map = calloc(folded_n_names(before) + 1, sizeof(*before_map));
        after_map = calloc(folded_n_names(after) + 1, sizeof(*after_map));
        d->names = calloc(folded_n_names(before) + folded_n_names(after) + 1, sizeof(*d->names));
        d->nodes = calloc(MIN_OF(n_nodes[0] + n_nodes[1], FOLDED_NODES_MAX) + 1, sizeof(*d->nodes));
        if (!before_map || !after_map || !d->names || !d->nodes)
                return -ENOMEM;

        merge_names(d, sides, (uint32_t *const[]){ before_map, after_map });
        r = merge_nodes(d, sides, (uint32_t *const[]){ before_map, after_map });
        if (r < 0)
                return r;

        *ret_diff = TAKE_PTR(d);
        return 0;
}

uint64_t folded_diff_total(const FoldedDiff *d, int side) {
        return d->total[side];
}

const FoldedDiffNode *folded_diff_nodes(const FoldedDiff *d, size_t *ret_n) {
        *ret_n = d->n_nodes;
        return d->nodes;
}

size_t folded_diff_n_names(const FoldedDiff *d) {
        return d->n_names;
}

const char *folded_diff_name(const FoldedDiff *d, uint32_t name) {
        return d->names[name];
}

/* @open has for each name the depth of its outermost frame on the path, plus 1; 0 when there is none. */
static void sum_functions(const FoldedDiff *d, uint32_t *open, uint32_t *path, FoldedChange *rows) {
        uint32_t length = 0;

        for (size_t i = 0; i < d->n_nodes; i++) {
                const FoldedDiffNode *node = d->nodes + i;
                FoldedChange *row = rows + node->name;

                while (length > node->depth) {
                        length--;
                        if (open[path[length]] == length + 1)
                                open[path[length]] = 0;
                }
                path[length++] = node->name;

                if (node->depth == 0)
                        continue;

                row->name = d->names[node->name];
                for (size_t s = 0; s < _FOLDED_SIDES; s++) {
                        row->self[s] += node->self[s];
                        row->total[s] += open[node->name] == 0 ? node->total[s] : 0;
                }
                if (open[node->name] == 0)
                        open[node->name] = length;
        }
}

static double share(const FoldedDiff *d, const uint64_t *counts, int side) {
        return d->total[side] > 0 ? (double) counts[side] / (double) d->total[side] : 0;
}

static double change(const FoldedDiff *d, const uint64_t *counts) {
        double c = share(d, counts, FOLDED_AFTER) - share(d, counts, FOLDED_BEFORE);

        return fabs(c) < CHANGE_MIN ? 0 : c;
}

static int compare_rows(const void *a, const void *b) {
        const FoldedChange *x = a, *y = b;

        if (fabs(x->self_change) != fabs(y->self_change))
                return fabs(x->self_change) > fabs(y->self_change) ? -1 : 1;
        if (fabs(x->total_change) != fabs(y->total_change))
                return fabs(x->total_change) > fabs(y->total_change) ? -1 : 1;

        return strcmp(x->name, y->name);
}

int folded_diff_top(const FoldedDiff *d, size_t max, FoldedChange **ret_rows, size_t *ret_n) {
        _cleanup_(freep) uint32_t *open = NULL, *path = NULL;
        _cleanup_(freep) FoldedChange *rows = NULL;
        size_t n = 0;

        assert(d);
        assert(ret_rows);
        assert(ret_n);

        open = calloc(d->n_names + 1, sizeof(*open));
        path = calloc(d->n_nodes + 1, sizeof(*path));
        rows = calloc(d->n_names + 1, sizeof(*rows));
        if (!open || !path || !rows)
                return -ENOMEM;

        sum_functions(d, open, path, rows);

        for (size_t i = 0; i < d->n_names; i++) {
                FoldedChange row = rows[i];

                row.self_change = change(d, row.self);
                row.total_change = change(d, row.total);
                if (row.name && (row.self_change != 0 || row.total_change != 0))
                        rows[n++] = row;
        }

        qsort(rows, n, sizeof(*rows), compare_rows);

        *ret_rows = TAKE_PTR(rows);
        *ret_n = MIN_OF(n, max);
        return 0;
}
