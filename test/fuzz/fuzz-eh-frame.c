/* SPDX-License-Identifier: Apache-2.0 */
/* Unwind rows and function starts of an ELF file, or of bytes that are taken as an .eh_frame alone. */
#include "../symbol/eh-image.h"
#include "symbol/eh-frame.h"
#include "symbol/function-starts.h"

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

static void load_starts(const ElfImage *image) {
        _cleanup_(function_starts_load_freep) FunctionStartsLoad *l = NULL;
        _cleanup_(function_starts_freep) FunctionStarts *f = NULL;
        uint64_t start;
        int r;

        if (function_starts_load_new(image, &l) < 0)
                return;
        while ((r = function_starts_load_step(l)) > 0)
                ;
        if (r < 0)
                return;

        f = function_starts_load_take(l);
        for (uint64_t address = EH_IMAGE_CODE; address < EH_IMAGE_CODE + 0x100; address++)
                if (function_starts_find(f, address, &start) >= 0 && start > address)
                        abort();
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

        if (elf_image_open_memory(data, size, &image) < 0)
                return 0;

        build_rows(image);
        load_starts(image);
        return 0;
}
