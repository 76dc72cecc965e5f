/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/kallsyms.h"

#include "basic/file-io.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(kallsyms, .timeout = 10);

Test(kallsyms, line_is_address_type_name_and_module) {
        static const struct {
                const char *line;
                int result;
                uint64_t address;
                char type;
                const char *name, *module;
        } rows[] = {
                { "ffffffff81000000 T _stext", 0, UINT64_C(0xffffffff81000000), 'T', "_stext", NULL },
                { "ffffffffc0402010 t fuse_do_open\t[fuse]",
                  0,
                  UINT64_C(0xffffffffc0402010),
                  't',
                  "fuse_do_open",
                  "fuse" },
                { "0000000000000000 A fixed_percpu_data", 0, 0, 'A', "fixed_percpu_data", NULL },
                { "", -EBADMSG },
                { "ffffffff81000000", -EBADMSG },
                { "ffffffff81000000 T", -EBADMSG },
                { "ffffffff81000000 T ", -EBADMSG },
                { "ffffffff81000000  T x", -EBADMSG },
                { "1ffffffff81000000 T x", -EBADMSG },
                { "xyz T x", -EBADMSG },
                { "ffffffff81000000 T x\t[", -EBADMSG },
                { "ffffffff81000000 T x\tfuse", -EBADMSG },
                { "ffffffff81000000 T \t[fuse]", -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                KallsymsLine l;
                int r = kallsyms_line_parse(rows[i].line, strlen(rows[i].line), &l);

                cr_expect_eq(r, rows[i].result, "row %zu: %i", i, r);
                if (r < 0 || rows[i].result < 0)
                        continue;

                cr_expect_eq(l.address, rows[i].address);
                cr_expect_eq(l.type, rows[i].type);
                cr_expect_eq(l.name_length, strlen(rows[i].name));
                cr_expect_eq(memcmp(l.name, rows[i].name, l.name_length), 0);
                cr_expect_eq(l.module != NULL, rows[i].module != NULL);
                if (l.module && rows[i].module) {
                        cr_expect_eq(l.module_length, strlen(rows[i].module));
                        cr_expect_eq(memcmp(l.module, rows[i].module, l.module_length), 0);
                }
        }
}

static SymbolTable *read_table(int proc_fd) {
        _cleanup_(kallsyms_freep) Kallsyms *k = NULL;
        int r;

        cr_assert_eq(kallsyms_open(proc_fd, &k), 0);
        while ((r = kallsyms_step(k)) > 0)
                ;
        cr_assert_eq(r, 0);
        return kallsyms_take(k);
}

static SymbolTable *table_of(const char *text) {
        _cleanup_(closep) int directory = -EBADF, fd = -EBADF;
        char path[] = "/tmp/test-kallsyms-XXXXXX";
        SymbolTable *t;

        cr_assert(mkdtemp(path));
        directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        cr_assert(directory >= 0);

        fd = openat(directory, "kallsyms", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        cr_assert_eq(write_full_fd(fd, text, strlen(text)), 0);

        t = read_table(directory);
        cr_assert_eq(unlinkat(directory, "kallsyms", 0), 0);
        cr_assert_eq(rmdir(path), 0);
        return t;
}

static void expect_name(const SymbolTable *t, uint64_t address, const char *expected) {
        char name[SYMBOL_NAME_MAX + 1];

        if (symbol_table_name(t, address, name) < 0)
                strcpy(name, "(none)");
        cr_expect_str_eq(name, expected, "%#" PRIx64 " is '%s', not '%s'", address, name, expected);
}

Test(kallsyms, function_reaches_to_the_next_one) {
        _cleanup_(symbol_table_freep) SymbolTable *t =
                        table_of("0000000000000000 A fixed_percpu_data\n"
                                 "ffffffff81000000 T _stext\n"
                                 "ffffffff81000000 T startup_64\n"
                                 "ffffffff81000100 t tcp_ack.isra.0\n"
                                 "ffffffff81000200 W arch_thing\n"
                                 "ffffffff81000240 D some_data\n"
                                 "ffffffffc0402010 t fuse_do_open\t[fuse]\n"
                                 "ffffffffc0300000 t bpf_prog_6deef7357e7b4530\t[bpf]\n"
                                 "this is no line\n"
                                 "ffffffffc0402050 t fuse_cut_off");

        expect_name(t, UINT64_C(0xffffffff80ffffff), "(none)");
        expect_name(t, UINT64_C(0xffffffff81000000), "startup_64");
        expect_name(t, UINT64_C(0xffffffff810000ff), "startup_64");
        expect_name(t, UINT64_C(0xffffffff81000100), "tcp_ack.isra.0");
        expect_name(t, UINT64_C(0xffffffff81000250), "arch_thing");
        expect_name(t, UINT64_C(0xffffffff81000200) + KALLSYMS_SYMBOL_SIZE_MAX, "(none)");
        expect_name(t, UINT64_C(0xffffffffc0300004), "bpf_prog_6deef7357e7b4530 [bpf]");
        expect_name(t, UINT64_C(0xffffffffc0402060), "fuse_do_open [fuse]"); /* the last line is not whole */
        expect_name(t, 0, "(none)");
}

Test(kallsyms, hidden_addresses_give_an_empty_table) {
        _cleanup_(symbol_table_freep) SymbolTable *t = table_of("0000000000000000 T _stext\n"
                                                                "0000000000000000 T startup_64\n");

        cr_expect_eq(symbol_table_size(t), 0);
        expect_name(t, 0, "(none)");
        expect_name(t, UINT64_C(0xffffffff81000000), "(none)");
}

Test(kallsyms, missing_file_is_an_error) {
        _cleanup_(closep) int directory = open("/dev/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
        Kallsyms *k;

        cr_expect_eq(kallsyms_open(directory, &k), -ENOENT);
}
