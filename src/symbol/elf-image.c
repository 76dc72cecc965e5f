/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/elf-image.h"

#include <endian.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/stat.h>

#define NOTES_SIZE_MAX 4096U /* of one note section or segment */

#if __BYTE_ORDER == __LITTLE_ENDIAN
#define ELF_DATA_NATIVE ELFDATA2LSB
#else
#define ELF_DATA_NATIVE ELFDATA2MSB
#endif

ElfImage *elf_image_free(ElfImage *e) {
        if (!e)
                return NULL;

        free(e->segments);
        free(e->sections);
        free(e);
        return NULL;
}

int elf_image_read(const ElfImage *e, uint64_t offset, void *buffer, size_t size) {
        size_t done = 0;

        assert(e);
        assert(buffer);

        if (offset > e->size || size > e->size - offset)
                return -EBADMSG;

        if (e->memory) {
                memcpy(buffer, e->memory + offset, size);
                return 0;
        }

        while (done < size) {
                ssize_t n = pread(e->fd, (uint8_t *) buffer + done, size - done, (off_t) (offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0) /* truncated since */
                        return -EBADMSG;
                done += (size_t) n;
        }

        return 0;
}

bool elf_image_has_bytes(const ElfImage *e, const ElfSection *section) {
        return section->type != SHT_NOBITS && section->offset <= e->size &&
                        section->size <= e->size - section->offset;
}

/* A note section or segment; of the first kilobytes only, where a build id is. */
static void find_build_id(ElfImage *e, Elf *elf, uint64_t offset, uint64_t size) {
        size_t at = 0, name, data;
        Elf_Data *notes;
        GElf_Nhdr note;

        if (e->build_id_size > 0 || offset > e->size)
                return;

        size = MIN_OF(size, e->size - offset);
        size = MIN_OF(size, (uint64_t) NOTES_SIZE_MAX);
        notes = elf_getdata_rawchunk(elf, (int64_t) offset, size, ELF_T_NHDR);
        if (!notes)
                return;

        while ((at = gelf_getnote(notes, at, &note, &name, &data)) > 0) {
                const uint8_t *bytes = notes->d_buf;

                if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz > 0 &&
                    note.n_descsz <= ELF_BUILD_ID_MAX && memcmp(bytes + name, "GNU", 4) == 0) {
                        memcpy(e->build_id, bytes + data, note.n_descsz);
                        e->build_id_size = note.n_descsz;
                        return;
                }
        }
}

static int read_segments(ElfImage *e, Elf *elf) {
        size_t n;

        if (elf_getphdrnum(elf, &n) < 0 || n == 0 || n > ELF_SEGMENTS_MAX)
                return 0;

        e->segments = calloc(n, sizeof(e->segments[0]));
        if (!e->segments)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                GElf_Phdr p;

                if (!gelf_getphdr(elf, (int) i, &p))
                        break;

                if (p.p_type == PT_LOAD)
                        e->segments[e->n_segments++] =
                                        (ElfSegment){ p.p_offset, p.p_vaddr, p.p_filesz, p.p_flags & PF_X };
                else if (p.p_type == PT_GNU_EH_FRAME)
                        e->eh_frame_header = (ElfSegment){ p.p_offset, p.p_vaddr, p.p_filesz, false };
                else if (p.p_type == PT_NOTE)
                        find_build_id(e, elf, p.p_offset, p.p_filesz);
        }

        return 0;
}

static int read_sections(ElfImage *e, Elf *elf) {
        size_t n, names;

        if (elf_getshdrnum(elf, &n) < 0 || n == 0 || n > ELF_SECTIONS_MAX)
                return 0;

        e->sections = calloc(n, sizeof(e->sections[0]));
        if (!e->sections)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                GElf_Shdr h;

                if (!gelf_getshdr(elf_getscn(elf, i), &h))
                        break;

                e->sections[e->n_sections++] = (ElfSection){
                        .address = h.sh_addr,
                        .offset = h.sh_offset,
                        .size = h.sh_size,
                        .entry_size = h.sh_entsize,
                        .flags = h.sh_flags,
                        .name = h.sh_name,
                        .type = h.sh_type,
                        .link = h.sh_link,
                };
        }

        if (elf_getshdrstrndx(elf, &names) >= 0 && names < e->n_sections)
                e->section_names = (uint32_t) names;

        return 0;
}

