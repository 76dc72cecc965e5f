/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "symbol/elf-load.h"
#include "symbol/subjects.h"

#include <sys/mman.h>
#include <sys/stat.h>

TestSuite(elf_symbols, .timeout = 20);

static const char *const no_roots[] = { NULL };

static ModuleSymbols *load(int fd, const char *path, const char *const *roots) {
        _cleanup_(elf_load_freep) ElfLoad *l = NULL;
        ModuleSymbols *m;
        int r;

        cr_assert_eq(elf_load_new_file(fd, path, roots, &l), 0);
        while ((r = elf_load_step(l)) > 0)
                ;
        cr_assert_eq(r, 0);

        m = elf_load_take(l);
        cr_assert_eq(module_symbols_bind(m, fd), 0);
        return m;
}

static ModuleSymbols *load_subject(int fd, const char *name, const char *const *roots) {
        char path[PATH_MAX];

        return load(fd, subject_path(name, path), roots);
}

static void expect_name(const ModuleSymbols *m, uint64_t address, const char *expected) {
        char name[SYMBOL_NAME_MAX + 1];

        if (!m->table || symbol_table_name(m->table, address, name) < 0)
                strcpy(name, "(none)");
        cr_expect_str_eq(name, expected, "%#" PRIx64 " is '%s', not '%s'", address, name, expected);
}

Test(elf_symbols, functions_have_the_addresses_that_nm_tells) {
        _cleanup_(closep) int fd = open_subject("subject");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = load_subject(fd, "subject", no_roots);

        cr_expect_eq(m->source, SYMBOL_SOURCE_SYMTAB);
        expect_name(m, nm_address("main"), "main");
        expect_name(m, nm_address("main") + 1, "main");
        expect_name(m, nm_address("main") - 1, "(none)");
        expect_name(m, nm_address("subject_hidden"), "subject_hidden");
        expect_name(m,
                    nm_address("subject_exported"),
                    "subject_alias"); /* shortest strong without underscores */
}

Test(elf_symbols, data_is_no_code) {
        _cleanup_(closep) int fd = open_subject("subject");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = load_subject(fd, "subject", no_roots);

        expect_name(m, nm_address("sink"), "(none)");
}

Test(elf_symbols, symbol_without_size_ends_at_the_next_one) {
        _cleanup_(closep) int fd = open_subject("subject");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = load_subject(fd, "subject", no_roots);
        uint64_t helper = nm_address("subject_bare_helper");

        expect_name(m, nm_address("subject_bare"), "subject_bare");
        expect_name(m, helper - 1, "subject_bare"); /* the label ".L…" is no name */
        expect_name(m, helper, "subject_bare_helper");
        expect_name(m, nm_address("subject_framed") - 1, "subject_bare_helper");
}

Test(elf_symbols, label_inside_a_function_does_not_hide_it) {
        _cleanup_(closep) int fd = open_subject("subject");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = load_subject(fd, "subject", no_roots);
        uint64_t label = nm_address("subject_framed_loop");

        expect_name(m, label, "subject_framed");
        expect_name(m, label + 1, "subject_framed");
}

Test(elf_symbols, size_of_a_function_is_respected) {
        _cleanup_(closep) int fd = open_subject("subject");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = load_subject(fd, "subject", no_roots);

        /* Three instructions follow the label; 4 bytes are the most each has.
         * Nothing has a name behind them. */
        expect_name(m, nm_address("subject_framed_loop") + 12, "(none)");
}

Test(elf_symbols, file_offset_becomes_address_by_executable_segment) {
        _cleanup_(closep) int fd = open_subject("subject");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = load_subject(fd, "subject", no_roots);
        uint64_t address = 0;

        cr_assert_eq(m->n_code, 1);
        cr_expect_neq(m->code[0].address, m->code[0].offset, "the fixture proves nothing");
        cr_expect_eq(module_symbols_address(m, m->code[0].offset + 5, &address), 0);
        cr_expect_eq(address, m->code[0].address + 5);
        cr_expect_eq(module_symbols_address(m, 0, &address), -ENOENT, "the ELF header is no code");
        cr_expect_eq(module_symbols_address(m, m->code[0].offset + m->code[0].file_size, &address), -ENOENT);
        cr_expect_eq(module_symbols_address(m, UINT64_MAX, &address), -ENOENT);
}

Test(elf_symbols, stripped_file_names_exported_functions_only) {
        _cleanup_(closep) int fd = open_subject("subject-stripped");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = load_subject(fd, "subject-stripped", no_roots);

        cr_expect_eq(m->source, SYMBOL_SOURCE_DYNSYM);
        expect_name(m, nm_address("main"), "main");
        expect_name(m, nm_address("subject_hidden"), "(none)");
        expect_name(m, nm_address("subject_hidden") + 4, "(none)");

        /* Its size is unknown, and what follows may be anything. */
        expect_name(m, nm_address("subject_bare"), "subject_bare");
        expect_name(m, nm_address("subject_bare_helper"), "(none)");
}

