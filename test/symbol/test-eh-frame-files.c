/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of real files against what elfutils says of the same addresses. */
#include "symbol/eh-frame.h"
#include "symbol/row-text.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <inttypes.h>
#include <libelf.h>
#include <string.h>
#include <sys/auxv.h>

#define ADDRESSES_MAX 40000U /* of one file: libdw interprets each function anew for each */
#define PADDING_MAX 16U      /* that needs no row of its own */
#define RBP 6
#define RA 16

TestSuite(eh_frame_files, .timeout = 50);

static bool is_plt(const Dwarf_Op *ops, size_t n) {
        static const uint8_t atoms[] = { DW_OP_breg7, DW_OP_breg16, DW_OP_lit15, DW_OP_and, DW_OP_lit11,
                                         DW_OP_ge,    DW_OP_lit3,   DW_OP_shl,   DW_OP_plus };

        if (n != ELEMENTSOF(atoms) || ops[0].number != 8)
                return false;
        for (size_t i = 0; i < n; i++)
                if (ops[i].atom != atoms[i])
                        return false;
        return true;
}

static const char *register_text(unsigned reg) {
        static char text[8];

        (void) snprintf(text, sizeof(text), "r%u", reg);
        return reg == 7 ? "rsp" : reg == RBP ? "rbp" : text;
}

/* *(rsp + a + 8 * register) + 8 */
static bool is_index(const Dwarf_Op *ops, size_t n) {
        static const uint8_t atoms[] = {
                DW_OP_breg7, 0, DW_OP_lit8, DW_OP_mul, DW_OP_plus, DW_OP_deref, DW_OP_plus_uconst,
        };

        if (n != ELEMENTSOF(atoms) || ops[1].number != 0 || ops[6].number != 8)
                return false;

        for (size_t i = 0; i < n; i++)
                if (i != 1 && ops[i].atom != atoms[i])
                        return false;

        return ops[1].atom >= DW_OP_breg0 && ops[1].atom <= DW_OP_breg15;
}

static void cfa_text(const Dwarf_Op *ops, size_t n, char *text) {
        bool is_breg = n > 0 && ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31;

        if (n == 1 && ops[0].atom == DW_OP_bregx)
                (void) snprintf(text,
                                ROW_TEXT_MAX,
                                "%s%+d",
                                register_text((unsigned) ops[0].number),
                                (int) ops[0].number2);
        else if (is_plt(ops, n))
                strcpy(text, "plt");
        else if (is_index(ops, n))
                (void) snprintf(text,
                                ROW_TEXT_MAX,
                                "*(rsp+8*r%d%+d)+8",
                                ops[1].atom - DW_OP_breg0,
                                (int) ops[0].number);
        else if (is_breg && (n == 2 || n == 3) && ops[1].atom == DW_OP_deref &&
                 (n == 2 || ops[2].atom == DW_OP_plus_uconst))
                (void) snprintf(text,
                                ROW_TEXT_MAX,
                                "*(%s%+d)%+d",
                                register_text(ops[0].atom - DW_OP_breg0),
                                (int) ops[0].number,
                                n == 3 ? (int) ops[2].number : 0);
        else
                strcpy(text, "(other)");
}

/* Where a register is: "@-16" from the CFA, "" where it was. */
static void saved_text(Dwarf_Frame *frame, int reg, char *text) {
        Dwarf_Op memory[3], *ops = NULL;
        size_t n = 0;

        strcpy(text, "(other)");
        if (dwarf_frame_register(frame, reg, memory, &ops, &n) < 0)
                return;
        if (n == 0)
                strcpy(text, ops ? "undefined" : "");
        else if (n == 2 && ops[0].atom == DW_OP_call_frame_cfa && ops[1].atom == DW_OP_plus_uconst)
                (void) snprintf(text, ROW_TEXT_MAX, "@%+d", (int) ops[1].number);
        else if (n == 2 && ops[0].atom == DW_OP_call_frame_cfa && ops[1].atom == DW_OP_breg6 &&
                 ops[1].number == 0)
                strcpy(text, "@rbp");
}

/* In the words of row_text(), by what libdw says. */
static void expected_text(Dwarf_CFI *cfi, uint64_t address, char text[static 3 * ROW_TEXT_MAX]) {
        char cfa[ROW_TEXT_MAX], rbp[ROW_TEXT_MAX], ra[ROW_TEXT_MAX];
        Dwarf_Frame *frame = NULL;
        Dwarf_Op *ops;
        size_t n;
        bool is_signal = false;

        if (dwarf_cfi_addrframe(cfi, address, &frame) < 0) {
                strcpy(text, "none");
                return;
        }

        saved_text(frame, RBP, rbp);
        saved_text(frame, RA, ra);
        (void) dwarf_frame_info(frame, NULL, NULL, &is_signal);
        if (dwarf_frame_cfa(frame, &ops, &n) < 0)
                strcpy(cfa, "(error)");
        else
                cfa_text(ops, n, cfa);

        if (is_signal)
                strcpy(text, "signal");
        else if (strcmp(ra, "undefined") == 0)
                strcpy(text, "end");
        else
                (void) snprintf(text,
                                3 * ROW_TEXT_MAX,
                                "%s%s%s%s%s",
                                cfa,
                                *rbp ? " rbp" : "",
                                rbp,
                                strcmp(ra, "@-8") == 0 ? "" : " ra",
                                strcmp(ra, "@-8") == 0 ? "" : ra);
        free(frame);
}

