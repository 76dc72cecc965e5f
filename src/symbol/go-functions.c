/* SPDX-License-Identifier: Apache-2.0 */
/* The table is that of the Go runtime, src/runtime/symtab.go: a header, the names, then one entry for each
 * function, ascending by address:
 *
 *         u32 magic; u8 0, 0, quantum, pointer size; u64 functions, files, start of text, offset of names,
 *         of units, of files, of tables, of functions
 *         functions: { u32 distance of the code from the start of text, u32 offset of its record }, ...
 *         record: u32 distance, s32 offset of its name, ...
 */
#include "symbol/go-functions.h"

#include "symbol/probe-point.h"

#include <string.h>

#define MAGIC_1_18 0xfffffff0U
#define MAGIC_1_20 0xfffffff1U
#define CHUNK_BYTES (64U * 1024)
#define CHUNK_ENTRIES 2048U
#define NAME_SIZE_MAX 64U
#define FUNCTIONS_IN_TABLE_MAX (4U * 1000U * 1000U)

/* Code of a C compiler's start files, which stands before Go's when another linker linked it. */
#define TEXT_START_SEARCH_BYTES (16U * 1024)
#define TEXT_ALIGN 16U

typedef struct Header {
        uint32_t magic;
        uint8_t zero[2], quantum, pointer_size;
        uint64_t n_functions, n_files, text, names, units, files, tables, functions;
} Header;

typedef struct Entry {
        uint32_t distance, record;
} Entry;

typedef struct Wanted {
        uint32_t name; /* offset of its name + 1; 0: not in the program */
        uint64_t distance, size;
        bool is_found;
} Wanted;

struct GoFunctions {
        const ElfImage *image; /* borrowed */
        const char *prefix;
        const char *const *names;
        size_t n_names;
        Wanted wanted[GO_FUNCTIONS_MAX];

        uint64_t start, size; /* of the table in the file */
        Header header;
        ElfSection text_section;
        uint64_t text; /* address of the start of text */

        uint64_t name_at, entry_at; /* next to look at */
        size_t n_named;

        uint64_t record_at; /* what of the table is in @records */
        size_t record_bytes;
        uint8_t records[CHUNK_BYTES];
        uint8_t chunk[CHUNK_BYTES];
};

GoFunctions *go_functions_free(GoFunctions *g) {
        free(g);
        return NULL;
}

static const ElfSection *find_table(const ElfImage *image) {
        const ElfSection *s = elf_image_section_by_name(image, ".gopclntab");

        return s ?: elf_image_section_by_name(image, ".data.rel.ro.gopclntab");
}

bool go_functions_is_go(const ElfImage *image) {
        return find_table(image) != NULL;
}

/* Reads within the table. */
static int table_read(const GoFunctions *g, uint64_t at, void *buffer, size_t size) {
        if (at > g->size || size > g->size - at)
                return -EBADMSG;

        return elf_image_read(g->image, g->start + at, buffer, size);
}

static int read_header(GoFunctions *g) {
        const Header *h = &g->header;
        int r;

        r = table_read(g, 0, &g->header, sizeof(g->header));
        if (r < 0)
                return r;
        if ((h->magic != MAGIC_1_18 && h->magic != MAGIC_1_20) || h->pointer_size != 8 || h->quantum != 1)
                return -EOPNOTSUPP;
        if (h->n_functions > FUNCTIONS_IN_TABLE_MAX || h->names > h->units || h->units > g->size ||
            h->functions > g->size)
                return -EBADMSG;

        return 0;
}

int go_functions_new(
                const ElfImage *image,
                const char *prefix,
                const char *const *names,
                size_t n_names,
                GoFunctions **ret) {
        _cleanup_(go_functions_freep) GoFunctions *g = NULL;
        const ElfSection *table, *text;
        int r;

        assert(image);
        assert(n_names <= GO_FUNCTIONS_MAX);
        assert(ret);

        table = find_table(image);
        text = elf_image_section_by_name(image, ".text");
        if (!table || !text)
                return -ENOENT;
        if (!image->is_64 || image->machine != EM_X86_64)
                return -EOPNOTSUPP;

        g = calloc(1, sizeof(*g));
        if (!g)
                return -ENOMEM;

        g->image = image;
        g->prefix = prefix;
        g->names = names;
        g->n_names = n_names;
        g->start = table->offset;
        g->size = table->size;
        g->text_section = *text;

        r = read_header(g);
        if (r < 0)
                return r;

        g->name_at = g->header.names;
        *ret = TAKE_PTR(g);
        return 0;
}

static void look_at(GoFunctions *g, const uint8_t *text, size_t bytes, uint64_t place) {
        for (size_t i = 0; i < g->n_names; i++) {
                size_t size = strlen(g->names[i]) + 1;

                if (g->wanted[i].name != 0 || size > bytes || memcmp(text, g->names[i], size) != 0 ||
                    place >= INT32_MAX)
                        continue;

                g->wanted[i].name = (uint32_t) place + 1;
                g->n_named++;
        }
}

