/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "basic/strbuf.h"
#include "ctl/folded-diff.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

TestSuite(folded_diff, .timeout = 30);

typedef struct Pair {
        Folded *before, *after;
        FoldedDiff *diff;
} Pair;

static Folded *parse(const char *stacks) {
        _cleanup_(closep) int fd = memfd_create("in", MFD_CLOEXEC);
        Folded *f = NULL;

        cr_assert_geq(fd, 0);
        cr_assert_eq(write_full_fd(fd, stacks, strlen(stacks)), 0);
        cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
        cr_assert_eq(folded_read(fd, &f, NULL), 0);
        return f;
}

static void pair_done(Pair *p) {
        folded_diff_free(p->diff);
        folded_free(p->before);
        folded_free(p->after);
}

static Pair pair_of(const char *before, const char *after) {
        Pair p = { .before = parse(before), .after = parse(after) };

        cr_assert_eq(folded_diff_new(p.before, p.after, &p.diff), 0);
        return p;
}

/* "depth name before>after …" of self counts in preorder. */
static char *tree_text(const FoldedDiff *d) {
        _cleanup_(strbuf_done) StrBuf b = {};
        const FoldedDiffNode *nodes;
        char *text;
        size_t n;

        nodes = folded_diff_nodes(d, &n);
        strbuf_add(&b, "");
        for (size_t i = 0; i < n; i++)
                strbuf_addf(&b,
                            "%s%u%s %" PRIu64 ">%" PRIu64,
                            i > 0 ? ", " : "",
                            nodes[i].depth,
                            folded_diff_name(d, nodes[i].name),
                            nodes[i].self[FOLDED_BEFORE],
                            nodes[i].self[FOLDED_AFTER]);
        cr_assert_eq(strbuf_finish(&b, &text), 0);
        return text;
}

typedef struct TreeCase {
        const char *before, *after, *tree;
} TreeCase;

static const TreeCase tree_cases[] = {
        { "", "", "" },
        { "t;a 1\n", "", "0t 0>0, 1a 1>0" },
        { "", "t;a 1\n", "0t 0>0, 1a 0>1" },
        { "t;a 1\n", "t;a 2\n", "0t 0>0, 1a 1>2" },
        { "t;a 1\n", "u;a 2\n", "0t 0>0, 1a 1>0, 0u 0>0, 1a 0>2" },
        { "t;b 1\n", "t;a;x;y 2\nt;c 3\n", "0t 0>0, 1a 0>0, 2x 0>0, 3y 0>2, 1b 1>0, 1c 0>3" },
        { "t;a;x;y 2\nt;c 3\n", "t;b 1\n", "0t 0>0, 1a 0>0, 2x 0>0, 3y 2>0, 1b 0>1, 1c 3>0" },
        { "t;a;z 1\nu 5\n", "t;a;b;c 1\nt;a 7\n", "0t 0>0, 1a 0>7, 2b 0>0, 3c 0>1, 2z 1>0, 0u 5>0" },
        { "t;m;n 1\n", "t;m 1\nt;m;m 1\n", "0t 0>0, 1m 0>1, 2m 0>1, 2n 1>0" },
};

Test(folded_diff, frames_of_either_side_are_in_the_tree_once) {
        for (size_t i = 0; i < ELEMENTSOF(tree_cases); i++) {
                const TreeCase *c = tree_cases + i;
                _cleanup_(pair_done) Pair p = pair_of(c->before, c->after);
                _cleanup_(freep) char *text = tree_text(p.diff);

                cr_expect_str_eq(text, c->tree, "row %zu: got %s", i, text);
        }
}

Test(folded_diff, functions_are_ranked_by_the_change_of_their_share) {
        /* twice as many samples in all: a keeps its share, b loses half of it, c comes */
        _cleanup_(pair_done) Pair p = pair_of("t;m;a 50\nt;m;b 50\n", "t;m;a 100\nt;m;b 50\nt;m;c 50\n");
        _cleanup_(freep) FoldedChange *rows = NULL;
        size_t n;

        cr_assert_eq(folded_diff_top(p.diff, 10, &rows, &n), 0);
        cr_assert_eq(n, 2, "what kept its share is left out");
        cr_expect_str_eq(rows[0].name, "b");
        cr_expect_float_eq(rows[0].self_change, -0.25, 1e-9);
        cr_expect_str_eq(rows[1].name, "c");
        cr_expect_float_eq(rows[1].total_change, 0.25, 1e-9);
        cr_expect_eq(rows[1].self[FOLDED_BEFORE], 0);
        cr_expect_eq(rows[1].self[FOLDED_AFTER], 50);
}

Test(folded_diff, a_recursive_function_counts_once_in_total) {
        _cleanup_(pair_done) Pair p = pair_of("t;a;b;a 1\nt;c 1\n", "t;a;a;b 3\nt;a;c;a 1\nu;c 4\n");
        _cleanup_(freep) FoldedChange *rows = NULL;
        size_t n;

        cr_assert_eq(folded_diff_top(p.diff, 10, &rows, &n), 0);
        for (size_t i = 0; i < n; i++) {
                if (strcmp(rows[i].name, "a") == 0) {
                        cr_expect_eq(rows[i].total[FOLDED_BEFORE], 1);
                        cr_expect_eq(rows[i].total[FOLDED_AFTER], 4);
                }
                if (strcmp(rows[i].name, "c") == 0)
                        cr_expect_eq(rows[i].total[FOLDED_AFTER], 5);
        }
        cr_expect_eq(n, 3, "a, b and c");
}

Test(folded_diff, an_empty_side_has_no_shares) {
        _cleanup_(pair_done) Pair p = pair_of("", "t;a 1\n");
        _cleanup_(freep) FoldedChange *rows = NULL;
        size_t n;

        cr_assert_eq(folded_diff_top(p.diff, 10, &rows, &n), 0);
        cr_assert_eq(n, 1);
        cr_expect_float_eq(rows[0].self_change, 1, 1e-9);
}
