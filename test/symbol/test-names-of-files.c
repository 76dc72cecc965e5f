/* SPDX-License-Identifier: Apache-2.0 */
/* Names in files as they are installed against those that nm tells, with the debug packages there are. */
#include "symbol/elf-load.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

TestSuite(names_of_files, .timeout = 50);

/* What nm has of one function. */
typedef struct Known {
        uint64_t address, size; /* size 0: not said */
        char *name;
} Known;

typedef struct Knowns {
        Known *items;
        size_t n, n_allocated;
} Knowns;

static void knowns_done(Knowns *k) {
        for (size_t i = 0; i < k->n; i++)
                free(k->items[i].name);
        free(k->items);
}

static void add(Knowns *k, const Known *item) {
        if (k->n == k->n_allocated) {
                k->n_allocated = k->n_allocated * 2 ?: 1024;
                k->items = reallocarray(k->items, k->n_allocated, sizeof(k->items[0]));
                cr_assert_not_null(k->items);
        }

        k->items[k->n++] = *item;
}

/* "00000000000271c0 0000000000000136 T __libc_start_main@@GLIBC_2.34", or without the size. */
static bool parse(char *line, Known *ret_item) {
        char *at = line, *fields[4], *end;
        unsigned n = 0;

        line[strcspn(line, "\n")] = '\0';
        while (n < ELEMENTSOF(fields) && (fields[n] = strsep(&at, " ")))
                n++;
        if (n < 3 || !strchr("tTWi", fields[n - 2][0]))
                return false;

        *ret_item = (Known){ .address = strtoull(fields[0], &end, 16) };
        if (*end != '\0')
                return false;
        if (n == 4)
                ret_item->size = strtoull(fields[1], NULL, 16);

        end = strchr(fields[n - 1], '@'); /* the version */
        if (end && end > fields[n - 1])
                *end = '\0';
        ret_item->name = strdup(fields[n - 1]);
        return ret_item->name;
}

static void ask_nm(Knowns *k, const char *options, const char *path) {
        char command[PATH_MAX + 64], line[4096];
        Known item;
        FILE *f;

        (void) snprintf(command,
                        sizeof(command),
                        "LC_ALL=C nm %s -S --defined-only '%s' 2>/dev/null",
                        options,
                        path);
        f = popen(command, "re");
        cr_assert_not_null(f);
        while (fgets(line, sizeof(line), f))
                if (parse(line, &item))
                        add(k, &item);
        (void) pclose(f);
}

static int compare(const void *a, const void *b) {
        const Known *x = a, *y = b;

        return (x->address > y->address) - (x->address < y->address);
}

/* Whether a function of that name may be at @address: it holds it, or is said to begin before and nobody
 * says where it ends. */
static bool is_right(const Knowns *k, const char *name, uint64_t address) {
        for (size_t i = k->n; i-- > 0;) {
                const Known *item = k->items + i;

                if (item->address <= address && strcmp(item->name, name) == 0 &&
                    (item->size == 0 || address - item->address < item->size))
                        return true;
        }

        return false;
}

typedef struct Tally {
        unsigned n, n_unnamed, n_wrong;
} Tally;

static void check(const ModuleSymbols *m, const Knowns *k, const char *path, uint64_t address, Tally *t) {
        char name[SYMBOL_NAME_MAX + 1];

        t->n++;
        if (symbol_table_name(m->table, address, name) < 0) {
                t->n_unnamed++;
                return;
        }
        if (is_right(k, name, address))
                return;

        if (t->n_wrong++ < 5)
                cr_expect_fail("%s: %#" PRIx64 " is called '%s'", path, address, name);
}

static ModuleSymbols *load(int fd, const char *path) {
        static const char *const roots[] = { "/usr/lib/debug", NULL };
        _cleanup_(elf_load_freep) ElfLoad *l = NULL;
        int r;

        cr_assert_eq(elf_load_new_file(fd, path, roots, &l), 0);
        while ((r = elf_load_step(l)) > 0)
                ;
        cr_assert_eq(r, 0);

        return elf_load_take(l);
}

#define FUNCTIONS_MAX 1500U /* of one file, evenly: each is looked for among all */

static void compare_file(const char *path) {
        _cleanup_(module_symbols_freep) ModuleSymbols *m = NULL;
        _cleanup_(knowns_done) Knowns k = {};
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        Tally t = {};

        m = load(fd, path);
        cr_assert_not_null(m->table, "%s", path);
        cr_assert_eq(module_symbols_bind(m, fd), 0);

        ask_nm(&k, "", m->debug_path ?: path);
        ask_nm(&k, "-D", path);
        cr_assert_gt(k.n, 10, "%s", path);
        qsort(k.items, k.n, sizeof(k.items[0]), compare);

        for (size_t i = 0; i < k.n; i += k.n / FUNCTIONS_MAX + 1) {
                const Known *item = k.items + i;

                if (item->size == 0)
                        continue;
                check(m, &k, path, item->address, &t);
                check(m, &k, path, item->address + item->size / 2, &t);
                check(m, &k, path, item->address + item->size - 1, &t);
        }

        cr_log_info("%s by %s: %u addresses, %u without a name, %u wrong",
                    path,
                    symbol_source_to_string(m->source),
                    t.n,
                    t.n_unnamed,
                    t.n_wrong);
        cr_expect_gt(t.n, 30, "%s", path);
        cr_expect_eq(t.n_unnamed, 0, "%s: %u of %u have no name", path, t.n_unnamed, t.n);
        cr_expect_eq(t.n_wrong, 0, "%s: %u of %u", path, t.n_wrong, t.n);
        module_symbols_unbind(m);
}

static const char *const files[] = {
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/lib/x86_64-linux-gnu/libm.so.6",
        "/lib64/ld-linux-x86-64.so.2",
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
        "/usr/lib/x86_64-linux-gnu/liblzma.so.5",
        "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0",
        "/usr/bin/python3.11",
        "/usr/bin/perl",
};

ParameterizedTestParameters(names_of_files, are_those_that_nm_tells) {
        static size_t indexes[ELEMENTSOF(files)];
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                if (access(files[i], R_OK) == 0)
                        indexes[n++] = i;

        return cr_make_param_array(size_t, indexes, n);
}

ParameterizedTest(const size_t *index, names_of_files, are_those_that_nm_tells) {
        compare_file(files[*index]);
}

Test(names_of_files, libc_is_among_them) {
        cr_expect(access(files[0], R_OK) == 0 || access("/usr/lib64/libc.so.6", R_OK) == 0);
}
