/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Headers of one ELF file or memory image, by libelf; contents by pread(2) with every size checked. Nothing
 * is mapped: the owner of a foreign file may truncate it, and touching such a mapping is SIGBUS. */

#define ELF_SECTIONS_MAX 8192U /* a file with more is taken as one without sections */
#define ELF_SEGMENTS_MAX 512U
#define ELF_BUILD_ID_MAX 64U /* bytes; 20 (SHA-1) and 16 are usual, 8 with lld's fast ones */

typedef struct ElfSegment {
        uint64_t offset, address, file_size;
        bool executable;
} ElfSegment;

typedef struct ElfSection {
        uint64_t address, offset, size, entry_size, flags;
        uint32_t name, type, link;
} ElfSection;

typedef struct ElfImage {
        int fd;                /* borrowed; -EBADF for one in memory */
        const uint8_t *memory; /* borrowed */
        uint64_t size;

        bool is_64;
        uint16_t machine;     /* EM_X86_64 */
        ElfSegment *segments; /* PT_LOAD only */
        size_t n_segments;
        ElfSegment eh_frame_header; /* PT_GNU_EH_FRAME; file_size 0 = none */
        ElfSection *sections;
        size_t n_sections;
        uint32_t section_names; /* index of the section of section names, 0 = none */

        uint8_t build_id[ELF_BUILD_ID_MAX];
        size_t build_id_size; /* 0 = none */
} ElfImage;

/* Both return -EBADMSG for what is no ELF file of this machine's byte order,
 * -ENOMEM, or what fstat(2) and pread(2) say. */
int elf_image_open_fd(int fd, ElfImage **ret_image);
int elf_image_open_memory(const void *memory, size_t size, ElfImage **ret_image);
ElfImage *elf_image_free(ElfImage *e);
DEFINE_CLEANUP(ElfImage *, elf_image_free)

/* Reads exactly @size bytes; -EBADMSG when they are not there. */
int elf_image_read(const ElfImage *e, uint64_t offset, void *buffer, size_t size);

/* Whether the bytes of @section lie within the file. */
bool elf_image_has_bytes(const ElfImage *e, const ElfSection *section);

/* First section of that type (SHT_SYMTAB) with bytes, or by name
 * (".gnu_debuglink"); NULL if there is none. */
const ElfSection *elf_image_section_by_type(const ElfImage *e, uint32_t type);
const ElfSection *elf_image_section_by_name(const ElfImage *e, const char *name);

/* Virtual address of the code at @offset in the file; -ENOENT when no executable segment holds it. */
int elf_image_address(const ElfImage *e, uint64_t offset, uint64_t *ret_address);

/* The other way round: where the @size bytes of code at @address are in the file. */
int elf_image_offset(const ElfImage *e, uint64_t address, uint64_t size, uint64_t *ret_offset);

bool elf_image_same_build_id(const ElfImage *a, const ElfImage *b);
