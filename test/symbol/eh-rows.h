/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/eh-frame.h"
#include "symbol/eh-image.h"
#include "symbol/row-text.h"

#include <criterion/criterion.h>

/* The rows of an image that a test wrote. */

#define BYTES(text) (text), sizeof(text) - 1

/* version 1, "zR", alignments 1 and -8, return address 16, addresses relative in 4 bytes */
#define HEAD "\x01zR\0\x01\x78\x10\x01\x1b"
#define SIGNAL_HEAD "\x01zRS\0\x01\x78\x10\x01\x1b"
#define INITIAL "\x0c\x07\x08\x90\x01" /* CFA = rsp + 8, return address below */

static EhImage image; /* of the test that runs; each has a process of its own */

/* All rows as "PC:RULE …" with pc in hex, relative to the start of the code. */
static inline void rows_text(const UnwindRows *rows, char *text, size_t size) {
        char one[ROW_TEXT_MAX];
        size_t n = 0;

        text[0] = '\0';
        for (size_t i = 0; i < rows->n && n < size; i++)
                n += (size_t) snprintf(
                                text + n,
                                size - n,
                                "%s%x:%s",
                                i > 0 ? " | " : "",
                                rows->rows[i].pc,
                                row_text(&rows->rows[i], one));
}

static inline int build(bool with_sections, UnwindRows *ret_rows, EhFrameStats *ret_stats) {
        _cleanup_(eh_frame_build_freep) EhFrameBuild *b = NULL;
        _cleanup_(elf_image_freep) ElfImage *elf = NULL;
        size_t size = eh_finish(&image, with_sections);
        int r;

        cr_assert_eq(elf_image_open_memory(image.file, size, &elf), 0);
        r = eh_frame_build_new(elf, &b);
        if (r < 0)
                return r;

        while ((r = eh_frame_build_step(b, 0)) > 0)
                ;
        cr_assert_eq(r, 0);
        eh_frame_build_take(b, ret_rows, ret_stats);
        return 0;
}

static inline void expect_rows(const char *name, const char *expected, uint64_t n_bad) {
        char text[4096];
        EhFrameStats stats;
        UnwindRows rows;

        cr_assert_eq(build(true, &rows, &stats), 0, "%s", name);
        cr_expect_eq(rows.base, EH_IMAGE_CODE);
        cr_expect_eq(stats.n_bad_entries, n_bad, "%s: %d bad", name, (int) stats.n_bad_entries);
        rows_text(&rows, text, sizeof(text));
        cr_expect_str_eq(text, expected, "%s: '%s', not '%s'", name, text, expected);
        free(rows.rows);
}
