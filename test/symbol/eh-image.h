/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <elf.h>
#include <stdint.h>
#include <string.h>

/* An ELF file in memory that has nothing but an .eh_frame, written entry by entry. */

#define EH_IMAGE_CODE 0x10000U /* address of the code, which is not there */
#define EH_IMAGE_CODE_SIZE 0x10000U
#define EH_IMAGE_DATA 0x40000U /* address of .eh_frame_hdr, .eh_frame behind it */
#define EH_IMAGE_HEADER_SIZE 12U
#define EH_IMAGE_BYTES_MAX (1U << 17)

typedef struct EhImage {
        uint8_t eh[EH_IMAGE_BYTES_MAX];
        size_t n;
        uint8_t file[EH_IMAGE_BYTES_MAX + 4096];
} EhImage;

static inline void eh_put(EhImage *e, const void *bytes, size_t n) {
        if (n <= sizeof(e->eh) - e->n) {
                memcpy(e->eh + e->n, bytes, n);
                e->n += n;
        }
}

static inline void eh_put32(EhImage *e, uint32_t value) {
        eh_put(e, &value, sizeof(value));
}

/* Call after the entry that began at @begin. */
static inline void eh_close(EhImage *e, size_t begin) {
        uint32_t length;

        while (e->n % 8 != 0)
                eh_put(e, "", 1); /* DW_CFA_nop */
        length = (uint32_t) (e->n - begin - 4);
        memcpy(e->eh + begin, &length, sizeof(length));
}

/* @head is what is between the identifier and the instructions. Returns the CIE's offset. */
static inline size_t
eh_add_cie(EhImage *e, const void *head, size_t n_head, const void *program, size_t n_program) {
        size_t begin = e->n;

        eh_put32(e, 0);
        eh_put32(e, 0);
        eh_put(e, head, n_head);
        eh_put(e, program, n_program);
        eh_close(e, begin);
        return begin;
}

/* Addresses are relative to their place, in 4 bytes; augmentation data is empty. */
static inline void
eh_add_fde(EhImage *e, size_t cie, uint32_t start, uint32_t size, const void *program, size_t n_program) {
        size_t begin = e->n;

        eh_put32(e, 0);
        eh_put32(e, (uint32_t) (begin + 4 - cie));
        eh_put32(e, start - (EH_IMAGE_DATA + EH_IMAGE_HEADER_SIZE + (uint32_t) begin + 8));
        eh_put32(e, size);
        eh_put(e, "", 1);
        eh_put(e, program, n_program);
        eh_close(e, begin);
}

/* Makes the file of what was added, with section headers or without. Returns its size. */
static inline size_t eh_finish(EhImage *e, int with_sections) {
        static const char names[] = "\0.eh_frame\0.names";
        static const uint8_t header[EH_IMAGE_HEADER_SIZE] = { 1, 0x1b, 0xff, 0xff, 8 }; /* 8 on from there */
        const size_t data = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);
        const size_t size = EH_IMAGE_HEADER_SIZE + e->n;
        Elf64_Ehdr h = {
                .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                .e_type = ET_DYN,
                .e_machine = EM_X86_64,
                .e_version = EV_CURRENT,
                .e_ehsize = sizeof(Elf64_Ehdr),
                .e_phoff = sizeof(Elf64_Ehdr),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_phnum = 3,
                .e_shoff = data + size + sizeof(names),
                .e_shentsize = sizeof(Elf64_Shdr),
                .e_shnum = with_sections ? 3 : 0,
                .e_shstrndx = with_sections ? 2 : 0,
        };
        const Elf64_Phdr segments[3] = {
                { .p_type = PT_LOAD,
                  .p_flags = PF_R | PF_X,
                  .p_vaddr = EH_IMAGE_CODE,
                  .p_filesz = EH_IMAGE_CODE_SIZE,
                  .p_memsz = EH_IMAGE_CODE_SIZE },
                { .p_type = PT_LOAD,
                  .p_flags = PF_R,
                  .p_vaddr = EH_IMAGE_DATA,
                  .p_offset = data,
                  .p_filesz = size,
                  .p_memsz = size },
                { .p_type = PT_GNU_EH_FRAME,
                  .p_flags = PF_R,
                  .p_vaddr = EH_IMAGE_DATA,
                  .p_offset = data,
                  .p_filesz = EH_IMAGE_HEADER_SIZE,
                  .p_memsz = EH_IMAGE_HEADER_SIZE },
        };
        const Elf64_Shdr sections[3] = {
                { 0 },
                { .sh_name = 1,
                  .sh_type = SHT_PROGBITS,
                  .sh_flags = SHF_ALLOC,
                  .sh_addr = EH_IMAGE_DATA + EH_IMAGE_HEADER_SIZE,
                  .sh_offset = data + EH_IMAGE_HEADER_SIZE,
                  .sh_size = e->n,
                  .sh_addralign = 1 },
                { .sh_name = 11,
                  .sh_type = SHT_STRTAB,
                  .sh_offset = data + size,
                  .sh_size = sizeof(names),
                  .sh_addralign = 1 },
        };
        uint8_t *at = e->file;

        if (!with_sections)
                h.e_shoff = 0;
        at = (uint8_t *) mempcpy(at, &h, sizeof(h));
        at = (uint8_t *) mempcpy(at, segments, sizeof(segments));
        at = (uint8_t *) mempcpy(at, header, sizeof(header));
        at = (uint8_t *) mempcpy(at, e->eh, e->n);
        if (with_sections) {
                at = (uint8_t *) mempcpy(at, names, sizeof(names));
                at = (uint8_t *) mempcpy(at, sections, sizeof(sections));
        }
        return (size_t) (at - e->file);
}
