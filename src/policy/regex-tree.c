/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/regex-tree.h"

RegexTree *regex_tree_free(RegexTree *t) {
        if (!t)
                return NULL;

        free(t->nodes);
        char_set_done(&t->ranges);
        free(t);
        return NULL;
}

int regex_tree_add(RegexTree *t, RegexKind kind, unsigned column) {
        if (t->n_nodes == t->n_nodes_allocated) {
                int n = t->n_nodes_allocated > 0 ? t->n_nodes_allocated * 2 : 64;
                RegexNode *grown = reallocarray(t->nodes, (size_t) n, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                t->nodes = grown;
                t->n_nodes_allocated = n;
        }

        t->nodes[t->n_nodes] = (RegexNode){
                .kind = kind,
                .last = REGEX_NONE,
                .previous = REGEX_NONE,
                .column = column,
                .copies = 1,
        };
        return t->n_nodes++;
}

int regex_tree_add_chars(RegexTree *t, CharSet *set, unsigned column) {
        size_t first = t->ranges.n;
        int node, r;

        char_set_normalise(set);
        for (size_t i = 0; i < set->n; i++) {
                r = char_set_add(&t->ranges, set->ranges[i].first, set->ranges[i].last);
                if (r < 0)
                        return r;
        }

        node = regex_tree_add(t, REGEX_CHARS, column);
        if (node < 0)
                return node;

        t->nodes[node].chars.first = (unsigned) first;
        t->nodes[node].chars.n = (unsigned) set->n;
        return node;
}

void regex_tree_append(RegexTree *t, int parent, int child) {
        t->nodes[child].previous = t->nodes[parent].last;
        t->nodes[parent].last = child;
        t->nodes[parent].copies = MAX_OF(t->nodes[parent].copies, t->nodes[child].copies);
}
