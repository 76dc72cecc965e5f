/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/function-starts.h"

#include "symbol/eh-image.h"
#include "symbol/module-namer.h"
#include "symbol/subjects.h"

#include <sys/stat.h>

TestSuite(function_starts, .timeout = 20);

#define BYTES(text) (text), sizeof(text) - 1
#define CODE UINT64_C(0x10000) /* EH_IMAGE_CODE */

static const char *const no_roots[] = { NULL };
static EhImage bytes;

static FunctionStarts *load(const ElfImage *image) {
        _cleanup_(function_starts_load_freep) FunctionStartsLoad *l = NULL;
        int r;

        cr_assert_eq(function_starts_load_new(image, &l), 0);
        while ((r = function_starts_load_step(l)) > 0)
                ;
        cr_assert_eq(r, 0);
        return function_starts_load_take(l);
}

Test(function_starts, address_has_the_start_of_its_function) {
        static const struct {
                uint64_t address, start; /* 0: none */
        } rows[] = {
                { CODE, CODE },
                { CODE + 0xf, CODE },
                { CODE + 0x10, 0 },
                { CODE + 0x1f, 0 },
                { CODE + 0x20, CODE + 0x20 },
                { CODE + 0x3f, CODE + 0x20 },
                { CODE + 0x40, CODE + 0x40 }, /* what two hold goes to the one that starts later */
                { CODE + 0x4f, CODE + 0x40 },
                { CODE + 0x50, 0 },
                { CODE - 1, 0 },
                { 0, 0 },
                { UINT64_MAX, 0 },
                { CODE + (UINT64_C(1) << 32), 0 },
        };
        _cleanup_(function_starts_freep) FunctionStarts *f = NULL;
        _cleanup_(elf_image_freep) ElfImage *image = NULL;
        size_t cie = eh_add_cie(&bytes, BYTES("\x01zR\0\x01\x78\x10\x01\x1b"), "", 0);

        /* Not sorted, with instructions that make no sense: nobody asks for them here. */
        eh_add_fde(&bytes, cie, CODE + 0x40, 0x10, BYTES("\x3f"));
        eh_add_fde(&bytes, cie, CODE, 0x10, BYTES("\x0b"));
        eh_add_fde(&bytes, cie, CODE + 0x20, 0x60, "", 0);
        eh_add_fde(&bytes, cie, CODE + 0x60, 0, "", 0);
        cr_assert_eq(elf_image_open_memory(bytes.file, eh_finish(&bytes, true), &image), 0);
        f = load(image);
        cr_expect_eq(function_starts_size(f), 3);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t start = 0;
                int r;

                r = function_starts_find(f, rows[i].address, &start);
                cr_expect_eq(r, rows[i].start ? 0 : -ENOENT, "%#" PRIx64 ": %d", rows[i].address, r);
                cr_expect_eq(start, rows[i].start, "%#" PRIx64 ": %#" PRIx64, rows[i].address, start);
        }
}

Test(function_starts, file_with_a_table_of_nothing_has_no_functions) {
        _cleanup_(function_starts_freep) FunctionStarts *f = NULL;
        _cleanup_(elf_image_freep) ElfImage *image = NULL;
        uint64_t start;

        (void) eh_add_cie(&bytes, BYTES("\x01zR\0\x01\x78\x10\x01\x1b"), "", 0);
        cr_assert_eq(elf_image_open_memory(bytes.file, eh_finish(&bytes, true), &image), 0);
        f = load(image);
        cr_expect_eq(function_starts_size(f), 0);
        cr_expect_eq(function_starts_find(f, CODE, &start), -ENOENT);
}

/* Names of addresses in a fixture program; with a cache that may have its symbols already. */
static void
expect_names(const char *subject,
             SymbolCache *cache,
             const uint64_t *addresses,
             char (*names)[64],
             size_t n) {
        const NamerContext context = { .debug_roots = no_roots, .cache = cache };
        _cleanup_(closep) int fd = open_subject(subject);
        char path[] = "/opt/app/subject";
        Module module = { .type = MODULE_FILE, .path = path, .fd = fd };
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        _cleanup_(module_namer_freep) ModuleNamer *namer = NULL;
        Frame frames[8];
        struct stat st;
        int r;

        cr_assert_eq(fstat(fd, &st), 0);
        module.dev = st.st_dev;
        module.inode = st.st_ino;
        cr_assert_eq(symbols_new(1, &symbols), 0);
        for (size_t i = 0; i < n; i++) {
                frames[i] = FRAME(0, addresses[i] - SUBJECT_BASE);
                cr_assert_eq(symbols_add_frame(symbols, frames[i]), 1);
        }

        cr_assert_eq(module_namer_new(&context, symbols, 0, &module, frames, n, &namer), 0);
        while ((r = module_namer_step(namer)) > 0)
                ;
        cr_assert_eq(r, 0);

        for (size_t i = 0; i < n; i++)
                cr_expect_str_eq(
                                symbols_name(symbols, frames[i]).name,
                                names[i],
                                "'%s', not '%s'",
                                symbols_name(symbols, frames[i]).name,
                                names[i]);
}

Test(function_starts, stripped_function_has_one_name_all_over) {
        _cleanup_(symbol_cache_freep) SymbolCache *cache = NULL;
        uint64_t hidden = nm_address("subject_hidden"), label = nm_address("subject_bare_helper");
        const uint64_t addresses[] = { hidden, hidden + 1, hidden + 9, nm_address("main"), label };
        char names[5][64];
        size_t before, after;

        for (size_t i = 0; i < 3; i++)
                (void) snprintf(names[i], sizeof(names[i]), "subject+0x%" PRIx64, hidden);
        strcpy(names[3], "main"); /* exported, as the program is linked */
        (void) snprintf(names[4], sizeof(names[4]), "subject+0x%" PRIx64, label); /* without a description */

        cr_assert_eq(symbol_cache_new(1U << 20, &cache), 0);
        expect_names("subject-stripped", cache, addresses + 3, names + 3, 1);
        before = symbol_cache_bytes(cache);
        expect_names("subject-stripped", cache, addresses, names, 5);
        after = symbol_cache_bytes(cache);
        cr_expect_gt(after, before, "what was found out is accounted for");

        /* From the cache. */
        expect_names("subject-stripped", cache, addresses, names, 5);
        cr_expect_eq(symbol_cache_bytes(cache), after);
}

Test(function_starts, are_not_sought_where_all_code_has_names) {
        _cleanup_(symbol_cache_freep) SymbolCache *cache = NULL;
        const uint64_t addresses[] = { nm_address("subject_hidden") };
        char names[1][64] = { "subject_hidden" };
        _cleanup_(closep) int fd = open_subject("subject");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = NULL;
        Module module = { .type = MODULE_FILE, .fd = fd };
        struct stat st;

        cr_assert_eq(fstat(fd, &st), 0);
        module.dev = st.st_dev;
        module.inode = st.st_ino;
        cr_assert_eq(symbol_cache_new(1U << 20, &cache), 0);
        expect_names("subject", cache, addresses, names, 1);
        m = symbol_cache_take(cache, &module);
        cr_assert(m);
        cr_expect_null(m->starts);
        cr_expect_not(m->starts_sought);
}