static void elf_endp(Elf **elf) {
        if (*elf)
                (void) elf_end(*elf);
}

/* libelf reads the headers; with ELF_C_READ it maps nothing and fetches no more than is asked for. */
static int image_load(ElfImage *e) {
        _cleanup_(elf_endp) Elf *elf = NULL;
        GElf_Ehdr header;
        int r;

        (void) elf_version(EV_CURRENT);
        elf = e->memory ? elf_memory((char *) e->memory, e->size) : elf_begin(e->fd, ELF_C_READ, NULL);
        if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header) ||
            header.e_ident[EI_DATA] != ELF_DATA_NATIVE)
                return -EBADMSG;

        e->is_64 = header.e_ident[EI_CLASS] == ELFCLASS64;
        e->machine = header.e_machine;

        r = read_sections(e, elf);
        if (r < 0)
                return r;

        /* Sections first: in a file of debug information the segments' offsets mean nothing. */
        for (size_t i = 0; i < e->n_sections; i++)
                if (e->sections[i].type == SHT_NOTE)
                        find_build_id(e, elf, e->sections[i].offset, e->sections[i].size);

        return read_segments(e, elf);
}

static int image_open(ElfImage initial, ElfImage **ret_image) {
        _cleanup_(elf_image_freep) ElfImage *e = NULL;
        int r;

        assert(ret_image);

        e = malloc(sizeof(*e));
        if (!e)
                return -ENOMEM;
        *e = initial;

        r = image_load(e);
        if (r < 0)
                return r;

        *ret_image = TAKE_PTR(e);
        return 0;
}

int elf_image_open_fd(int fd, ElfImage **ret_image) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;

        return image_open((ElfImage){ .fd = fd, .size = (uint64_t) st.st_size }, ret_image);
}

int elf_image_open_memory(const void *memory, size_t size, ElfImage **ret_image) {
        assert(memory);

        return image_open((ElfImage){ .fd = -EBADF, .memory = memory, .size = size }, ret_image);
}

const ElfSection *elf_image_section_by_type(const ElfImage *e, uint32_t type) {
        for (size_t i = 0; i < e->n_sections; i++)
                if (e->sections[i].type == type && elf_image_has_bytes(e, &e->sections[i]))
                        return &e->sections[i];
        return NULL;
}

const ElfSection *elf_image_section_by_name(const ElfImage *e, const char *name) {
        const ElfSection *names;
        char found[32];
        size_t size = strlen(name) + 1;

        assert(size <= sizeof(found));

        if (e->section_names == 0)
                return NULL;

        names = &e->sections[e->section_names];
        if (!elf_image_has_bytes(e, names))
                return NULL;

        for (size_t i = 0; i < e->n_sections; i++) {
                const ElfSection *s = &e->sections[i];

                if (s->name >= names->size || names->size - s->name < size || !elf_image_has_bytes(e, s))
                        continue;
                if (elf_image_read(e, names->offset + s->name, found, size) >= 0 &&
                    memcmp(found, name, size) == 0)
                        return s;
        }

        return NULL;
}

int elf_image_address(const ElfImage *e, uint64_t offset, uint64_t *ret_address) {
        for (size_t i = 0; i < e->n_segments; i++) {
                const ElfSegment *s = &e->segments[i];

                if (!s->executable || offset < s->offset || offset - s->offset >= s->file_size)
                        continue;

                *ret_address = s->address + (offset - s->offset);
                return 0;
        }

        return -ENOENT;
}

int elf_image_offset(const ElfImage *e, uint64_t address, uint64_t size, uint64_t *ret_offset) {
        for (size_t i = 0; i < e->n_segments; i++) {
                const ElfSegment *s = &e->segments[i];

                if (!s->executable || address < s->address || address - s->address >= s->file_size ||
                    s->file_size - (address - s->address) < size)
                        continue;

                *ret_offset = s->offset + (address - s->address);
                return 0;
        }

        return -ENOENT;
}

bool elf_image_same_build_id(const ElfImage *a, const ElfImage *b) {
        return a->build_id_size == b->build_id_size &&
                        memcmp(a->build_id, b->build_id, a->build_id_size) == 0;
}
