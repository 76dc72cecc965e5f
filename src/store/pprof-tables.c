/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pprof-tables.h"

#include "basic/utf8.h"
#include "pprof.pb-c.h"

#include <string.h>
#include <sys/random.h>

#define PAGE_BYTES UINT64_C(4096)

typedef struct LocationItem {
        Frame frame; /* the key */
        uint32_t function, line;
} LocationItem;

typedef struct FunctionItem {
        uint32_t name, system_name, filename; /* strings */
        uint32_t first_line;
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

static int init_modules(PprofTables *t) {
        unsigned n = profile_n_modules(t->profile);
        int r;

        t->modules = calloc(n, sizeof(*t->modules));
        if (!t->modules)
                return -ENOMEM;

        for (; t->n_modules < n; t->n_modules++) {
                const Module *m = profile_module(t->profile, t->n_modules);
                PprofModule *info = t->modules + t->n_modules;
                const char *path = m && m->path ? m->path : "";

                info->low = UINT64_MAX;
                info->path = utf8_sanitize(path, strlen(path));
                if (!info->path)
                        return -ENOMEM;

                r = pprof_tables_add_string(t, info->path, &info->path_string);
                if (r < 0) {
                        free(info->path);
                        return r;
                }
        }

        return 0;
}

int pprof_tables_init(PprofTables *t, const Profile *profile, const Symbols *symbols) {
        uint32_t string;
        int r;

        *t = (PprofTables){
                .profile = profile,
                .symbols = symbols,
                .strings = { .item_size = sizeof(const char *), .equal = equal_strings },
                .locations = { .item_size = sizeof(LocationItem), .equal = equal_locations },
                .functions = { .item_size = sizeof(FunctionItem), .equal = equal_functions },
        };
        if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != (ssize_t) sizeof(t->seed))
                t->seed = (uintptr_t) t;

        r = pprof_tables_add_string(t, "", &string); /* has to be the first */
        if (r >= 0)
                r = init_modules(t);
        if (r < 0)
                pprof_tables_done(t);

        return r;
}

void pprof_tables_done(PprofTables *t) {
        for (unsigned i = 0; i < t->n_modules; i++)
                free(t->modules[i].path);
        free(t->modules);
        intern_done(&t->strings);
        intern_done(&t->locations);
        intern_done(&t->functions);
        *t = (PprofTables){};
}

/* Where the source of interpreted code is. @l knows its frame. */
static int add_source(PprofTables *t, LocationItem *l, FunctionItem *f) {
        const Module *m = profile_module(t->profile, frame_module(l->frame));
        const Function *function;

        if (!m || m->type != MODULE_PYTHON)
                return 0;

        function = function_table_get(m->functions, function_offset_index(frame_offset(l->frame)));
        if (!function)
                return 0;

        l->line = function_offset_line(frame_offset(l->frame));
        f->first_line = function->first_line;
        return pprof_tables_add_string(t, function->file, &f->filename);
}

static int add_function(PprofTables *t, LocationItem *l, uint32_t filename) {
        SymbolName name = symbols_name(t->symbols, l->frame);
        FunctionItem f = { .filename = filename };
        int r;

        r = add_source(t, l, &f);
        if (r < 0)
                return r;

        r = pprof_tables_add_string(t, name.name, &f.name);
        if (r < 0)
                return r;

        r = pprof_tables_add_string(t, name.system_name ? name.system_name : name.name, &f.system_name);
        if (r < 0)
                return r;

        return intern_add(
                        &t->functions,
                        hash_u64(hash_u64(t->seed, (uint64_t) f.name << 32 | f.system_name),
                                 (uint64_t) f.first_line << 32 | f.filename),
                        &f,
                        &l->function);
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
        uint32_t number;
        PprofModule *m;
        int r;

        assert(index < t->n_modules);

        r = intern_add(&t->locations, hash_u64(t->seed, frame), &l, &number);
        if (r < 0)
                return r;

        *ret_id = (uint64_t) number + 1;
        if (r == 0)
                return 0;

        m = t->modules + index;
        m->low = MIN_OF(m->low, address);
        m->high = MAX_OF(m->high, address);

        r = add_function(t, &l, m->path_string);
        if (r < 0)
                return r;

        *(LocationItem *) intern_item(&t->locations, number) = l;
        return 0;
}

