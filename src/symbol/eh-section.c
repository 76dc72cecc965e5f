/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/eh-section.h"

#include "symbol/dwarf-reader.h"
#include "symbol/eh-frame.h"

#define HEADER_BYTES 16U /* version, three encodings and the pointer, whatever its format */

/* The pointer to .eh_frame at the start of .eh_frame_hdr. */
static int read_header(const ElfImage *image, uint64_t *ret_address) {
        const ElfSegment *s = &image->eh_frame_header;
        uint8_t bytes[HEADER_BYTES], encoding;
        size_t size = MIN_OF(s->file_size, (uint64_t) sizeof(bytes));
        DwarfReader r;
        int k;

        k = elf_image_read(image, s->offset, bytes, size);
        if (k < 0)
                return k;

        r = dwarf_reader(bytes, size, s->address);
        if (dwarf_read_byte(&r) != 1) /* version */
                return -EBADMSG;
        encoding = dwarf_read_byte(&r);
        (void) dwarf_read_unsigned(&r, 2); /* how the search table is encoded */

        /* Relative to the data means to the start of this header. */
        if ((encoding & ~DWARF_POINTER_FORMAT) == DWARF_POINTER_DATA_RELATIVE)
                *ret_address = s->address + dwarf_read_pointer(&r, encoding & DWARF_POINTER_FORMAT);
        else
                *ret_address = dwarf_read_pointer(&r, encoding);

        return r.bad ? -EBADMSG : 0;
}

static int find_by_header(const ElfImage *image, EhSection *ret_section) {
        uint64_t address;
        int r;

        if (image->eh_frame_header.file_size == 0)
                return -ENODATA;

        r = read_header(image, &address);
        if (r < 0)
                return r;

        for (size_t i = 0; i < image->n_segments; i++) {
                const ElfSegment *s = &image->segments[i];
                uint64_t within = address - s->address;

                if (address < s->address || within >= s->file_size || s->offset > image->size ||
                    within >= image->size - s->offset)
                        continue;

                *ret_section = (EhSection){
                        .offset = s->offset + within,
                        .size = MIN_OF(s->file_size - within, image->size - s->offset - within),
                        .address = address,
                };
                ret_section->size = MIN_OF(ret_section->size, (uint64_t) EH_FRAME_BYTES_MAX);
                return 0;
        }

        return -EBADMSG;
}

int eh_section_find(const ElfImage *image, EhSection *ret_section) {
        const ElfSection *s;

        assert(image);
        assert(ret_section);

        if (!image->is_64 || image->machine != EM_X86_64)
                return -ENODATA;

        s = elf_image_section_by_name(image, ".eh_frame");
        if (!s || s->size == 0)
                return find_by_header(image, ret_section);
        if (s->flags & SHF_COMPRESSED)
                return -EBADMSG;
        if (s->size > EH_FRAME_BYTES_MAX)
                return -EFBIG;

        *ret_section = (EhSection){
                .offset = s->offset,
                .size = s->size,
                .address = s->address,
                .bounded = true,
        };
        return 0;
}
