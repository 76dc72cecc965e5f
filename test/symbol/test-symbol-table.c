/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/symbol-table.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

TestSuite(symbol_table, .timeout = 20);

typedef struct Row {
        uint64_t address, size;
        unsigned flags;
        const char *name;
} Row;

static SymbolTable *table_of(const Row *rows, size_t n, bool complete) {
        SymbolTable *t;
        char *names = malloc(65536);
        size_t n_names = 1;
        int r;

        cr_assert(names);
        names[0] = '\0';
        cr_assert_eq(symbol_table_new(&t), 0);

        for (size_t i = 0; i < n; i++) {
                cr_assert_eq(symbol_table_add(
                                             t,
                                             rows[i].address,
                                             rows[i].size,
                                             rows[i].flags,
                                             (uint32_t) n_names),
                             0);
                strcpy(names + n_names, rows[i].name);
                n_names += strlen(rows[i].name) + 1;
        }

        symbol_table_names_in_memory(t, 0, names, n_names);
        while ((r = symbol_table_finish_step(t, complete)) > 0)
                ;
        cr_assert_eq(r, 0);
        return t;
}

static void expect_name(const SymbolTable *t, uint64_t address, const char *expected) {
        char name[SYMBOL_NAME_MAX + 1];

        if (symbol_table_name(t, address, name) < 0)
                strcpy(name, "(none)");
        cr_expect_str_eq(name, expected, "%#" PRIx64 " is '%s', not '%s'", address, name, expected);
}

#define F SYMBOL_FUNCTION
#define X SYMBOL_EXPORTED
#define W SYMBOL_WEAK
#define O SYMBOL_OPEN

