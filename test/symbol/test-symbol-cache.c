/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/symbol-cache.h"

#include <criterion/criterion.h>

TestSuite(symbol_cache, .timeout = 10);

static ModuleSymbols *symbols_of(unsigned n_symbols) {
        ModuleSymbols *m = calloc(1, sizeof(*m));

        cr_assert(m);
        m->debug_fd = -EBADF;
        cr_assert_eq(symbol_table_new(&m->table), 0);
        for (unsigned i = 0; i < n_symbols; i++)
                cr_assert_eq(symbol_table_add(m->table, i, 1, SYMBOL_FUNCTION, 1), 0);
        while (symbol_table_finish_step(m->table, true) > 0)
                ;
        return m;
}

static Module module_of(uint64_t inode) {
        return (Module){ .type = MODULE_FILE, .fd = -EBADF, .dev = 1, .inode = inode, .change_sec = 5 };
}

static bool is_kept(SymbolCache *c, uint64_t inode) {
        Module m = module_of(inode);
        ModuleSymbols *s = symbol_cache_take(c, &m);

        if (s)
                symbol_cache_put(c, &m, s);
        return s;
}

Test(symbol_cache, symbols_are_owned_by_who_takes_them) {
        _cleanup_(symbol_cache_freep) SymbolCache *c = NULL;
        Module m = module_of(1);
        ModuleSymbols *s = symbols_of(10);

        cr_assert_eq(symbol_cache_new(100000, &c), 0);
        symbol_cache_put(c, &m, s);
        cr_expect_eq(symbol_cache_size(c), 1);

        cr_expect_eq(symbol_cache_take(c, &m), s);
        cr_expect_null(symbol_cache_take(c, &m));
        cr_expect_eq(symbol_cache_bytes(c), 0);
        module_symbols_free(s);
}

Test(symbol_cache, changed_file_is_another_one) {
        _cleanup_(symbol_cache_freep) SymbolCache *c = NULL;
        Module m = module_of(1), changed = module_of(1), other_device = module_of(1);

        changed.change_nsec = 1;
        other_device.dev = 2;
        cr_assert_eq(symbol_cache_new(100000, &c), 0);
        symbol_cache_put(c, &m, symbols_of(10));

        cr_expect_null(symbol_cache_take(c, &changed));
        cr_expect_null(symbol_cache_take(c, &other_device));
        cr_expect(is_kept(c, 1));
}

Test(symbol_cache, one_unused_for_longest_goes_first) {
        _cleanup_(symbol_cache_freep) SymbolCache *c = NULL;

        cr_assert_eq(symbol_cache_new(60000, &c), 0);
        for (uint64_t i = 1; i <= 3; i++) {
                Module m = module_of(i);

                symbol_cache_put(c, &m, symbols_of(1000)); /* 16 KB each */
        }
        cr_expect(is_kept(c, 1)); /* used: now the youngest */

        Module fourth = module_of(4);
        symbol_cache_put(c, &fourth, symbols_of(1000));

        cr_expect_not(is_kept(c, 2));
        cr_expect(is_kept(c, 1));
        cr_expect(is_kept(c, 3));
        cr_expect(is_kept(c, 4));
        cr_expect_leq(symbol_cache_bytes(c), 60000);
}

Test(symbol_cache, what_is_too_large_is_not_kept) {
        _cleanup_(symbol_cache_freep) SymbolCache *c = NULL;
        Module m = module_of(1);

        cr_assert_eq(symbol_cache_new(10000, &c), 0);
        symbol_cache_put(c, &m, symbols_of(1000));
        cr_expect_eq(symbol_cache_size(c), 0);
        cr_expect_eq(symbol_cache_bytes(c), 0);
}

Test(symbol_cache, second_put_replaces_the_first) {
        _cleanup_(symbol_cache_freep) SymbolCache *c = NULL;
        Module m = module_of(1);
        ModuleSymbols *second = symbols_of(20);

        cr_assert_eq(symbol_cache_new(100000, &c), 0);
        symbol_cache_put(c, &m, symbols_of(10));
        symbol_cache_put(c, &m, second);

        cr_expect_eq(symbol_cache_size(c), 1);
        cr_expect_eq(symbol_cache_take(c, &m), second);
        module_symbols_free(second);
}
