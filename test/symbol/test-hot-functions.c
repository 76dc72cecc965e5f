/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/hot-functions.h"

#include "basic/time-util.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

TestSuite(hot_functions, .timeout = 20);

static const char *const no_roots[] = { NULL };

/* Code of an empty file has no symbols and is named by its offset, so that frames can be told apart. */
static unsigned add_empty_file(ModuleTable *modules, Profile *p) {
        int fd = memfd_create("empty", MFD_CLOEXEC);
        unsigned index;
        struct stat st;
        Module *m;

        cr_assert_eq(fstat(fd, &st), 0);
        cr_assert_eq(module_table_get_file(modules, &st, fd, 0, "/empty", strlen("/empty"), &m), 0);
        index = profile_module_index(p, m);
        module_unref(m);
        return index;
}

Test(hot_functions, functions_are_ranked_and_a_recursive_one_counts_once) {
        Frame recursive[4], plain[2];
        _cleanup_(profile_freep) Profile *p = NULL;
        _cleanup_(symbolizer_freep) Symbolizer *symbolizer = NULL;
        _cleanup_(symbol_job_freep) SymbolJob *job = NULL;
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        _cleanup_(freep) HotFunction *rows = NULL, *none = NULL;
        Host host = { .proc_fd = -EBADF };
        ModuleTable *modules;
        unsigned file;
        size_t n;

        cr_assert_eq(module_table_new(&modules), 0);
        cr_assert_eq(profile_new(modules, 1000000, &p), 0);
        file = add_empty_file(modules, p);
        recursive[0] = recursive[2] = FRAME(file, 0xa0);
        recursive[1] = plain[0] = FRAME(file, 0xb0);
        recursive[3] = plain[1] = FRAME(file, 0xc0);
        cr_assert_eq(profile_add(p, "t", recursive, 4, 0, 5), 1);
        cr_assert_eq(profile_add(p, "t", plain, 2, 0, 3), 1);
        cr_assert_eq(symbolizer_new(&host, no_roots, &symbolizer), 0);
        cr_assert_eq(symbol_job_new(symbolizer, p, &job), 0);
        while (symbol_job_step(job, USEC_PER_SEC) > 0)
                ;
        symbols = symbol_job_take(job);
        cr_assert_not_null(symbols);

        cr_assert_eq(profile_hot_functions(p, symbols, 10, &rows, &n), 0);
        cr_assert_eq(n, 3);
        cr_expect_str_eq(rows[0].name, "empty+0xa0");
        cr_expect_eq(rows[0].self, 5);
        cr_expect_eq(rows[0].total, 5, "twice on a stack, once in total");
        cr_expect_eq(rows[1].self, 3);
        cr_expect_eq(rows[1].total, 8);
        cr_expect_eq(rows[2].self, 0);
        cr_expect_eq(rows[2].total, 8);

        cr_assert_eq(profile_hot_functions(p, symbols, 0, &none, &n), 0);
        cr_expect_eq(n, 0);
        profile_free(TAKE_PTR(p));
        module_table_free(modules);
}