Test(symbol_table, best_alias_does_not_depend_on_order) {
        static const struct {
                Row aliases[3];
                const char *best;
        } rows[] = {
                { { { 8, 8, 0, "label" }, { 8, 8, F, "function" }, { 8, 8, X, "global_label" } },
                  "function" },
                { { { 8, 8, F, "a" }, { 8, 8, F | X, "exported" }, { 8, 8, F, "b" } }, "exported" },
                { { { 8, 8, F | X, "__write" }, { 8, 8, F | X | W, "write" }, { 8, 8, F, "_w" } }, "write" },
                { { { 8, 8, F | X, "strong" }, { 8, 8, F | X | W, "weak" }, { 8, 8, F | X | W, "w" } },
                  "strong" },
                { { { 8, 8, F | X, "abcd" }, { 8, 8, F | X, "abc" }, { 8, 8, F | X, "abd" } }, "abc" },
                { { { 8, 8, F | X, "fopen@@GLIBC_2.2.5" }, { 8, 8, F, "f" }, { 8, 8, F, "g" } }, "fopen" },
                { { { 8, 4, F | X, "short" }, { 8, 8, F, "long" }, { 8, 8, 0, "label" } },
                  "long" }, /* at 13 */
        };
        static const unsigned orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                               { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (size_t k = 0; k < ELEMENTSOF(orders); k++) {
                        Row order[3];
                        _cleanup_(symbol_table_freep) SymbolTable *t = NULL;

                        for (size_t m = 0; m < 3; m++)
                                order[m] = rows[i].aliases[orders[k][m]];
                        t = table_of(order, 3, true);
                        expect_name(t, 13, rows[i].best);
                }
}

Test(symbol_table, nothing_is_named_outside_of_sizes) {
        static const Row rows[] = { { 100, 10, F, "a" },
                                    { 200, 1, F, "b" },
                                    { UINT64_MAX - 3, 100, F, "top" } };
        _cleanup_(symbol_table_freep) SymbolTable *t = table_of(rows, ELEMENTSOF(rows), true);

        expect_name(t, 0, "(none)");
        expect_name(t, 99, "(none)");
        expect_name(t, 100, "a");
        expect_name(t, 109, "a");
        expect_name(t, 110, "(none)");
        expect_name(t, 200, "b");
        expect_name(t, 201, "(none)");
        expect_name(t, UINT64_MAX, "top");
}

Test(symbol_table, empty_table_knows_nothing) {
        _cleanup_(symbol_table_freep) SymbolTable *t = table_of(NULL, 0, true);

        expect_name(t, 0, "(none)");
        expect_name(t, UINT64_MAX, "(none)");
}

Test(symbol_table, innermost_function_wins) {
        static const Row rows[] = { { 100, 100, F, "outer" },
                                    { 120, 10, F, "inner" },
                                    { 125, 2, F, "innermost" } };
        _cleanup_(symbol_table_freep) SymbolTable *t = table_of(rows, ELEMENTSOF(rows), true);

        expect_name(t, 119, "outer");
        expect_name(t, 120, "inner");
        expect_name(t, 125, "innermost");
        expect_name(t, 127, "inner");
        expect_name(t, 130, "outer");
        expect_name(t, 200, "(none)");
}

Test(symbol_table, open_symbol_ends_at_the_next_and_at_its_bound) {
        static const Row rows[] = { { 300, 50, O | F, "c" },
                                    { 100, 4096, O, "a" },
                                    { 150, 20, F, "b" },
                                    { 100, 4096, O | X, "A" } };
        _cleanup_(symbol_table_freep) SymbolTable *t = table_of(rows, ELEMENTSOF(rows), true);

        expect_name(t, 100, "A");
        expect_name(t, 149, "A");
        expect_name(t, 150, "b");
        expect_name(t, 170, "(none)");
        expect_name(t, 349, "c");
        expect_name(t, 350, "(none)");
}

Test(symbol_table, open_symbol_of_an_incomplete_table_holds_one_byte) {
        static const Row rows[] = { { 100, 4096, O | F | X, "a" }, { 300, 10, F, "b" } };
        _cleanup_(symbol_table_freep) SymbolTable *t = table_of(rows, ELEMENTSOF(rows), false);

        expect_name(t, 100, "a");
        expect_name(t, 101, "(none)");
        expect_name(t, 309, "b");
}

Test(symbol_table, name_outside_of_its_block_is_no_name) {
        _cleanup_(symbol_table_freep) SymbolTable *t = NULL;
        char *names = strdup("abc"); /* without its NUL below */

        cr_assert_eq(symbol_table_new(&t), 0);
        cr_assert_eq(symbol_table_add(t, 10, 5, F, 3), 0);
        cr_assert_eq(symbol_table_add(t, 20, 5, F, UINT32_MAX), 0);
        cr_assert_eq(symbol_table_add(t, 30, 5, F, 1), 0);
        cr_assert_eq(symbol_table_add(t, 40, 5, F | SYMBOL_SECOND, 1), 0);
        symbol_table_names_in_memory(t, 0, names, 3);
        while (symbol_table_finish_step(t, true) > 0)
                ;

        expect_name(t, 10, "(none)");
        expect_name(t, 20, "(none)");
        expect_name(t, 30, "bc");
        expect_name(t, 40, "(none)");
}

/* Against a search through all, with addresses in an order that is none. */
Test(symbol_table, large_table_is_sorted_in_slices) {
        enum { N = 50000 };
        _cleanup_(symbol_table_freep) SymbolTable *t = NULL;
        uint64_t x = 88172645463325252;
        unsigned n_steps = 0;
        char *names = calloc(N, 8), name[SYMBOL_NAME_MAX + 1];

        cr_assert(names);
        cr_assert_eq(symbol_table_new(&t), 0);
        for (unsigned i = 0; i < N; i++) {
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                /* one symbol of 16 bytes in each of N cells, in a shuffled order: 7919 has no
                 * divisor in common with N */
                (void) snprintf(names + 8 * (size_t) i, 8, "%x", (i * 7919U) % N);
                cr_assert_eq(symbol_table_add(t, (uint64_t) ((i * 7919U) % N) * 32, 1 + x % 16, F, 8 * i),
                             0);
        }
        symbol_table_names_in_memory(t, 0, names, 8 * N);

        while (symbol_table_finish_step(t, true) > 0)
                n_steps++;
        cr_expect_gt(n_steps, 5);
        cr_assert_eq(symbol_table_size(t), N);

        for (unsigned i = 0; i < N; i++) {
                cr_assert_eq(symbol_table_name(t, (uint64_t) i * 32, name), 0);
                cr_assert_eq(strtoul(name, NULL, 16), i);
                cr_assert_eq(symbol_table_name(t, (uint64_t) i * 32 + 16, name), -ENOENT);
        }
}
