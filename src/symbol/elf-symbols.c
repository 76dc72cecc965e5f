/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/elf-symbols.h"

#include <string.h>

#define CHUNK_SYMBOLS 2048U

static size_t symbol_size(const ElfImage *e) {
        return e->is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}

static int set_names(ElfSymbolReader *reader) {
        _cleanup_(freep) char *copy = NULL;
        const ElfSection *strings = &reader->strings;
        int r;

        if (!reader->image->memory) {
                symbol_table_names_in_file(reader->table, reader->block, strings->offset, strings->size);
                return 0;
        }

        if (strings->size == 0 || strings->size > ELF_NAMES_MEMORY_MAX)
                return -ENOENT;

        copy = malloc(strings->size);
        if (!copy)
                return -ENOMEM;

        r = elf_image_read(reader->image, strings->offset, copy, strings->size);
        if (r < 0)
                return r;

        symbol_table_names_in_memory(reader->table, reader->block, TAKE_PTR(copy), strings->size);
        return 0;
}

int elf_symbols_begin(
                ElfSymbolReader *ret_reader,
                const ElfImage *image,
                uint32_t type,
                SymbolTable *table,
                unsigned block) {
        const ElfSection *symbols;
        int r;

        assert(ret_reader);
        assert(image);
        assert(table);

        symbols = elf_image_section_by_type(image, type);
        if (!symbols || symbols->entry_size != symbol_size(image) || symbols->link >= image->n_sections ||
            !elf_image_has_bytes(image, &image->sections[symbols->link]))
                return -ENOENT;

        *ret_reader = (ElfSymbolReader){
                .image = image,
                .table = table,
                .symbols = *symbols,
                .strings = image->sections[symbols->link],
                .n_symbols = symbols->size / symbols->entry_size,
                .block = block,
        };

        r = set_names(ret_reader);
        return r == -EBADMSG ? -ENOENT : r;
}

/* Markers are no names: mapping symbols of arm64 and RISC-V ("$x",
 * "$d") and labels of compilers (".L12"). */
static bool is_marker(ElfSymbolReader *reader, uint32_t name) {
        uint32_t *memo = &reader->marker_names[name % ELEMENTSOF(reader->marker_names)];
        char start[2] = {};

        if (*memo == name + 1)
                return true;
        if (name >= reader->strings.size || reader->strings.size - name < sizeof(start))
                return true;
        if (elf_image_read(reader->image, reader->strings.offset + name, start, sizeof(start)) < 0)
                return true;
        if (start[0] != '\0' && start[0] != '$' && !(start[0] == '.' && start[1] == 'L'))
                return false;

        *memo = name + 1;
        return true;
}

/* How far a symbol at @address may reach: the end of its section. 0 for one outside code. */
static uint64_t room_in_section(const ElfImage *e, uint16_t index, uint64_t address) {
        const ElfSection *s;

        if (index >= e->n_sections)
                return 0;

        s = &e->sections[index];
        if (!(s->flags & SHF_EXECINSTR) || address < s->address || address - s->address >= s->size)
                return 0;

        return s->size - (address - s->address);
}

static int add_symbol(ElfSymbolReader *reader, const Elf64_Sym *sym) {
        unsigned type = ELF64_ST_TYPE(sym->st_info), bind = ELF64_ST_BIND(sym->st_info), flags = 0;
        uint64_t size = sym->st_size, room;
        bool function = type == STT_FUNC || type == STT_GNU_IFUNC;

        if (!function && type != STT_NOTYPE)
                return 0;
        if (sym->st_name == 0 || sym->st_shndx == SHN_UNDEF)
                return 0;

        room = sym->st_shndx == SHN_XINDEX ? size
                                           : room_in_section(reader->image, sym->st_shndx, sym->st_value);
        if (room == 0)
                return 0;

        if (size == 0) {
                if (!function && bind == STB_LOCAL && is_marker(reader, sym->st_name))
                        return 0;
                flags |= SYMBOL_OPEN;
                size = MIN_OF(room, (uint64_t) ELF_OPEN_SYMBOL_SIZE_MAX);
        }
        if (function)
                flags |= SYMBOL_FUNCTION;
        if (function && bind == STB_LOCAL)
                reader->has_local_functions = true;
        if (bind != STB_LOCAL)
                flags |= SYMBOL_EXPORTED;
        if (bind == STB_WEAK)
                flags |= SYMBOL_WEAK;
        if (reader->block > 0)
                flags |= SYMBOL_SECOND;

        return symbol_table_add(reader->table, sym->st_value, MIN_OF(size, room), flags, sym->st_name);
}

static Elf64_Sym symbol_at(const ElfImage *e, const void *chunk, size_t i) {
        Elf64_Sym s64;
        Elf32_Sym s32;

        if (e->is_64) {
                memcpy(&s64, (const Elf64_Sym *) chunk + i, sizeof(s64));
                return s64;
        }

        memcpy(&s32, (const Elf32_Sym *) chunk + i, sizeof(s32));
        return (Elf64_Sym){
                .st_name = s32.st_name,
                .st_info = s32.st_info,
                .st_shndx = s32.st_shndx,
                .st_value = s32.st_value,
                .st_size = s32.st_size,
        };
}

int elf_symbols_step(ElfSymbolReader *reader) {
        Elf64_Sym chunk[CHUNK_SYMBOLS];
        size_t n, size;
        int r;

        assert(reader);

        size = symbol_size(reader->image);
        n = (size_t) MIN_OF(reader->n_symbols - reader->next, (uint64_t) CHUNK_SYMBOLS);
        if (n == 0)
                return 0;

        r = elf_image_read(reader->image, reader->symbols.offset + reader->next * size, chunk, n * size);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n; i++) {
                Elf64_Sym sym = symbol_at(reader->image, chunk, i);

                r = add_symbol(reader, &sym);
                if (r < 0)
                        return r;
        }

        reader->next += n;
        return reader->next < reader->n_symbols;
}