Test(elf_symbols, mini_debug_info_adds_the_functions_that_are_not_exported) {
        _cleanup_(closep) int fd = open_subject("subject-mini");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = load_subject(fd, "subject-mini", no_roots);

        cr_expect_eq(m->source, SYMBOL_SOURCE_MINI_DEBUG_INFO);
        expect_name(m, nm_address("subject_hidden"), "subject_hidden");
        expect_name(m, nm_address("main") + 1, "main");
}

Test(elf_symbols, debug_link_finds_the_file_beside) {
        _cleanup_(closep) int fd = open_subject("subject-link");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = load_subject(fd, "subject-link", no_roots);

        cr_expect_eq(m->source, SYMBOL_SOURCE_DEBUG_FILE);
        expect_name(m, nm_address("subject_hidden"), "subject_hidden");
}

/* A directory of debug files that goes away with the test. */
typedef struct Root {
        char path[64];
        int fd;
} Root;

static void root_done(Root *r) {
        char command[96];

        (void) safe_close(r->fd);
        (void) snprintf(command, sizeof(command), "rm -rf %s", r->path);
        cr_assert_eq(system(command), 0);
}

static Root root_new(void) {
        Root r = { .path = "/tmp/test-elf-symbols-XXXXXX" };

        cr_assert(mkdtemp(r.path));
        r.fd = open(r.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        cr_assert(r.fd >= 0);
        return r;
}

/* Puts a copy of a subject into the root, with @n_extra bytes more at its end. */
static void root_add(const Root *root, const char *subject, const char *path, size_t n_extra) {
        _cleanup_(closep) int fd = open_subject(subject), out = -EBADF;
        _cleanup_(freep) char *data = NULL, *directory = strdup(path);
        size_t length;

        cr_assert_eq(read_full_fd(fd, 1U << 24, &data, &length), 0);
        *strrchr(directory, '/') = '\0';
        cr_assert(mkdir_parents_at(root->fd, directory, 0755) >= 0);

        out = openat(root->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        cr_assert(out >= 0);
        cr_assert_eq(write_full_fd(out, data, length), 0);
        cr_assert_eq(write_full_fd(out, "xxxxxxxx", n_extra), 0);
}

static void build_id_path(const ModuleSymbols *m, char ret_path[static 256]) {
        (void) snprintf(ret_path, 256, ".build-id/%.2s/%s.debug", m->build_id, m->build_id + 2);
}

Test(elf_symbols, build_id_finds_the_file_below_a_root) {
        _cleanup_(root_done) Root root = root_new();
        const char *const roots[] = { "/nonexistent", root.path, NULL };
        _cleanup_(closep) int fd = open_subject("subject-stripped");
        _cleanup_(module_symbols_freep) ModuleSymbols *bare = load_subject(fd, "subject-stripped", roots),
                                                      *m = NULL;
        char path[256];

        cr_assert_eq(strlen(bare->build_id), 40);
        cr_assert_eq(bare->source, SYMBOL_SOURCE_DYNSYM);

        build_id_path(bare, path);
        root_add(&root, "subject.debug", path, 0);

        m = load_subject(fd, "subject-stripped", roots);
        cr_expect_eq(m->source, SYMBOL_SOURCE_DEBUG_FILE);
        cr_expect_str_eq(m->build_id, bare->build_id);
        expect_name(m, nm_address("subject_hidden"), "subject_hidden");
}

Test(elf_symbols, file_of_another_build_id_is_refused) {
        _cleanup_(root_done) Root root = root_new();
        const char *const roots[] = { root.path, NULL };
        _cleanup_(closep) int other = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        _cleanup_(module_symbols_freep) ModuleSymbols *self = load(other, "/x", no_roots), *m = NULL;
        char path[256];

        cr_assert_gt(strlen(self->build_id), 0);
        build_id_path(self, path);
        root_add(&root, "subject.debug", path, 0); /* not of this program */

        m = load(other, "/x", roots);
        cr_expect_neq(m->source, SYMBOL_SOURCE_DEBUG_FILE);
}

Test(elf_symbols, debug_link_with_a_wrong_checksum_is_refused) {
        _cleanup_(root_done) Root root = root_new();
        const char *const roots[] = { root.path, NULL };
        _cleanup_(closep) int fd = open_subject("subject-link");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = NULL;

        root_add(&root, "subject.debug", "usr/bin/subject.debug", 3);

        m = load(fd, "/usr/bin/subject-link", roots);
        cr_expect_eq(m->source, SYMBOL_SOURCE_DYNSYM);
}

Test(elf_symbols, debug_link_is_followed_below_a_root) {
        _cleanup_(root_done) Root root = root_new();
        const char *const roots[] = { root.path, NULL };
        _cleanup_(closep) int fd = open_subject("subject-link");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = NULL;

        root_add(&root, "subject.debug", "usr/bin/subject.debug", 0);

        m = load(fd, "/usr/bin/subject-link", roots);
        cr_expect_eq(m->source, SYMBOL_SOURCE_DEBUG_FILE);
}

Test(elf_symbols, replaced_debug_file_is_not_read_for_names) {
        _cleanup_(root_done) Root root = root_new();
        const char *const roots[] = { root.path, NULL };
        _cleanup_(closep) int fd = open_subject("subject-link");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = NULL;

        root_add(&root, "subject.debug", "usr/bin/subject.debug", 0);
        m = load(fd, "/usr/bin/subject-link", roots);
        cr_assert_eq(m->source, SYMBOL_SOURCE_DEBUG_FILE);
        module_symbols_unbind(m);

        root_add(&root, "subject-stripped", "usr/bin/other", 0);
        cr_assert_eq(renameat(root.fd, "usr/bin/other", root.fd, "usr/bin/subject.debug"), 0);
        cr_expect_eq(module_symbols_bind(m, fd), -ESTALE);
}

Test(elf_symbols, unbound_table_has_no_names) {
        _cleanup_(closep) int fd = open_subject("subject");
        _cleanup_(module_symbols_freep) ModuleSymbols *m = load_subject(fd, "subject", no_roots);

        module_symbols_unbind(m);
        expect_name(m, nm_address("main"), "(none)");
}

Test(elf_symbols, what_is_no_elf_file_is_refused) {
        static const struct {
                const char *data;
                size_t length;
        } rows[] = {
                { "", 0 },
                { "\x7f"
                  "ELF",
                  4 },
                { "#!/bin/sh\nexit 0\n", 17 },
                { "\x7f"
                  "ELF\x02\x02\x01\0\0\0\0\0\0\0\0\0",
                  16 }, /* the other byte order */
                { "\x7f"
                  "ELF\x09\x01\x01\0\0\0\0\0\0\0\0\0",
                  16 }, /* no class */
                { "\x7f"
                  "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0",
                  16 }, /* half a header */
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(closep) int fd = memfd_create("test", MFD_CLOEXEC);
                ElfLoad *l;

                cr_assert_eq(write_full_fd(fd, rows[i].data, rows[i].length), 0);
                cr_expect_eq(elf_load_new_file(fd, "/x", no_roots, &l), -EBADMSG, "row %zu", i);
        }
}

Test(elf_symbols, device_and_directory_are_refused) {
        static const char *const paths[] = { "/dev/null", "/" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_(closep) int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
                ElfLoad *l;

                cr_expect_eq(elf_load_new_file(fd, paths[i], no_roots, &l), -EBADMSG);
        }
}

/* Each prefix of a file is one that its owner truncated. */
Test(elf_symbols, truncated_file_gives_true_names_or_none) {
        _cleanup_(closep) int fd = open_subject("subject");
        _cleanup_(freep) char *data = NULL;
        uint64_t hidden = nm_address("subject_hidden");
        size_t length;

        cr_assert_eq(read_full_fd(fd, 1U << 24, &data, &length), 0);
        for (size_t n = 64; n < length; n += 61) {
                _cleanup_(closep) int part = memfd_create("test", MFD_CLOEXEC);
                _cleanup_(module_symbols_freep) ModuleSymbols *m = NULL;
                char name[SYMBOL_NAME_MAX + 1];

                cr_assert_eq(write_full_fd(part, data, n), 0);
                m = load(part, "/x", no_roots);
                if (m->table && symbol_table_name(m->table, hidden, name) >= 0)
                        cr_expect_str_eq(name, "subject_hidden");
        }
}

Test(elf_symbols, file_that_shrinks_while_it_is_read_is_an_error_of_that_source_only) {
        _cleanup_(closep) int fd = open_subject("subject"), copy = memfd_create("test", MFD_CLOEXEC);
        _cleanup_(elf_load_freep) ElfLoad *l = NULL;
        _cleanup_(module_symbols_freep) ModuleSymbols *m = NULL;
        _cleanup_(freep) char *data = NULL;
        size_t length;
        int r;

        cr_assert_eq(read_full_fd(fd, 1U << 24, &data, &length), 0);
        cr_assert_eq(write_full_fd(copy, data, length), 0);
        cr_assert_eq(elf_load_new_file(copy, "/x", no_roots, &l), 0);
        cr_assert_eq(ftruncate(copy, 100), 0);

        while ((r = elf_load_step(l)) > 0)
                ;
        cr_assert_eq(r, 0);
        m = elf_load_take(l);
        cr_expect_eq(m->source, SYMBOL_SOURCE_NONE);
        cr_expect_null(m->table);
}
