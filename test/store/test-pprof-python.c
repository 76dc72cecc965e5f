/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pprof.h"

#include "fake/fake-symbols.h"
#include "store/unpack-pprof.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(pprof_python, .timeout = 10);

#define PYTHON 2

static void
expect_line(const Cprof__Pprof__Profile *p, size_t location, const char *name, int64_t start, int64_t line) {
        const Cprof__Pprof__Line *l = p->location[location]->line[0];
        const Cprof__Pprof__Function *f = p->function[l->function_id - 1];

        cr_expect_eq(l->line, line, "%s: line %lli", name, (long long) l->line);
        cr_expect_str_eq(text(p, f->name), name);
        cr_expect_str_eq(text(p, f->filename), "/srv/shop/cart.py");
        cr_expect_eq(f->start_line, start);
}

Test(pprof_python, functions_of_an_interpreter_have_file_and_lines) {
        const Frame frames[] = {
                FRAME(PYTHON, function_offset(0, 19)),
                FRAME(PYTHON, function_offset(0, 21)),
                FRAME(PYTHON, function_offset(1, 40)),
        };
        const FakeSymbol names[] = {
                { frames[0], "total", NULL }, { frames[1], "total", NULL }, { frames[2], "total", NULL }, {}
        };
        const Symbols symbols = { .symbols = names };
        _cleanup_(freep) void *data = NULL;
        Cprof__Pprof__Profile *pprof;
        ModuleTable *modules = NULL;
        Module *python = NULL;
        Profile *p = NULL;
        Task *t = NULL;
        uint32_t index;
        size_t length;

        cr_assert_eq(module_table_new(&modules), 0);
        cr_assert_eq(module_table_get_python(modules, 7, 99, &python), 0);
        cr_assert_eq(function_table_add(python->functions, "total", "/srv/shop/cart.py", 17, &index), 0);
        cr_assert_eq(function_table_add(python->functions, "total", "/srv/shop/cart.py", 38, &index), 0);
        cr_expect_eq(index, 1);
        cr_assert_eq(profile_new(modules, 10101010, &p), 0);
        cr_assert_eq(profile_module_index(p, python), PYTHON);
        cr_assert_eq(profile_add(p, "worker", frames, ELEMENTSOF(frames), 0, 3), 1);
        cr_assert_eq(task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), 1, 1, &t), 0);
        t->unit = strdup("shop.service");

        cr_assert_eq(pprof_encode(t, TASK_PART_RECORDED, p, &symbols, &data, &length), 0);
        pprof = unpack(data, length);
        cr_assert_eq(pprof->n_location, 3);
        cr_expect_eq(pprof->n_function, 2, "two functions of one name in one file are two");
        expect_line(pprof, 0, "total", 17, 19);
        expect_line(pprof, 1, "total", 17, 21);
        expect_line(pprof, 2, "total", 38, 40);

        cprof__pprof__profile__free_unpacked(pprof, NULL);
        task_free(t);
        profile_free(p);
        module_unref(python);
        module_table_free(modules);
}
