/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/demangle.h"

#include "basic/cleanup.h"
#include "symbol/symbol-table.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(demangle, .timeout = 10);

Test(demangle, names_of_cplusplus_and_rust_are_readable) {
        static const struct {
                const char *mangled, *expected; /* NULL: stays as it is */
        } rows[] = {
                { "_Z3foov", "foo()" },
                { "_ZN3net6Server6handleERKSs", "net::Server::handle(std::string const&)" },
                { "_ZNKSt6vectorIiSaIiEE4sizeEv", "std::vector<int, std::allocator<int> >::size() const" },
                { "_ZN3fooEv.cold", "foo() [clone .cold]" },
                { "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad" },
                { "_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h8f1a9c0e2b3d4f56E",
                  "std::rt::lang_start::{{closure}}" },
                { "_RNvCs1234_7mycrate3foo", "mycrate::foo" },
                { "_RNvMs0_NtCs1234_7mycrate3modNtB5_4Type6method", "<mycrate::mod::Type>::method" },
                { "main", NULL },
                { "_start", NULL },
                { "_Z", NULL },
                { "_ZN", NULL },
                { "_R", NULL },
                { "_RNvC", NULL },
                { "", NULL },
                { "__memcpy_avx_unaligned_erms", NULL },
                { "_Znot_a_mangled_name", NULL },
                { "tcp_sendmsg.isra.0", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(freep) char *name = NULL;
                int r = symbol_demangle(rows[i].mangled, &name);

                cr_expect_eq(r, rows[i].expected != NULL, "'%s': %i, '%s'", rows[i].mangled, r, name ?: "");
                if (r > 0 && rows[i].expected)
                        cr_expect_str_eq(name, rows[i].expected, "'%s' is '%s'", rows[i].mangled, name);
        }
}

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* Each parameter is a pair of the one before it twice: they unfold to 2^n characters. */
static void cplus_bomb(char name[static 1024], unsigned n) {
        strcpy(name, "_Z1fSt4pairIiiE");
        for (unsigned i = 0; i < n; i++) {
                char part[32];

                (void) snprintf(part, sizeof(part), "St4pairIS%c_S%c_E", digits[i], digits[i]);
                strcat(name, part);
        }
}

/* Likewise: each type is a tuple of the one before it twice. "B" goes back to an
 * offset, written to the base of 62, less one. */
static void rust_bomb(char name[static 1024], unsigned n) {
        static const char digits62[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        unsigned before = 8;

        strcpy(name, "_RINvC1a1bTllE");
        for (unsigned i = 0; i < n; i++) {
                unsigned at = (unsigned) strlen(name) - 2;
                char number[3] = {}, part[32];

                if (before - 1 < 62)
                        number[0] = digits62[before - 1];
                else {
                        number[0] = digits62[(before - 1) / 62];
                        number[1] = digits62[(before - 1) % 62];
                }
                (void) snprintf(part, sizeof(part), "TB%s_B%s_E", number, number);
                strcat(name, part);
                before = at;
        }
        strcat(name, "E");
}

Test(demangle, parameters_that_unfold_without_end_are_left_out) {
        char bomb[1024], *small = NULL, *large = NULL;

        cplus_bomb(bomb, 2);
        cr_assert_eq(symbol_demangle(bomb, &small), 1);
        cr_expect_gt(strlen(small), 100);

        cplus_bomb(bomb, 36);
        cr_assert_eq(symbol_demangle(bomb, &large), 1);
        cr_expect_str_eq(large, "f");
        free(small);
        free(large);
}

Test(demangle, rust_name_that_unfolds_without_end_stays_mangled) {
        char bomb[1024], *name = NULL;

        rust_bomb(bomb, 4);
        cr_assert_eq(symbol_demangle(bomb, &name), 1);
        cr_expect_gt(strlen(name), 150);
        free(name);
        name = NULL;

        rust_bomb(bomb, 60);
        cr_expect_eq(symbol_demangle(bomb, &name), 0);
        cr_expect_null(name);
}

Test(demangle, lifetimes_without_number_are_not_counted) {
        static const char *const names[] = {
                "_RINvC1a1bFGzzzzzzzzzz_EuE",          /* a function type for all of them */
                "_RINvC1a1bDGzzzzzzzzzz_NtC1c1dEL_E",  /* a trait object */
                "_RNvMINtC1a1bFGzzzzzzzzzz_EuEC1c1d",  /* where nothing is printed */
                "_RINvC1au8b_29c0azuFGzzzzzzzzzz_EuE", /* beside punycode */
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char *name = NULL;

                cr_expect_eq(symbol_demangle(names[i], &name), 0, "'%s'", names[i]);
                free(name);
        }
}

Test(demangle, very_long_name_stays_mangled) {
        char name[SYMBOL_NAME_MAX + 1], *result = NULL;

        memset(name, 'v', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        memcpy(name, "_Z3foo", 6);

        cr_expect_eq(symbol_demangle(name, &result), 0);
        cr_expect_null(result);
}
