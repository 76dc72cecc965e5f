/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/mini-debug-info.h"

#include <lzma.h>

#define INPUT_SIZE 16384U
#define OUTPUT_SLICE 65536U

struct MiniDebugInfo {
        const ElfImage *image; /* borrowed */
        uint64_t next, end;    /* of the compressed bytes in the file */

        lzma_stream stream;
        uint8_t *output; /* owned */
        size_t n_output, n_allocated;

        uint8_t input[INPUT_SIZE];
};

int mini_debug_info_new(const ElfImage *image, MiniDebugInfo **ret) {
        _cleanup_(mini_debug_info_freep) MiniDebugInfo *m = NULL;
        const ElfSection *section;

        assert(image);
        assert(ret);

        section = elf_image_section_by_name(image, ".gnu_debugdata");
        if (!section)
                return -ENOENT;

        m = malloc(sizeof(*m));
        if (!m)
                return -ENOMEM;

        *m = (MiniDebugInfo){
                .image = image,
                .next = section->offset,
                .end = section->offset + section->size,
                .stream = LZMA_STREAM_INIT,
        };

        if (lzma_stream_decoder(&m->stream, MINI_DEBUG_INFO_MEMORY_MAX, /* flags= */ 0) != LZMA_OK)
                return -ENOMEM;

        *ret = TAKE_PTR(m);
        return 0;
}

MiniDebugInfo *mini_debug_info_free(MiniDebugInfo *m) {
        if (!m)
                return NULL;

        lzma_end(&m->stream);
        free(m->output);
        free(m);
        return NULL;
}

static int grow_output(MiniDebugInfo *m) {
        size_t n = m->n_allocated > 0 ? m->n_allocated * 2 : 4 * OUTPUT_SLICE;
        uint8_t *p;

        if (m->n_allocated - m->n_output >= OUTPUT_SLICE)
                return 0;
        if (m->n_output >= MINI_DEBUG_INFO_SIZE_MAX)
                return -E2BIG;

        p = realloc(m->output, n);
        if (!p)
                return -ENOMEM;

        m->output = p;
        m->n_allocated = n;
        return 0;
}

static int refill_input(MiniDebugInfo *m) {
        size_t n = (size_t) MIN_OF(m->end - m->next, (uint64_t) sizeof(m->input));
        int r;

        if (m->stream.avail_in > 0 || n == 0)
                return 0;

        r = elf_image_read(m->image, m->next, m->input, n);
        if (r < 0)
                return r;

        m->next += n;
        m->stream.next_in = m->input;
        m->stream.avail_in = n;
        return 0;
}

int mini_debug_info_step(MiniDebugInfo *m) {
        lzma_ret code;
        int r;

        assert(m);

        r = grow_output(m);
        if (r < 0)
                return r;

        r = refill_input(m);
        if (r < 0)
                return r;

        m->stream.next_out = m->output + m->n_output;
        m->stream.avail_out = OUTPUT_SLICE;
        code = lzma_code(&m->stream, m->next < m->end ? LZMA_RUN : LZMA_FINISH);
        m->n_output += OUTPUT_SLICE - m->stream.avail_out;

        switch (code) {
        case LZMA_OK:
                return 1;
        case LZMA_STREAM_END:
                return 0;
        case LZMA_MEM_ERROR:
                return -ENOMEM;
        default:
                return -EBADMSG;
        }
}

const void *mini_debug_info_data(const MiniDebugInfo *m, size_t *ret_size) {
        *ret_size = m->n_output;
        return m->output;
}
