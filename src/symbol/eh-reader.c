/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/eh-reader.h"

#include "symbol/eh-section.h"

#define LENGTH_EXTENDED UINT32_C(0xffffffff) /* a length of 64 bits follows */

typedef struct KeptCie {
        uint64_t offset; /* in the section; UINT64_MAX = nothing kept */
        bool bad;
        Cie cie;
} KeptCie;

struct EhReader {
        const ElfImage *image; /* borrowed */
        EhSection section;
        uint64_t next; /* offset in the section */

        uint8_t *window; /* owned */
        uint64_t window_offset, window_size;

        KeptCie cies[EH_CIES_KEPT];
        unsigned n_entries, n_cie_reads;
        uint8_t cie_bytes[EH_CIE_BYTES_MAX];
};

int eh_reader_new(const ElfImage *image, EhReader **ret_reader) {
        _cleanup_(eh_reader_freep) EhReader *reader = NULL;
        int r;

        assert(image);
        assert(ret_reader);

        reader = calloc(1, sizeof(*reader));
        if (!reader)
                return -ENOMEM;
        reader->image = image;

        r = eh_section_find(image, &reader->section);
        if (r < 0)
                return r;

        reader->window = malloc(EH_WINDOW_BYTES);
        if (!reader->window)
                return -ENOMEM;

        for (size_t i = 0; i < EH_CIES_KEPT; i++)
                reader->cies[i].offset = UINT64_MAX;

        *ret_reader = TAKE_PTR(reader);
        return 0;
}

EhReader *eh_reader_free(EhReader *r) {
        if (!r)
                return NULL;

        free(r->window);
        free(r);
        return NULL;
}

/* The @size bytes at @offset of the section, which has them, in the window. */
static int see(EhReader *r, uint64_t offset, uint64_t size, DwarfReader *ret_bytes) {
        int k;

        assert(size <= EH_WINDOW_BYTES);

        if (offset < r->window_offset || offset + size > r->window_offset + r->window_size) {
                uint64_t wanted = MIN_OF(r->section.size - offset, (uint64_t) EH_WINDOW_BYTES);

                r->window_size = 0;
                k = elf_image_read(r->image, r->section.offset + offset, r->window, wanted);
                if (k < 0)
                        return k;
                r->window_offset = offset;
                r->window_size = wanted;
        }

        *ret_bytes = dwarf_reader(
                        r->window + (offset - r->window_offset), size, r->section.address + offset);
        return 0;
}

/* What follows the augmentation string, of which the first letter said that there is a length. */
static int parse_augmentation(DwarfReader bytes, const char *letters, Cie *c) {
        for (; *letters; letters++)
                switch (*letters) {
                case 'R':
                        c->encoding = dwarf_read_byte(&bytes);
                        break;
                case 'L':
                        (void) dwarf_read_byte(&bytes);
                        break;
                case 'P': {
                        uint8_t encoding = dwarf_read_byte(&bytes);

                        /* Only its size is of interest here, not what it is relative to. */
                        if (encoding != DWARF_POINTER_OMIT)
                                (void) dwarf_read_pointer(&bytes, encoding & DWARF_POINTER_FORMAT);
                        break;
                }
                case 'S':
                        c->signal_frame = true;
                        break;
                default: /* unknown; the instructions are found all the same */
                        return bytes.bad ? -EBADMSG : 0;
                }

        return bytes.bad ? -EBADMSG : 0;
}

static int parse_cie_body(DwarfReader bytes, Cie *ret_cie) {
        uint8_t version = dwarf_read_byte(&bytes);
        const char *letters = (const char *) bytes.at;
        uint64_t return_register;
        Cie c = { .encoding = DWARF_POINTER_ABSOLUTE };

        while (dwarf_read_byte(&bytes) != 0)
                ;
        if (bytes.bad || (version != 1 && version != 3))
                return -EBADMSG;

        c.code_align = dwarf_read_uleb128(&bytes);
        c.data_align = dwarf_read_sleb128(&bytes);
        return_register = version == 1 ? dwarf_read_byte(&bytes) : dwarf_read_uleb128(&bytes);
        if (bytes.bad || return_register != CFA_RA)
                return -EBADMSG;

        if (*letters == 'z') {
                DwarfReader augmentation = dwarf_read_block(&bytes, dwarf_read_uleb128(&bytes));

                c.augmented = true;
                if (augmentation.bad || parse_augmentation(augmentation, letters + 1, &c) < 0)
                        return -EBADMSG;
        } else if (*letters)
                return -EBADMSG;

        *ret_cie = c;
        return cfa_run_initial(ret_cie, bytes);
}

