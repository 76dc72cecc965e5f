/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/naming.h"

#include "fake/fake-symbols.h"
#include "symbol/hottest.h"

#include <criterion/criterion.h>

TestSuite(naming, .timeout = 30);

#define NAMED FRAME(PROFILE_MODULE_UNKNOWN, 0x10)
#define OTHER FRAME(PROFILE_MODULE_UNKNOWN, 0x20)

static const FakeSymbol names[] = { { NAMED, "work", NULL }, {} };
static const Symbols symbols = { .symbols = names };

Test(naming, frames_count_as_often_as_they_were_seen) {
        _cleanup_(module_table_freep) ModuleTable *modules = NULL;
        _cleanup_(profile_freep) Profile *p = NULL;
        const Frame mixed[] = { NAMED, OTHER, NAMED }, unknown[] = { OTHER };
        uint64_t n = 7, n_named = 7;

        cr_assert_eq(module_table_new(&modules), 0);
        cr_assert_eq(profile_new(modules, 1, &p), 0);
        profile_count_named(p, &symbols, &n, &n_named);
        cr_expect_eq(n, 0);
        cr_expect_eq(n_named, 0);

        cr_assert_eq(profile_add(p, "t", mixed, 3, 0, 10), 1);
        cr_assert_eq(profile_add(p, "t", unknown, 1, 0, 5), 1);
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, mixed, 3, 0, 2, 1000, 1000), 1);
        profile_count_named(p, &symbols, &n, &n_named);
        cr_expect_eq(n, 10 * 3 + 5 + 2 * 3);
        cr_expect_eq(n_named, 10 * 2 + 2 * 2);
}

Test(naming, waits_are_not_hot) {
        _cleanup_(module_table_freep) ModuleTable *modules = NULL;
        _cleanup_(profile_freep) Profile *p = NULL;
        _cleanup_(freep) char *text = NULL, *none = NULL;
        const Frame work[] = { NAMED }, wait[] = { OTHER };

        cr_assert_eq(module_table_new(&modules), 0);
        cr_assert_eq(profile_new(modules, 1, &p), 0);
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, wait, 1, 0, 900, 1000, 1000), 1);
        cr_assert_eq(profile_hottest(p, &symbols, 3, &none), 0);
        cr_expect_null(none);

        cr_assert_eq(profile_add(p, "t", work, 1, 0, 1), 1);
        cr_assert_eq(profile_hottest(p, &symbols, 3, &text), 0);
        cr_expect_str_eq(text, "work 100%");
}