/* Code without a description that follows code with one so closely that no row was spent on it. */
static bool is_padding(Dwarf_CFI *cfi, uint64_t address) {
        char text[3 * ROW_TEXT_MAX];

        for (unsigned i = 1; i <= PADDING_MAX; i++) {
                expected_text(cfi, address - i, text);
                if (strcmp(text, "none") != 0)
                        return true;
        }
        return false;
}

typedef struct Tally {
        size_t n_compared, n_unsupported, n_padding;
} Tally;

static void compare_at(const UnwindRows *rows, Dwarf_CFI *cfi, const char *name, uint32_t pc, Tally *tally) {
        const struct cprof_unwind_row *row = unwind_rows_find(rows, pc);
        char expected[3 * ROW_TEXT_MAX], text[ROW_TEXT_MAX];
        const char *found = row ? row_text(row, text) : "none";

        tally->n_compared++;
        if (row && row->rule == CPROF_RULE_UNSUPPORTED) {
                tally->n_unsupported++;
                return;
        }

        expected_text(cfi, rows->base + pc, expected);
        if (strcmp(expected, "none") == 0 && strcmp(found, "none") != 0 &&
            is_padding(cfi, rows->base + pc)) {
                tally->n_padding++;
                return;
        }
        cr_expect_str_eq(
                        found,
                        expected,
                        "%s %#" PRIx64 ": '%s', not '%s'",
                        name,
                        rows->base + pc,
                        found,
                        expected);
}

static void compare(const ElfImage *image, Elf *elf, const char *name) {
        _cleanup_(eh_frame_build_freep) EhFrameBuild *b = NULL;
        Dwarf_CFI *cfi = dwarf_getcfi_elf(elf);
        EhFrameStats stats;
        UnwindRows rows;
        Tally tally = { 0 };
        size_t step;

        cr_assert(cfi, "%s: %s", name, dwarf_errmsg(-1));
        cr_assert_eq(eh_frame_build_new(image, &b), 0, "%s", name);
        cr_assert_eq(eh_frame_build_step(b, USEC_INFINITY), 0);
        eh_frame_build_take(b, &rows, &stats);
        cr_assert_gt(rows.n, 2, "%s", name);
        cr_expect_eq(stats.n_bad_entries, 0, "%s: %" PRIu64, name, stats.n_bad_entries);
        cr_expect_eq(stats.n_over_cap, 0);

        /* Where a row begins, the byte before, and somewhere within. */
        step = 1 + 3 * rows.n / ADDRESSES_MAX;
        for (size_t i = 0; i < rows.n; i += step) {
                uint32_t pc = rows.rows[i].pc;
                uint32_t length = i + 1 < rows.n ? rows.rows[i + 1].pc - pc : 1;

                cr_assert(i == 0 || rows.rows[i - 1].pc < pc);
                compare_at(&rows, cfi, name, pc, &tally);
                compare_at(&rows, cfi, name, pc - 1, &tally);
                compare_at(&rows, cfi, name, pc + (uint32_t) (i * 2654435761U % length), &tally);
        }

        cr_expect_eq(rows.rows[rows.n - 1].rule, CPROF_RULE_NONE);
        cr_expect_leq(tally.n_unsupported * 100, tally.n_compared);
        cr_expect_leq(tally.n_padding * 4, tally.n_compared);
        free(rows.rows);
        dwarf_cfi_end(cfi);
}

static void compare_file(const char *path) {
        _cleanup_(elf_image_freep) ElfImage *image = NULL;
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        Elf *elf;

        cr_assert_geq(fd, 0, "%s", path);
        cr_assert_eq(elf_image_open_fd(fd, &image), 0);
        (void) elf_version(EV_CURRENT);
        elf = elf_begin(fd, ELF_C_READ, NULL);
        compare(image, elf, path);
        (void) elf_end(elf);
}

Test(eh_frame_files, rows_of_the_c_library_are_as_libdw_has_them) {
        Dl_info info;

        cr_assert_neq(dladdr((void *) gnu_get_libc_version, &info), 0);
        compare_file(info.dli_fname);
}

Test(eh_frame_files, rows_of_this_program_are_as_libdw_has_them) {
        compare_file("/proc/self/exe");
}

/* Assembly by hand with rules of its own, and a large program; where they are installed. */
Test(eh_frame_files, rows_of_installed_files_are_as_libdw_has_them) {
        static const char *const paths[] = { "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
                                             "/lib64/ld-linux-x86-64.so.2",
                                             "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
                                             "/usr/bin/python3.11" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (access(paths[i], R_OK) == 0)
                        compare_file(paths[i]);
}

Test(eh_frame_files, rows_of_the_vdso_are_as_libdw_has_them) {
        _cleanup_(elf_image_freep) ElfImage *image = NULL;
        const Elf64_Ehdr *vdso = (const Elf64_Ehdr *) getauxval(AT_SYSINFO_EHDR);
        size_t size;
        Elf *elf;

        if (!vdso)
                cr_skip_test("this machine has no vdso");

        size = vdso->e_shoff + (size_t) vdso->e_shnum * vdso->e_shentsize;
        cr_assert_eq(elf_image_open_memory(vdso, size, &image), 0);
        (void) elf_version(EV_CURRENT);
        elf = elf_memory((char *) vdso, size);
        compare(image, elf, "vdso");
        (void) elf_end(elf);
}
