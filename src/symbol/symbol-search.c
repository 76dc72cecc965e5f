/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/symbol-search.h"

#include <string.h>

#define CHUNK_BYTES (64U * 1024)
#define CHUNK_SYMBOLS 2048U
#define NAME_SIZE_MAX 64U /* with its NUL */

/* Linkers let names share their ends: "X_SSL_read" and "SSL_read" may be the same bytes, or not. */
#define PLACES_MAX 8U

struct SymbolSearch {
        const ElfImage *image; /* borrowed */
        const char *prefix;
        const char *const *names;
        size_t n_names;
        ElfSection symbols, strings;

        uint64_t string_at; /* next to look at */
        uint64_t symbol_at;
        struct {
                uint32_t places[PLACES_MAX]; /* in the section of strings */
                unsigned n_places;
                FoundSymbol found;
        } wanted[SYMBOL_SEARCH_NAMES_MAX];
        size_t n_places;

        char chunk[CHUNK_BYTES];
};

SymbolSearch *symbol_search_free(SymbolSearch *s) {
        free(s);
        return NULL;
}

int symbol_search_new(
                const ElfImage *image,
                uint32_t type,
                const char *prefix,
                const char *const *names,
                size_t n_names,
                SymbolSearch **ret_search) {
        const ElfSection *symbols;
        SymbolSearch *s;

        assert(image);
        assert(n_names <= SYMBOL_SEARCH_NAMES_MAX);
        assert(ret_search);

        symbols = elf_image_section_by_type(image, type);
        if (!image->is_64 || !symbols || symbols->entry_size != sizeof(Elf64_Sym) ||
            symbols->link >= image->n_sections ||
            !elf_image_has_bytes(image, &image->sections[symbols->link]))
                return -ENOENT;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->image = image;
        s->prefix = prefix;
        s->names = names;
        s->n_names = n_names;
        s->symbols = *symbols;
        s->strings = image->sections[symbols->link];

        *ret_search = s;
        return 0;
}

static void add_place(SymbolSearch *s, size_t i, uint64_t place) {
        unsigned n = s->wanted[i].n_places;

        if (n >= PLACES_MAX || place > UINT32_MAX)
                return;
        if (n > 0 && s->wanted[i].places[n - 1] >= place) /* seen: chunks overlap */
                return;

        s->wanted[i].places[s->wanted[i].n_places++] = (uint32_t) place;
        s->n_places++;
}

/* One place where the prefix is: @bytes of it are at hand, what follows may be another name. */
static void look_at(SymbolSearch *s, const char *text, size_t bytes, uint64_t place) {
        for (size_t i = 0; i < s->n_names; i++) {
                size_t size = strlen(s->names[i]) + 1;

                if (size <= bytes && memcmp(text, s->names[i], size) == 0)
                        add_place(s, i, place);
        }
}

static int step_strings(SymbolSearch *s) {
        uint64_t left = s->strings.size - s->string_at;
        size_t size = (size_t) MIN_OF(left, (uint64_t) CHUNK_BYTES), prefix = strlen(s->prefix);
        const char *p = s->chunk, *end = s->chunk + size;
        int r;

        r = elf_image_read(s->image, s->strings.offset + s->string_at, s->chunk, size);
        if (r < 0)
                return r;

        for (;; p++) {
                p = memmem(p, (size_t) (end - p), s->prefix, prefix);
                if (!p)
                        break;
                look_at(s, p, (size_t) (end - p), s->string_at + (uint64_t) (p - s->chunk));
        }

        /* a name on the edge is seen whole the next time */
        s->string_at += size == left ? size : size - NAME_SIZE_MAX;
        return 1;
}

static void take_symbol(SymbolSearch *s, const Elf64_Sym *sym) {
        unsigned type = ELF64_ST_TYPE(sym->st_info);

        if (sym->st_shndx == SHN_UNDEF || sym->st_value == 0 || type != STT_FUNC)
                return;

        for (size_t i = 0; i < s->n_names; i++)
                for (unsigned k = 0; k < s->wanted[i].n_places; k++)
                        if (s->wanted[i].places[k] == sym->st_name)
                                s->wanted[i].found = (FoundSymbol){ .address = sym->st_value,
                                                                    .size = sym->st_size };
}

static int step_symbols(SymbolSearch *s) {
        uint64_t left = s->symbols.size / sizeof(Elf64_Sym) - s->symbol_at;
        size_t n = (size_t) MIN_OF(left, (uint64_t) CHUNK_SYMBOLS);
        Elf64_Sym sym;
        int r;

        static_assert(CHUNK_SYMBOLS * sizeof(Elf64_Sym) <= CHUNK_BYTES, "a chunk holds them");
        r = elf_image_read(
                        s->image, s->symbols.offset + s->symbol_at * sizeof(sym), s->chunk, n * sizeof(sym));
        if (r < 0)
                return r;

        for (size_t i = 0; i < n; i++) {
                memcpy(&sym, s->chunk + i * sizeof(sym), sizeof(sym));
                take_symbol(s, &sym);
        }

        s->symbol_at += n;
        return s->symbol_at < s->symbols.size / sizeof(Elf64_Sym);
}

int symbol_search_step(SymbolSearch *s) {
        assert(s);

        if (s->string_at < s->strings.size)
                return step_strings(s);
        if (s->n_places == 0)
                return 0;

        return step_symbols(s);
}

FoundSymbol symbol_search_found(const SymbolSearch *s, size_t i) {
        assert(i < s->n_names);

        return s->wanted[i].found;
}
