/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pprof-names.h"

#include "basic/strbuf.h"
#include "basic/utf8.h"
#include "pprof.pb-c.h"

#include <inttypes.h>
#include <string.h>

#define KERNEL_FILENAME "[kernel.kallsyms]"

typedef struct Location {
        uint64_t address;
        uint32_t mapping; /* id, 0 for none */
        uint32_t first_line, n_lines;
        bool present, kernel;
} Location;

typedef struct Entry {
        int64_t text; /* index of a string */
        bool present;
} Entry;

/* An array that grows; locations, functions and mappings are kept at their ids, which count from 1 in files
 * of ours. */
typedef struct Table {
        void *items;
        size_t item_size, n, n_allocated; /* what is allocated is zero behind n */
        size_t n_reached;                 /* items that were asked for: n but for gaps */
} Table;

/* Gaps between ids cost memory: no more of them than items, and a few. */
#define TABLE_GAPS_MIN 64U

struct PprofNames {
        StrBuf texts;      /* all strings, each with its NUL */
        Table strings;     /* size_t: offset in texts */
        Table locations;   /* Location, by id */
        Table lines;       /* uint64_t: id of a function */
        Table functions;   /* Entry, by id */
        Table mappings;    /* Entry, by id */
        Table value_types; /* Entry */
};

/* Makes item @index exist. */
static int table_reach(Table *t, uint64_t index) {
        if (index >= PPROF_TABLE_MAX)
                return -EFBIG;
        if (index > 2 * t->n_reached + TABLE_GAPS_MIN)
                return -EBADMSG;

        if (index >= t->n_allocated) {
                size_t size = MAX_OF((size_t) index + 1, t->n_allocated * 2);
                char *p = realloc(t->items, size * t->item_size);

                if (!p)
                        return -ENOMEM;
                memset(p + t->n_allocated * t->item_size, 0, (size - t->n_allocated) * t->item_size);
                t->items = p;
                t->n_allocated = size;
        }

        t->n = MAX_OF(t->n, (size_t) index + 1);
        t->n_reached++;
        return 0;
}

static void *table_item(const Table *t, uint64_t index) {
        return index < t->n ? (char *) t->items + index * t->item_size : NULL;
}

PprofNames *pprof_names_free(PprofNames *n) {
        if (!n)
                return NULL;

        strbuf_done(&n->texts);
        free(n->strings.items);
        free(n->locations.items);
        free(n->lines.items);
        free(n->functions.items);
        free(n->mappings.items);
        free(n->value_types.items);
        free(n);
        return NULL;
}

static int add_text(PprofNames *n, const PprofField *field) {
        _cleanup_(freep) char *text = NULL;
        size_t offset = n->texts.length;
        int r;

        r = table_reach(&n->strings, n->strings.n);
        if (r < 0)
                return r;
        ((size_t *) n->strings.items)[n->strings.n - 1] = offset;

        text = utf8_sanitize((const char *) field->data, field->length);
        if (!text)
                return -ENOMEM;

        for (char *p = strchr(text, ';'); p; p = strchr(p, ';'))
                *p = ':';

        strbuf_add_n(&n->texts, text, strlen(text) + 1);
        return n->texts.error;
}

/* Puts an entry at @id (not 0, not twice). */
static int add_entry(Table *t, uint64_t id, int64_t text) {
        Entry *e;
        int r;

        r = id == 0 ? -EBADMSG : table_reach(t, id);
        if (r < 0)
                return r;

        e = table_item(t, id);
        if (e->present)
                return -EBADMSG;

        *e = (Entry){ .text = text, .present = true };
        return 0;
}

static int add_value_type(PprofNames *n, const PprofField *field) {
        Cprof__Pprof__ValueType *v = cprof__pprof__value_type__unpack(NULL, field->length, field->data);
        int r;

        if (!v)
                return -EBADMSG;

        r = add_entry(&n->value_types, MAX_OF(n->value_types.n, (size_t) 1), v->type);
        cprof__pprof__value_type__free_unpacked(v, NULL);
        return r;
}

static int add_function(PprofNames *n, const PprofField *field) {
        Cprof__Pprof__Function *f = cprof__pprof__function__unpack(NULL, field->length, field->data);
        int r;

        if (!f)
                return -EBADMSG;

        r = add_entry(&n->functions, f->id, f->name);
        cprof__pprof__function__free_unpacked(f, NULL);
        return r;
}

static int add_mapping(PprofNames *n, const PprofField *field) {
        Cprof__Pprof__Mapping *m = cprof__pprof__mapping__unpack(NULL, field->length, field->data);
        int r;

        if (!m)
                return -EBADMSG;

        r = add_entry(&n->mappings, m->id, m->filename);
        cprof__pprof__mapping__free_unpacked(m, NULL);
        return r;
}

