/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/elf-image.h"

#include <endian.h>
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

/* What of the ELF header we need, of either class. */
typedef struct Header {
        uint64_t segments_offset, sections_offset;
        uint32_t n_segments, segment_size, n_sections, section_size, section_names;
} Header;

static int read_header(ElfImage *e, Header *ret) {
        union {
                unsigned char ident[EI_NIDENT];
                Elf32_Ehdr h32;
                Elf64_Ehdr h64;
        } u;
        int r;

        r = elf_image_read(e, 0, &u.ident, sizeof(u.ident));
        if (r < 0)
                return r;
        if (memcmp(u.ident, ELFMAG, SELFMAG) != 0 || u.ident[EI_DATA] != ELF_DATA_NATIVE)
                return -EBADMSG;
        if (u.ident[EI_CLASS] != ELFCLASS64 && u.ident[EI_CLASS] != ELFCLASS32)
                return -EBADMSG;

        e->is_64 = u.ident[EI_CLASS] == ELFCLASS64;
        r = elf_image_read(e, 0, &u, e->is_64 ? sizeof(u.h64) : sizeof(u.h32));
        if (r < 0)
                return r;

#define HEADER_OF(h)                             \
        (Header){                                \
                .segments_offset = (h).e_phoff,  \
                .n_segments = (h).e_phnum,       \
                .segment_size = (h).e_phentsize, \
                .sections_offset = (h).e_shoff,  \
                .n_sections = (h).e_shnum,       \
                .section_size = (h).e_shentsize, \
                .section_names = (h).e_shstrndx, \
        }
        *ret = e->is_64 ? HEADER_OF(u.h64) : HEADER_OF(u.h32);
        return 0;
}

static int read_segment(const ElfImage *e, uint64_t offset, ElfSegment *ret, uint32_t *ret_type) {
        int r;

        if (e->is_64) {
                Elf64_Phdr p;

                r = elf_image_read(e, offset, &p, sizeof(p));
                if (r < 0)
                        return r;
                *ret = (ElfSegment){ p.p_offset, p.p_vaddr, p.p_filesz, p.p_flags & PF_X };
                *ret_type = p.p_type;
        } else {
                Elf32_Phdr p;

                r = elf_image_read(e, offset, &p, sizeof(p));
                if (r < 0)
                        return r;
                *ret = (ElfSegment){ p.p_offset, p.p_vaddr, p.p_filesz, p.p_flags & PF_X };
                *ret_type = p.p_type;
        }

        return 0;
}

static int read_section(const ElfImage *e, uint64_t offset, ElfSection *ret) {
        int r;

#define SECTION_OF(s)                                                                     \
        (ElfSection) {                                                                    \
                .address = (s).sh_addr, .offset = (s).sh_offset, .size = (s).sh_size,     \
                .entry_size = (s).sh_entsize, .flags = (s).sh_flags, .name = (s).sh_name, \
                .type = (s).sh_type, .link = (s).sh_link,                                 \
        }
        if (e->is_64) {
                Elf64_Shdr s;

                r = elf_image_read(e, offset, &s, sizeof(s));
                if (r < 0)
                        return r;
                *ret = SECTION_OF(s);
        } else {
                Elf32_Shdr s;

                r = elf_image_read(e, offset, &s, sizeof(s));
                if (r < 0)
                        return r;
                *ret = SECTION_OF(s);
        }

        return 0;
}

/* Notes are { name size, data size, type } and both contents, each filled up to 4 bytes. */
static void find_build_id(ElfImage *e, uint64_t offset, uint64_t size) {
        uint8_t notes[NOTES_SIZE_MAX];
        size_t length = (size_t) MIN_OF(size, (uint64_t) sizeof(notes)), at = 0;

        if (e->build_id_size > 0 || elf_image_read(e, offset, notes, length) < 0)
                return;

        while (length - at >= sizeof(Elf32_Nhdr)) {
                Elf32_Nhdr note;
                uint64_t data, end;

                memcpy(&note, notes + at, sizeof(note));
                data = at + sizeof(note) + (((uint64_t) note.n_namesz + 3) & ~UINT64_C(3));
                end = data + (((uint64_t) note.n_descsz + 3) & ~UINT64_C(3));
                if (end > length)
                        return;

                if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz > 0 &&
                    note.n_descsz <= ELF_BUILD_ID_MAX && memcmp(notes + at + sizeof(note), "GNU", 4) == 0) {
                        memcpy(e->build_id, notes + data, note.n_descsz);
                        e->build_id_size = note.n_descsz;
                        return;
                }
                at = (size_t) end;
        }
}

static int read_segments(ElfImage *e, const Header *h) {
        size_t size = e->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
        int r;

        if (h->n_segments == 0 || h->n_segments > ELF_SEGMENTS_MAX || h->segment_size != size)
                return 0;

        e->segments = calloc(h->n_segments, sizeof(e->segments[0]));
        if (!e->segments)
                return -ENOMEM;

        for (uint32_t i = 0; i < h->n_segments; i++) {
                ElfSegment segment;
                uint64_t offset;
                uint32_t type;

                if (__builtin_add_overflow(h->segments_offset, i * size, &offset))
                        return -EBADMSG;
                r = read_segment(e, offset, &segment, &type);
                if (r < 0)
                        return r;

                if (type == PT_LOAD)
                        e->segments[e->n_segments++] = segment;
                else if (type == PT_NOTE)
                        find_build_id(e, segment.offset, segment.file_size);
        }

        return 0;
}

static int read_sections(ElfImage *e, Header *h) {
        size_t size = e->is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
        ElfSection first;

        if (h->sections_offset == 0 || h->section_size != size ||
            read_section(e, h->sections_offset, &first) < 0)
                return 0;

        /* With many sections the header has no room for their number: gABI,
         * "section header table, index 0". */
        if (h->n_sections == 0)
                h->n_sections = (uint32_t) MIN_OF(first.size, (uint64_t) UINT32_MAX);
        if (h->section_names == SHN_XINDEX)
                h->section_names = first.link;
        if (h->n_sections > ELF_SECTIONS_MAX ||
            h->n_sections * size > e->size) /* cheap to ask for, not to be had */
                return 0;

        e->sections = calloc(h->n_sections, sizeof(e->sections[0]));
        if (!e->sections)
                return -ENOMEM;

        for (uint32_t i = 0; i < h->n_sections; i++) {
                uint64_t offset;

                if (__builtin_add_overflow(h->sections_offset, i * size, &offset) ||
                    read_section(e, offset, &e->sections[i]) < 0)
                        break;
                e->n_sections++;
        }

        if (h->section_names < e->n_sections)
                e->section_names = h->section_names;

        return 0;
}

static int image_load(ElfImage *e) {
        Header header;
        int r;

        r = read_header(e, &header);
        if (r < 0)
                return r;

        r = read_sections(e, &header);
        if (r < 0)
                return r;

        /* Sections first: in a file of debug information the segments' offsets mean nothing. */
        for (size_t i = 0; i < e->n_sections; i++)
                if (e->sections[i].type == SHT_NOTE)
                        find_build_id(e, e->sections[i].offset, e->sections[i].size);

        r = read_segments(e, &header);
        return r == -ENOMEM ? r : 0;
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

bool elf_image_same_build_id(const ElfImage *a, const ElfImage *b) {
        return a->build_id_size == b->build_id_size &&
                        memcmp(a->build_id, b->build_id, a->build_id_size) == 0;
}