/* @offset is that of the length, before the end of the section. */
static int parse_cie(EhReader *r, uint64_t offset, Cie *ret_cie) {
        uint64_t size = MIN_OF(r->section.size - offset, (uint64_t) EH_CIE_BYTES_MAX);
        DwarfReader bytes;
        uint64_t length;

        if (elf_image_read(r->image, r->section.offset + offset, r->cie_bytes, size) < 0)
                return -EBADMSG;

        bytes = dwarf_reader(r->cie_bytes, size, r->section.address + offset);
        length = dwarf_read_unsigned(&bytes, 4);
        bytes = dwarf_read_block(&bytes, length);
        if (dwarf_read_unsigned(&bytes, 4) != 0 || bytes.bad)
                return -EBADMSG;

        return parse_cie_body(bytes, ret_cie);
}

static const Cie *find_cie(EhReader *r, uint64_t offset) {
        KeptCie *kept = &r->cies[(offset / 8 ^ offset / 512) % EH_CIES_KEPT];

        if (kept->offset != offset) {
                if (r->n_cie_reads >= EH_CIE_READS_MAX)
                        return NULL;

                r->n_cie_reads++;
                kept->offset = offset;
                kept->bad = parse_cie(r, offset, &kept->cie) < 0;
        }

        return kept->bad ? NULL : &kept->cie;
}

static int parse_fde(EhReader *r, DwarfReader bytes, uint64_t cie_offset, EhFde *ret_fde) {
        const Cie *cie = find_cie(r, cie_offset);
        uint64_t start, size;

        if (!cie)
                return -EBADMSG;

        start = dwarf_read_pointer(&bytes, cie->encoding);
        size = dwarf_read_pointer(&bytes, cie->encoding & DWARF_POINTER_FORMAT);
        if (cie->augmented)
                (void) dwarf_read_block(&bytes, dwarf_read_uleb128(&bytes));
        if (bytes.bad)
                return -EBADMSG;

        *ret_fde = (EhFde){ .start = start, .size = size, .cie = cie, .program = bytes };
        return 1;
}

/* Skips an entry that is longer than any can be. */
static int skip(EhReader *r, uint64_t length) {
        if (length > r->section.size - r->next)
                r->next = r->section.size;
        else
                r->next += length;
        return -EBADMSG;
}

int eh_reader_next(EhReader *r, EhFde *ret_fde) {
        uint64_t offset = r->next, length, id;
        DwarfReader bytes;

        assert(ret_fde);

        if (r->n_entries++ >= EH_ENTRIES_MAX || r->section.size - offset < 4 ||
            see(r, offset, 4, &bytes) < 0)
                return -ENODATA;

        r->next += 4;
        length = dwarf_read_unsigned(&bytes, 4);
        if (length == 0) /* the end of what one object file gave */
                return r->section.bounded ? 0 : -ENODATA;

        if (length == LENGTH_EXTENDED) {
                if (r->section.size - r->next < 8 || see(r, r->next, 8, &bytes) < 0)
                        return -ENODATA;
                r->next += 8;
                return skip(r, dwarf_read_unsigned(&bytes, 8));
        }

        if (length > EH_ENTRY_BYTES_MAX || length > r->section.size - r->next)
                return skip(r, length);
        if (see(r, r->next, length, &bytes) < 0)
                return -ENODATA;
        r->next += length;

        id = dwarf_read_unsigned(&bytes, 4);
        if (bytes.bad)
                return -EBADMSG;
        if (id == 0)
                return 0;
        if (id > offset + 4)
                return -EBADMSG;

        return parse_fde(r, bytes, offset + 4 - id, ret_fde);
}
