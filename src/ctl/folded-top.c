/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/folded.h"

#include <string.h>

static int compare_rows(const void *a, const void *b) {
        const FoldedTop *x = a, *y = b;

        if (x->self != y->self)
                return x->self > y->self ? -1 : 1;
        if (x->total != y->total)
                return x->total > y->total ? -1 : 1;

        return strcmp(x->name, y->name);
}

/* One pass in preorder. @ends has for each name where its outermost open frame ends: what comes before is
 * inside. */
static void sum_functions(const Folded *f, uint32_t *ends, FoldedTop *rows) {
        size_t n_nodes;
        const FoldedNode *nodes = folded_nodes(f, &n_nodes);

        for (size_t i = 0; i < n_nodes; i++) {
                const FoldedNode *node = nodes + i;

                if (node->depth == 0)
                        continue;

                rows[node->name].name = folded_name(f, node->name);
                rows[node->name].self += node->self;
                if (i < ends[node->name])
                        continue;

                rows[node->name].total += node->total;
                ends[node->name] = node->end;
        }
}

int folded_top(const Folded *f, size_t max, FoldedTop **ret_rows, size_t *ret_n) {
        _cleanup_(freep) uint32_t *ends = NULL;
        _cleanup_(freep) FoldedTop *rows = NULL;
        size_t n_names, n = 0;

        assert(f);
        assert(ret_rows);
        assert(ret_n);

        n_names = folded_n_names(f);
        ends = calloc(n_names + 1, sizeof(*ends));
        rows = calloc(n_names + 1, sizeof(*rows));
        if (!ends || !rows)
                return -ENOMEM;

        sum_functions(f, ends, rows);

        /* What is the name of threads only has no row. */
        for (size_t i = 0; i < n_names; i++)
                if (rows[i].name)
                        rows[n++] = rows[i];

        qsort(rows, n, sizeof(*rows), compare_rows);

        *ret_rows = TAKE_PTR(rows);
        *ret_n = MIN_OF(n, max);
        return 0;
}
