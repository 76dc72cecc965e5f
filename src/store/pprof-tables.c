/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pprof-tables.h"

#include "basic/utf8.h"
#include "pprof.pb-c.h"

#include <string.h>
#include <sys/random.h>

#define PAGE_BYTES UINT64_C(4096)

typedef struct LocationItem {
        Frame frame; /* the key */
        uint32_t function;
} LocationItem;

typedef struct FunctionItem {
        uint32_t name, system_name, filename; /* strings */
} FunctionItem;

static bool equal_strings(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b) == 0;
}

static bool equal_locations(const void *a, const void *b) {
        return ((const LocationItem *) a)->frame == ((const LocationItem *) b)->frame;
}

static bool equal_functions(const void *a, const void *b) {
        return memcmp(a, b, sizeof(FunctionItem)) == 0;
}

int pprof_tables_add_string(PprofTables *t, const char *text, uint32_t *ret_string) {
        uint64_t hash = t->seed;

        for (const unsigned char *p = (const unsigned char *) text; *p;) {
                uint64_t word = 0;

                for (unsigned i = 0; i < sizeof(word) && *p; i++)
                        word |= (uint64_t) *p++ << (8 * i);
                hash = hash_u64(hash, word);
        }

        return intern_add(&t->strings, hash, &text, ret_string);
}

static int add_function(PprofTables *t, Frame frame, uint32_t filename, uint32_t *ret_function) {
        SymbolName name = symbols_name(t->symbols, frame);
        FunctionItem f = { .filename = filename };
        int r;

        r = pprof_tables_add_string(t, name.name, &f.name);
        if (r < 0)
                return r;

        r = pprof_tables_add_string(t, name.system_name ? name.system_name : name.name, &f.system_name);
        if (r < 0)
                return r;

        return intern_add(
                        &t->functions,
                        hash_u64(hash_u64(t->seed, (uint64_t) f.name << 32 | f.system_name), filename),
                        &f,
                        ret_function);
}

static uint64_t frame_address(Frame frame) {
        uint64_t a = frame_offset(frame);

        /* addresses of the kernel are those of the upper half */
        if (frame_module(frame) == PROFILE_MODULE_KERNEL && a & UINT64_C(1) << (FRAME_OFFSET_BITS - 1))
                a |= ~FRAME_OFFSET_MASK;

        return a;
}

int pprof_tables_add_location(PprofTables *t, Frame frame, uint64_t *ret_id) {
        LocationItem l = { .frame = frame };
        uint64_t address = frame_address(frame);
        unsigned index = frame_module(frame);
        PprofModule *m;
        int r;

        assert(index < t->n_modules);

        r = intern_add(&t->locations, hash_u64(t->seed, frame), &l, ret_location);
        if (r <= 0)
                return r;

        m = t->modules + index;
        m->low = MIN_OF(m->low, address);
        m->high = MAX_OF(m->high, address);

        r = add_function(t, frame, m->path_string, &l.function);
        if (r < 0)
                return r;

        *(LocationItem *) intern_item(&t->locations, *ret_location) = l;
        return 0;
}

/* The mapping of a file spans its offsets as if it were mapped at 0; elsewhere addresses are absolute. */
static void mapping_range(const Module *m, const PprofModule *info, uint64_t *ret_start, uint64_t *ret_limit) {
        bool absolute = m->type == MODULE_KERNEL || m->type == MODULE_ANON, used = info->low <= info->high;
        uint64_t start = absolute && used ? info->low & ~(PAGE_BYTES - 1) : 0;
        uint64_t limit = used ? info->high & ~(PAGE_BYTES - 1) : 0;

        *ret_start = start;
        *ret_limit = limit > UINT64_MAX - PAGE_BYTES ? UINT64_MAX : limit + PAGE_BYTES;
}

static int write_mappings(PprofTables *t, PprofWriter *w) {
        int r;

        for (unsigned i = 0; i < t->n_modules; i++) {
                const Module *m = profile_module(t->profile, i);
                const char *build_id = symbols_build_id(t->symbols, i);
                Cprof__Pprof__Mapping mapping = CPROF__PPROF__MAPPING__INIT;
                uint32_t build_id_string;

                if (!m)
                        continue;

                r = pprof_tables_add_string(t, build_id ? build_id : "", &build_id_string);
                if (r < 0)
                        return r;

                mapping.id = (uint64_t) i + 1;
                mapping_range(m, t->modules + i, &mapping.memory_start, &mapping.memory_limit);
                mapping.filename = t->modules[i].path_string;
                mapping.build_id = build_id_string;
                mapping.has_functions = true;

                r = pprof_writer_message(w, FIELD_MAPPING, &mapping.base);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int write_locations(PprofTables *t, PprofWriter *w) {
        int r;

        for (uint32_t i = 0; i < t->locations.n_items; i++) {
                const LocationItem *l = intern_item(&t->locations, i);
                Cprof__Pprof__Line line = CPROF__PPROF__LINE__INIT, *lines[] = { &line };
                Cprof__Pprof__Location location = CPROF__PPROF__LOCATION__INIT;
                unsigned module = frame_module(l->frame);

                line.function_id = (uint64_t) l->function + 1;
                location.id = (uint64_t) i + 1;
                location.mapping_id = profile_module(t->profile, module) ? (uint64_t) module + 1 : 0;
                location.address = frame_address(l->frame);
                location.line = lines;
                location.n_line = ELEMENTSOF(lines);

                r = pprof_writer_message(w, FIELD_LOCATION, &location.base);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int write_functions(PprofTables *t, PprofWriter *w) {
        int r;

        for (uint32_t i = 0; i < t->functions.n_items; i++) {
                const FunctionItem *f = intern_item(&t->functions, i);
                Cprof__Pprof__Function function = CPROF__PPROF__FUNCTION__INIT;

                function.id = (uint64_t) i + 1;
                function.name = f->name;
                function.system_name = f->system_name;
                function.filename = f->filename;

                r = pprof_writer_message(w, FIELD_FUNCTION, &function.base);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int write_strings(PprofTables *t, PprofWriter *w) {
        int r;

        for (uint32_t i = 0; i < t->strings.n_items; i++) {
                r = pprof_writer_text(
                                w,
                                FIELD_STRING_TABLE,
                                *(const char *const *) intern_item(&t->strings, i));
                if (r < 0)
                        return r;
        }

        return 0;
}
