/* SPDX-License-Identifier: Apache-2.0 */
/* Unwind rows and function starts of an ELF file, or of bytes that are taken as an .eh_frame alone. */
#include "../symbol/eh-image.h"
#include "symbol/eh-frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void build_rows(const ElfImage *image) {
        _cleanup_(eh_frame_build_freep) EhFrameBuild *b = NULL;
        EhFrameStats stats;
        UnwindRows rows;
        int r;

        if (eh_frame_build_new(image, &b) < 0)
                return;
        while ((r = eh_frame_build_step(b, 0)) > 0)
                ;
        if (r < 0)
                return;

        eh_frame_build_take(b, &rows, &stats);
        for (size_t i = 1; i < rows.n; i++)
                if (rows.rows[i].pc <= rows.rows[i - 1].pc)
                        abort();
        if (rows.n > 0 &&
            (rows.rows[rows.n - 1].rule != CPROF_RULE_NONE ||
             unwind_rows_find(&rows, UINT32_MAX) != &rows.rows[rows.n - 1]))
                abort();
        free(rows.rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static EhImage wrapped;
        _cleanup_(elf_image_freep) ElfImage *image = NULL;

        if (size > sizeof(wrapped.eh))
                return 0;

        if (size < 4 ||
            memcmp(data,
                   "\x7f"
                   "ELF",
                   4) != 0) {
                wrapped.n = 0;
                eh_put(&wrapped, data, size);
                size = eh_finish(&wrapped, size % 2);
                data = wrapped.file;
        }

        if (elf_image_open_memory(data, size, &image) >= 0)
                build_rows(image);
        return 0;
}