static int step_names(GoFunctions *g) {
        uint64_t left = g->header.units - g->name_at;
        size_t size = (size_t) MIN_OF(left, (uint64_t) CHUNK_BYTES);
        const uint8_t *p = g->chunk, *end = g->chunk + size;
        int r;

        r = table_read(g, g->name_at, g->chunk, size);
        if (r < 0)
                return r;

        for (;; p++) {
                p = memmem(p, (size_t) (end - p), g->prefix, strlen(g->prefix));
                if (!p)
                        break;
                look_at(g, p, (size_t) (end - p), g->name_at - g->header.names + (uint64_t) (p - g->chunk));
        }

        /* a name on the edge is seen whole the next time */
        g->name_at += size == left ? size : size - NAME_SIZE_MAX;
        return 1;
}

/* Where the name of a function is. Records follow each other, so that most are at hand. */
static int read_name_offset(GoFunctions *g, uint64_t record, uint32_t *ret) {
        uint64_t at = g->header.functions + record;
        int r;

        if (at > g->size || g->size - at < 2 * sizeof(uint32_t))
                return -EBADMSG;

        if (at < g->record_at || at - g->record_at + 2 * sizeof(uint32_t) > g->record_bytes) {
                size_t size = (size_t) MIN_OF(g->size - at, (uint64_t) sizeof(g->records));

                r = table_read(g, at, g->records, size);
                if (r < 0)
                        return r;
                g->record_at = at;
                g->record_bytes = size;
        }

        memcpy(ret, g->records + (at - g->record_at) + sizeof(uint32_t), sizeof(*ret));
        return 0;
}

static void take_function(GoFunctions *g, uint32_t name, const Entry *entry, const Entry *next) {
        for (size_t i = 0; i < g->n_names; i++) {
                Wanted *w = &g->wanted[i];

                if (w->name == 0 || w->name - 1 != name || next->distance <= entry->distance)
                        continue;

                w->distance = entry->distance;
                w->size = next->distance - entry->distance;
                w->is_found = true;
        }
}

static int step_entries(GoFunctions *g) {
        uint64_t left = g->header.n_functions - g->entry_at;
        size_t n = (size_t) MIN_OF(left, (uint64_t) CHUNK_ENTRIES);
        Entry entry, next;
        uint32_t name = 0;
        int r;

        /* with the one behind: each ends where the next begins, and the last of all has a distance, too */
        static_assert((CHUNK_ENTRIES + 1) * sizeof(Entry) <= CHUNK_BYTES, "a chunk holds them");
        r = table_read(g,
                       g->header.functions + g->entry_at * sizeof(Entry),
                       g->chunk,
                       n * sizeof(Entry) + sizeof(uint32_t));
        if (r < 0)
                return r;

        for (size_t i = 0; i < n; i++) {
                memcpy(&entry, g->chunk + i * sizeof(entry), sizeof(entry));
                memcpy(&next.distance, g->chunk + (i + 1) * sizeof(entry), sizeof(next.distance));

                r = read_name_offset(g, entry.record, &name);
                if (r < 0)
                        return r;
                take_function(g, name, &entry, &next);
        }

        g->entry_at += n;
        return 1;
}

/* Functions that may need more stack begin with a comparison of the stack pointer, or what it is to be, with
 * the goroutine's limit, in Go's register ABI. */
static bool begins_as_go(const GoFunctions *g, uint64_t text, const Wanted *w) {
        static const uint8_t small[] = { 0x49, 0x3b, 0x66, 0x10 };  /* cmp 0x10(%r14),%rsp */
        static const uint8_t middle[] = { 0x4d, 0x3b, 0x66, 0x10 }; /* cmp 0x10(%r14),%r12 */
        uint8_t code[12];
        uint64_t offset;

        if (elf_image_offset(g->image, text + w->distance, sizeof(code), &offset) < 0 ||
            elf_image_read(g->image, offset, code, sizeof(code)) < 0)
                return false;

        return memcmp(code, small, sizeof(small)) == 0 || memmem(code, sizeof(code), middle, sizeof(middle));
}

static bool is_text_start(const GoFunctions *g, uint64_t text) {
        for (size_t i = 0; i < g->n_names; i++)
                if (g->wanted[i].is_found && !begins_as_go(g, text, &g->wanted[i]))
                        return false;

        return true;
}

/* The header has the start of text up to Go 1.25, unless the loader writes it. Otherwise it is the start of
 * the section, or near, as all the functions that are wanted show. */
static int find_text(GoFunctions *g) {
        const ElfSection *s = &g->text_section;
        uint64_t end = s->address + MIN_OF(s->size, (uint64_t) TEXT_START_SEARCH_BYTES);

        if (g->header.text != 0 && is_text_start(g, g->header.text)) {
                g->text = g->header.text;
                return 0;
        }

        for (uint64_t text = s->address; text < end; text += TEXT_ALIGN)
                if (is_text_start(g, text)) {
                        g->text = text;
                        return 0;
                }

        return -EBADMSG;
}

int go_functions_step(GoFunctions *g) {
        assert(g);

        if (g->name_at < g->header.units)
                return step_names(g);
        if (g->n_named == 0)
                return 0;
        if (g->entry_at < g->header.n_functions)
                return step_entries(g);

        return g->text != 0 ? 0 : find_text(g);
}

GoFunction go_functions_found(const GoFunctions *g, size_t i) {
        const Wanted *w = &g->wanted[i];

        assert(i < g->n_names);

        return w->is_found ? (GoFunction){ .address = g->text + w->distance, .size = w->size }
                           : (GoFunction){};
}