/* The mapping of a file spans its offsets as if it were mapped at 0; elsewhere addresses are absolute. */
static void
mapping_range(const Module *m, const PprofModule *info, uint64_t *ret_start, uint64_t *ret_limit) {
        bool absolute = m->type == MODULE_KERNEL || m->type == MODULE_ANON, used = info->low <= info->high;
        uint64_t start = absolute && used ? info->low & ~(PAGE_BYTES - 1) : 0;
        uint64_t limit = used ? info->high & ~(PAGE_BYTES - 1) : 0;

        *ret_start = start;
        *ret_limit = limit > UINT64_MAX - PAGE_BYTES ? UINT64_MAX : limit + PAGE_BYTES;
}

static int write_mapping(PprofTables *t, PprofWriter *w, unsigned index) {
        const Module *m = profile_module(t->profile, index);
        const char *build_id = symbols_build_id(t->symbols, index);
        Cprof__Pprof__Mapping mapping = CPROF__PPROF__MAPPING__INIT;
        uint32_t build_id_string;
        int r;

        if (!m)
                return 0;

        r = pprof_tables_add_string(t, build_id ? build_id : "", &build_id_string);
        if (r < 0)
                return r;

        mapping.id = (uint64_t) index + 1;
        mapping_range(m, t->modules + index, &mapping.memory_start, &mapping.memory_limit);
        mapping.filename = t->modules[index].path_string;
        mapping.build_id = build_id_string;
        mapping.has_functions = true;

        return pprof_writer_message(w, PPROF_FIELD_MAPPING, &mapping.base);
}

/* The program, which readers take the first mapping for: @exe if it was seen, else the first file. */
static unsigned main_module(const PprofTables *t, const char *exe) {
        unsigned found = PROFILE_MODULE_KERNEL;

        for (unsigned i = 0; i < t->n_modules; i++) {
                const Module *m = profile_module(t->profile, i);

                if (!m || m->type != MODULE_FILE)
                        continue;
                if (exe && m->path && strcmp(m->path, exe) == 0)
                        return i;
                if (found == PROFILE_MODULE_KERNEL)
                        found = i;
        }

        return found;
}

static int write_mappings(PprofTables *t, const char *exe, PprofWriter *w) {
        unsigned first = main_module(t, exe);
        int r;

        r = write_mapping(t, w, first);
        if (r < 0)
                return r;

        for (unsigned i = 0; i < t->n_modules; i++) {
                r = i == first ? 0 : write_mapping(t, w, i);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int write_locations(const PprofTables *t, PprofWriter *w) {
        int r;

        for (uint32_t i = 0; i < t->locations.n_items; i++) {
                const LocationItem *l = intern_item(&t->locations, i);
                Cprof__Pprof__Line line = CPROF__PPROF__LINE__INIT, *lines[] = { &line };
                Cprof__Pprof__Location location = CPROF__PPROF__LOCATION__INIT;
                unsigned module = frame_module(l->frame);

                line.function_id = (uint64_t) l->function + 1;
                line.line = l->line;
                location.id = (uint64_t) i + 1;
                location.mapping_id = profile_module(t->profile, module) ? (uint64_t) module + 1 : 0;
                location.address = frame_address(l->frame);
                location.line = lines;
                location.n_line = ELEMENTSOF(lines);

                r = pprof_writer_message(w, PPROF_FIELD_LOCATION, &location.base);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int write_functions(const PprofTables *t, PprofWriter *w) {
        int r;

        for (uint32_t i = 0; i < t->functions.n_items; i++) {
                const FunctionItem *f = intern_item(&t->functions, i);
                Cprof__Pprof__Function function = CPROF__PPROF__FUNCTION__INIT;

                function.id = (uint64_t) i + 1;
                function.name = f->name;
                function.system_name = f->system_name;
                function.filename = f->filename;
                function.start_line = f->first_line;

                r = pprof_writer_message(w, PPROF_FIELD_FUNCTION, &function.base);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int write_strings(const PprofTables *t, PprofWriter *w) {
        int r;

        for (uint32_t i = 0; i < t->strings.n_items; i++) {
                r = pprof_writer_text(
                                w,
                                PPROF_FIELD_STRING_TABLE,
                                *(const char *const *) intern_item(&t->strings, i));
                if (r < 0)
                        return r;
        }

        return 0;
}

int pprof_tables_write(PprofTables *t, const char *exe, PprofWriter *w) {
        int r;

        r = write_mappings(t, exe, w); /* adds strings */
        if (r >= 0)
                r = write_locations(t, w);
        if (r >= 0)
                r = write_functions(t, w);
        if (r >= 0)
                r = write_strings(t, w);

        return r;
}