static int put_location(PprofNames *n, const Cprof__Pprof__Location *from) {
        Location *l;
        int r;

        r = from->id == 0 ? -EBADMSG : table_reach(&n->locations, from->id);
        if (r < 0)
                return r;

        l = table_item(&n->locations, from->id);
        if (l->present || from->mapping_id >= PPROF_TABLE_MAX)
                return -EBADMSG;

        *l = (Location){
                .address = from->address,
                .mapping = (uint32_t) from->mapping_id,
                .first_line = (uint32_t) n->lines.n,
                .n_lines = (uint32_t) from->n_line,
                .present = true,
        };

        for (size_t i = 0; i < from->n_line; i++) {
                r = table_reach(&n->lines, n->lines.n);
                if (r < 0)
                        return r;
                ((uint64_t *) n->lines.items)[n->lines.n - 1] = from->line[i]->function_id;
        }

        return 0;
}

static int add_location(PprofNames *n, const PprofField *field) {
        Cprof__Pprof__Location *l = cprof__pprof__location__unpack(NULL, field->length, field->data);
        int r;

        if (!l)
                return -EBADMSG;

        r = put_location(n, l);
        cprof__pprof__location__free_unpacked(l, NULL);
        return r;
}

static int add_field(PprofNames *n, const PprofField *field) {
        static int (*const add[])(PprofNames *, const PprofField *) = {
                [PPROF_FIELD_SAMPLE_TYPE] = add_value_type, [PPROF_FIELD_MAPPING] = add_mapping,
                [PPROF_FIELD_LOCATION] = add_location,      [PPROF_FIELD_FUNCTION] = add_function,
                [PPROF_FIELD_STRING_TABLE] = add_text,
        };

        if (field->number >= ELEMENTSOF(add) || !add[field->number])
                return 0;
        if (!field->data)
                return -EBADMSG; /* a number where a message belongs */

        return add[field->number](n, field);
}

const char *pprof_names_text(const PprofNames *n, int64_t index) {
        const size_t *offset = index >= 0 ? table_item(&n->strings, (uint64_t) index) : NULL;

        return offset ? n->texts.text + *offset : NULL;
}

static int check_entries(const PprofNames *n, const Table *t) {
        for (size_t i = 0; i < t->n; i++) {
                const Entry *e = table_item(t, i);

                if (e->present && !pprof_names_text(n, e->text))
                        return -EBADMSG;
        }

        return 0;
}

static int check_locations(PprofNames *n) {
        for (size_t i = 0; i < n->lines.n; i++) {
                const Entry *f = table_item(&n->functions, ((const uint64_t *) n->lines.items)[i]);

                if (!f || !f->present)
                        return -EBADMSG;
        }

        for (size_t i = 0; i < n->locations.n; i++) {
                Location *l = table_item(&n->locations, i);
                const Entry *m;

                if (!l->present || l->mapping == 0)
                        continue;

                m = table_item(&n->mappings, l->mapping);
                if (!m || !m->present)
                        return -EBADMSG;

                l->kernel = strcmp(pprof_names_text(n, m->text), KERNEL_FILENAME) == 0;
        }

        return 0;
}

/* What could not be checked before all tables were there. */
static int check_tables(PprofNames *n) {
        int r;

        r = check_entries(n, &n->functions);
        if (r >= 0)
                r = check_entries(n, &n->mappings);
        if (r >= 0)
                r = check_entries(n, &n->value_types);
        if (r >= 0)
                r = check_locations(n);

        return r;
}

int pprof_names_read(int fd, PprofNames **ret) {
        _cleanup_(pprof_names_freep) PprofNames *n = NULL;
        PprofReader reader;
        PprofField field;
        int r;

        n = calloc(1, sizeof(*n));
        if (!n)
                return -ENOMEM;

        n->strings.item_size = sizeof(size_t);
        n->lines.item_size = sizeof(uint64_t);
        n->locations.item_size = sizeof(Location);
        n->functions.item_size = n->mappings.item_size = n->value_types.item_size = sizeof(Entry);

        r = pprof_reader_init(&reader, fd);
        while (r >= 0) {
                r = pprof_reader_next(&reader, &field);
                if (r <= 0)
                        break;
                r = add_field(n, &field);
        }
        pprof_reader_done(&reader);
        if (r < 0)
                return r;

        r = check_tables(n);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(n);
        return 0;
}

int pprof_names_value_index(const PprofNames *n, const char *type) {
        for (size_t i = 1; i < n->value_types.n; i++) {
                const Entry *e = table_item(&n->value_types, i);

                if (strcmp(pprof_names_text(n, e->text), type) == 0)
                        return (int) i - 1;
        }

        return -ENOENT;
}

int pprof_names_n_frames(const PprofNames *n, uint64_t location) {
        const Location *l = table_item(&n->locations, location);

        if (!l || !l->present)
                return -EBADMSG;

        return l->n_lines > 0 ? (int) l->n_lines : 1;
}

const char *pprof_names_frame(const PprofNames *n, uint64_t location, unsigned frame, char buf[static 24]) {
        const Location *l = table_item(&n->locations, location);
        const Entry *f;
        const char *name;

        if (l->n_lines == 0) {
                (void) snprintf(buf, 24, "0x%" PRIx64, l->address);
                return buf;
        }

        f = table_item(&n->functions, ((const uint64_t *) n->lines.items)[l->first_line + frame]);
        name = pprof_names_text(n, f->text);
        return *name ? name : "[unknown]";
}

bool pprof_names_is_kernel(const PprofNames *n, uint64_t location) {
        const Location *l = table_item(&n->locations, location);

        return l->kernel;
}
