/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/eh-rows.h"

TestSuite(eh_frame, .timeout = 20);

typedef struct Span {
        uint32_t start, size; /* from the start of the code */
        uint32_t frame;       /* what rsp is away from the CFA; /8 < 128 */
} Span;

static void
expect_spans(const char *name, const Span *spans, size_t n, const char *expected, uint64_t n_bad) {
        size_t cie;

        image.n = 0;
        cie = eh_add_cie(&image, BYTES(HEAD), BYTES(INITIAL));
        for (size_t i = 0; i < n && spans[i].frame > 0; i++) {
                const uint8_t program[] = { 0x0e, (uint8_t) spans[i].frame };

                eh_add_fde(&image, cie, EH_IMAGE_CODE + spans[i].start, spans[i].size, program, 2);
        }
        expect_rows(name, expected, n_bad);
}

Test(eh_frame, functions_become_one_table) {
        static const struct {
                const char *name;
                Span spans[4];
                const char *expected;
                uint64_t n_bad;
        } rows[] = {
                { "not sorted",
                  { { 0x80, 0x40, 32 }, { 0, 0x40, 16 }, { 0x40, 0x40, 24 } },
                  "0:rsp+16 | 40:rsp+24 | 80:rsp+32 | c0:none",
                  0 },
                { "padding of 16 bytes, then 17",
                  { { 0, 0x10, 16 }, { 0x20, 0x10, 24 }, { 0x41, 0x10, 32 } },
                  "0:rsp+16 | 20:rsp+24 | 30:none | 41:rsp+32 | 51:none",
                  0 },
                { "equal neighbours", { { 0, 0x10, 16 }, { 0x10, 0x10, 16 } }, "0:rsp+16 | 20:none", 0 },
                { "equal rules around a gap",
                  { { 0, 0x10, 16 }, { 0x100, 0x10, 16 } },
                  "0:rsp+16 | 10:none | 100:rsp+16 | 110:none",
                  0 },
                { "the one that starts later has what is shared",
                  { { 0x20, 0x100, 24 }, { 0, 0x80, 16 } },
                  "0:rsp+16 | 20:rsp+24 | 120:none",
                  0 },
                { "one within another",
                  { { 0, 0x100, 16 }, { 0x40, 0x10, 24 } },
                  "0:rsp+16 | 40:rsp+24 | 50:none",
                  0 },
                { "with the same start the last of the file",
                  { { 0x10, 0x20, 16 }, { 0x10, 0x40, 24 }, { 0, 8, 8 } },
                  "0:rsp+8 | 10:rsp+24 | 50:none",
                  0 },
                { "empty ones, and outside of code",
                  { { 0x10, 0, 16 }, { EH_IMAGE_CODE_SIZE, 8, 24 }, { -8U, 16, 24 }, { 0, 8, 16 } },
                  "0:rsp+16 | 8:none",
                  3 },
                { "beyond the end of code",
                  { { EH_IMAGE_CODE_SIZE - 8, 0x7fffffff, 16 } },
                  "fff8:rsp+16 | 10000:none",
                  0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                expect_spans(rows[i].name, rows[i].spans, 4, rows[i].expected, rows[i].n_bad);
}

Test(eh_frame, many_functions_are_sorted_in_slices) {
        enum { N = 3000 };
        _cleanup_(freep) struct cprof_unwind_row *owned = NULL;
        EhFrameStats stats;
        UnwindRows rows;
        size_t cie = eh_add_cie(&image, BYTES(HEAD), BYTES(INITIAL));

        for (unsigned i = 0; i < N; i++) {
                unsigned place = i * 1009 % N; /* no divisor in common */
                const uint8_t program[] = { 0x0e, (uint8_t) (8 + 8 * (place % 7)) };

                eh_add_fde(&image, cie, EH_IMAGE_CODE + place * 16, 16, program, 2);
        }

        cr_assert_eq(build(true, &rows, &stats), 0);
        owned = rows.rows;
        cr_expect_eq(stats.n_fdes, N);
        cr_expect_eq(stats.covered_bytes, 16 * N);
        cr_assert_eq(rows.n, N + 1);
        for (unsigned i = 0; i < N; i++) {
                cr_assert_eq(rows.rows[i].pc, i * 16);
                cr_assert_eq(rows.rows[i].cfa, (int) (1 + i % 7));
                cr_assert_eq(unwind_rows_find(&rows, i * 16 + 15), &rows.rows[i]);
        }
        cr_expect_eq(unwind_rows_find(&rows, UINT32_MAX), &rows.rows[N]);
}

Test(eh_frame, row_before_the_first_is_none) {
        struct cprof_unwind_row one[] = { { .pc = 8 }, { .pc = 9 } };
        const UnwindRows rows = { one, 2, 0 }, empty = { 0 };

        cr_expect_null(unwind_rows_find(&rows, 7));
        cr_expect_eq(unwind_rows_find(&rows, 8), &one[0]);
        cr_expect_eq(unwind_rows_find(&rows, 9), &one[1]);
        cr_expect_null(unwind_rows_find(&empty, 0));
}

Test(eh_frame, is_found_without_section_headers) {
        EhFrameStats stats;
        UnwindRows rows;
        char text[256];
        size_t cie = eh_add_cie(&image, BYTES(HEAD), BYTES(INITIAL));

        eh_add_fde(&image, cie, EH_IMAGE_CODE, 16, BYTES("\x0e\x10"));
        eh_put32(&image, 0); /* the end; what follows is something else */
        eh_put32(&image, 0x12345678);
        cr_assert_eq(build(false, &rows, &stats), 0);
        cr_expect_eq(stats.n_bad_entries, 0);
        rows_text(&rows, text, sizeof(text));
        cr_expect_str_eq(text, "0:rsp+16 | 10:none");
        free(rows.rows);
}

Test(eh_frame, entry_of_no_length_within_a_section_is_not_its_end) {
        size_t cie = eh_add_cie(&image, BYTES(HEAD), BYTES(INITIAL));

        eh_put32(&image, 0);
        eh_put32(&image, 0);
        eh_add_fde(&image, cie, EH_IMAGE_CODE, 16, BYTES("\x0e\x10"));
        expect_rows("behind an empty entry", "0:rsp+16 | 10:none", 0);
}

Test(eh_frame, malformed_entries_are_skipped) {
        static const struct {
                const char *name;
                const char *head;
                size_t n_head;
        } heads[] = {
                { "version 2", BYTES("\x02zR\0\x01\x78\x10\x01\x1b") },
                { "return address in another register", BYTES("\x01zR\0\x01\x78\x0f\x01\x1b") },
                { "augmentation without a length", BYTES("\x01R\0\x01\x78\x10\x1b") },
                { "augmentation that is too long", BYTES("\x01zR\0\x01\x78\x10\x7f\x1b") },
                { "augmentation that is too short", BYTES("\x01zPR\0\x01\x78\x10\x02\x00\x1b") },
                { "augmentation without an end", BYTES("\x01zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz") },
                { "addresses by a pointer to them", BYTES("\x01zR\0\x01\x78\x10\x01\x9b") },
                { "addresses left out", BYTES("\x01zR\0\x01\x78\x10\x01\xff") },
        };

        for (size_t i = 0; i < ELEMENTSOF(heads); i++) {
                size_t bad, good;

                image.n = 0;
                bad = eh_add_cie(&image, heads[i].head, heads[i].n_head, "", 0);
                good = eh_add_cie(&image, BYTES(HEAD), BYTES(INITIAL));
                eh_add_fde(&image, bad, EH_IMAGE_CODE + 0x100, 16, BYTES("\x0e\x10"));
                eh_add_fde(&image, good, EH_IMAGE_CODE, 16, BYTES("\x0e\x10"));
                expect_rows(heads[i].name, "0:rsp+16 | 10:none", 1);
        }
}

/* An FDE as the CIE of another, of itself, one before the section, and one in the middle of things. */
Test(eh_frame, cie_that_is_none_is_refused) {
        size_t cie = eh_add_cie(&image, BYTES(HEAD), BYTES(INITIAL)), fde = image.n;

        eh_add_fde(&image, cie, EH_IMAGE_CODE, 16, BYTES("\x0e\x10"));
        eh_add_fde(&image, fde, EH_IMAGE_CODE + 0x100, 16, BYTES("\x0e\x18"));
        eh_add_fde(&image, image.n, EH_IMAGE_CODE + 0x200, 16, BYTES("\x0e\x18"));
        eh_add_fde(&image, (size_t) -64, EH_IMAGE_CODE + 0x300, 16, BYTES("\x0e\x18"));
        eh_add_fde(&image, cie + 3, EH_IMAGE_CODE + 0x400, 16, BYTES("\x0e\x18"));
        expect_rows("cyclic", "0:rsp+16 | 10:none", 4);
}

Test(eh_frame, lengths_that_lie_end_the_table) {
        static const struct {
                const char *name;
                uint32_t length[3];
                size_t n;
        } rows[] = {
                { "longer than the section", { 0x1000 }, 1 },
                { "longest", { 0xfffffffe }, 1 },
                { "extended", { UINT32_MAX, 16 }, 3 },
                { "extended, longest", { UINT32_MAX, UINT32_MAX, UINT32_MAX }, 3 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                size_t cie;

                image.n = 0;
                cie = eh_add_cie(&image, BYTES(HEAD), BYTES(INITIAL));
                eh_add_fde(&image, cie, EH_IMAGE_CODE, 16, BYTES("\x0e\x10"));
                eh_put(&image, rows[i].length, 4 * rows[i].n);
                expect_rows(rows[i].name, "0:rsp+16 | 10:none", 1);
        }
}

Test(eh_frame, files_of_other_machines_and_without_tables_are_refused) {
        EhFrameStats stats;
        UnwindRows rows;
        _cleanup_(elf_image_freep) ElfImage *elf = NULL;
        EhFrameBuild *b;
        size_t size;

        image.n = 0;
        cr_expect_eq(build(false, &rows, &stats), -EBADMSG, "a header that leads to nothing");
        cr_expect_eq(build(true, &rows, &stats), -EBADMSG, "likewise with an empty section");

        (void) eh_add_cie(&image, BYTES(HEAD), BYTES(INITIAL));
        size = eh_finish(&image, true);
        ((Elf64_Ehdr *) image.file)->e_machine = EM_AARCH64;
        cr_assert_eq(elf_image_open_memory(image.file, size, &elf), 0);
        cr_expect_eq(eh_frame_build_new(elf, &b), -ENODATA);
}
