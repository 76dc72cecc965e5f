/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/module-namer.h"

#include "basic/strbuf.h"
#include "symbol/elf-load.h"
#include "symbol/kallsyms.h"
#include "symbol/perf-map.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#define NAMES_SLICE 16U /* frames per step: each may cost reads and a demangled name, some 10 µs */

#define DELETED_SUFFIX " (deleted)" /* d_path(), what /proc/PID/maps shows */

typedef enum NamerState {
        NAMER_BEGIN,
        NAMER_LOAD,
        NAMER_NAME,
        NAMER_STARTS, /* of functions, for a frame without a name; then on with it */
        NAMER_DONE,
        _NAMER_STATE_MAX,
} NamerState;

struct ModuleNamer {
        const NamerContext *context; /* borrowed, as all the next */
        Symbols *symbols;
        unsigned module_index;
        const Module *module;
        const Frame *frames;
        size_t n_frames, next;

        NamerState state;

        /* At most one of them, while NAMER_LOAD; the perf map also while NAMER_NAME. Owned. */
        ElfLoad *elf;
        Kallsyms *kallsyms;
        PerfMap *perf_map;
        uint64_t *addresses; /* of the frames, for the perf map */

        /* Of the module itself, wherever its symbols are; while NAMER_STARTS. Owned. */
        ElfImage *image;
        FunctionStartsLoad *starts;

        /* What was loaded. Owned. */
        ModuleSymbols *elf_symbols;
        SymbolTable *kernel_symbols;
};

int module_namer_new(
                const NamerContext *context,
                Symbols *symbols,
                unsigned module_index,
                const Module *module,
                const Frame *frames,
                size_t n_frames,
                ModuleNamer **ret_namer) {
        ModuleNamer *n;

        assert(context);
        assert(symbols);
        assert(ret_namer);

        n = malloc(sizeof(*n));
        if (!n)
                return -ENOMEM;

        *n = (ModuleNamer){
                .context = context,
                .symbols = symbols,
                .module_index = module_index,
                .module = module,
                .frames = frames,
                .n_frames = n_frames,
        };

        *ret_namer = n;
        return 0;
}

ModuleNamer *module_namer_free(ModuleNamer *n) {
        if (!n)
                return NULL;

        elf_load_free(n->elf);
        kallsyms_free(n->kallsyms);
        perf_map_free(n->perf_map);
        free(n->addresses);
        function_starts_load_free(n->starts);
        elf_image_free(n->image);

        if (n->elf_symbols) {
                module_symbols_unbind(n->elf_symbols);
                if (n->module->type == MODULE_FILE)
                        symbol_cache_put(n->context->cache, n->module, n->elf_symbols);
                else
                        module_symbols_free(n->elf_symbols);
        }
        symbol_table_free(n->kernel_symbols);
        free(n);
        return NULL;
}

static int begin_perf_map(ModuleNamer *n) {
        n->addresses = calloc(n->n_frames > 0 ? n->n_frames : 1, sizeof(n->addresses[0]));
        if (!n->addresses)
                return -ENOMEM;

        for (size_t i = 0; i < n->n_frames; i++)
                n->addresses[i] = frame_offset(n->frames[i]);

        return perf_map_new(n->module->perf_map_fd, n->addresses, n->n_frames, &n->perf_map);
}

static int begin_file(ModuleNamer *n) {
        n->elf_symbols = symbol_cache_take(n->context->cache, n->module);
        if (n->elf_symbols) {
                if (module_symbols_bind(n->elf_symbols, n->module->fd) >= 0) {
                        n->state = NAMER_NAME;
                        return 1;
                }
                n->elf_symbols = module_symbols_free(n->elf_symbols);
        }

        return elf_load_new_file(n->module->fd, n->module->path, n->context->debug_roots, &n->elf);
}

static int step_begin(ModuleNamer *n) {
        int r = -ENOENT;

        n->state = NAMER_LOAD;
        if (!n->module)
                return r;

        switch (n->module->type) {
        case MODULE_KERNEL:
                r = kallsyms_open(n->context->host->proc_fd, &n->kallsyms);
                break;
        case MODULE_FILE:
                if (n->module->fd >= 0)
                        r = begin_file(n);
                break;
        case MODULE_VDSO:
                if (n->module->image)
                        r = elf_load_new_memory(n->module->image, n->module->image_size, &n->elf);
                break;
        case MODULE_ANON:
                if (n->module->perf_map_fd >= 0)
                        r = begin_perf_map(n);
                break;
        case MODULE_PYTHON:
                symbols_set_module(n->symbols, n->module_index, SYMBOL_SOURCE_PYTHON, "");
                n->state = NAMER_NAME;
                r = 0;
                break;
        default:
                break;
        }

        return r < 0 ? r : 1;
}

static int step_load(ModuleNamer *n) {
        SymbolSource source = SYMBOL_SOURCE_NONE;
        int r;

        r = n->elf                    ? elf_load_step(n->elf)
                        : n->kallsyms ? kallsyms_step(n->kallsyms)
                                      : perf_map_step(n->perf_map);
        if (r != 0)
                return r;

        if (n->elf) {
                n->elf_symbols = elf_load_take(n->elf);
                n->elf = elf_load_free(n->elf);
                r = module_symbols_bind(n->elf_symbols, n->module->fd);
        } else if (n->kallsyms) {
                n->kernel_symbols = kallsyms_take(n->kallsyms);
                n->kallsyms = kallsyms_free(n->kallsyms);
                if (symbol_table_size(n->kernel_symbols) > 0)
                        source = SYMBOL_SOURCE_KALLSYMS;
        } else
                source = SYMBOL_SOURCE_PERF_MAP;

        symbols_set_module(n->symbols, n->module_index, source, "");
        n->state = NAMER_NAME;
        return r < 0 ? r : 1;
}

static int begin_starts(ModuleNamer *n) {
        const Module *m = n->module;
        int r;

        r = m->type == MODULE_VDSO ? elf_image_open_memory(m->image, m->image_size, &n->image)
                                   : elf_image_open_fd(m->fd, &n->image);
        if (r < 0)
                return r;

        r = function_starts_load_new(n->image, &n->starts);
        return r < 0 ? r : 1;
}

static int step_starts(ModuleNamer *n) {
        int r;

        if (!n->starts) {
                n->elf_symbols->starts_sought = true;
                r = begin_starts(n);
        } else
                r = function_starts_load_step(n->starts);
        if (r > 0 || r == -ENOMEM)
                return r;

        if (r == 0)
                n->elf_symbols->starts = function_starts_load_take(n->starts);
        n->starts = function_starts_load_free(n->starts);
        n->image = elf_image_free(n->image);
        n->state = NAMER_NAME;
        return 1;
}

/* The address that @frame has in the module's own terms; its offset if there is none. */
static uint64_t frame_address(const ModuleNamer *n, Frame frame) {
        uint64_t address = frame_offset(frame);

        if (n->elf_symbols)
                (void) module_symbols_address(n->elf_symbols, frame_offset(frame), &address);
        else if (n->module && n->module->type == MODULE_KERNEL && (address >> (FRAME_OFFSET_BITS - 1)) & 1)
                address |= ~FRAME_OFFSET_MASK;

        return address;
}

static int find_function(const ModuleNamer *n, Frame frame, char ret_name[static SYMBOL_NAME_MAX + 1]) {
        const Function *f;

        f = function_table_get(n->module->functions, function_offset_index(frame_offset(frame)));
        if (!f)
                return -ENOENT;

        (void) snprintf(ret_name, SYMBOL_NAME_MAX + 1, "%s", f->name);
        return 0;
}

static int find_name(const ModuleNamer *n, size_t i, char ret_name[static SYMBOL_NAME_MAX + 1]) {
        uint64_t address;
        int r;

        if (n->elf_symbols) {
                if (!n->elf_symbols->table)
                        return -ENOENT;

                r = module_symbols_address(n->elf_symbols, frame_offset(n->frames[i]), &address);
                if (r < 0)
                        return r;

                return symbol_table_name(n->elf_symbols->table, address, ret_name);
        }

        if (n->kernel_symbols)
                return symbol_table_name(n->kernel_symbols, frame_address(n, n->frames[i]), ret_name);
        if (n->module && n->module->type == MODULE_PYTHON)
                return find_function(n, n->frames[i], ret_name);
        if (n->perf_map)
                return perf_map_name(n->perf_map, i, ret_name);
        return -ENOENT;
}

/* What code without a name is told apart by: where its function starts, so that all samples of one function
 * are counted together and addr2line(1) can still name it; its own address if that is unknown. */
static uint64_t unknown_address(const ModuleNamer *n, Frame frame) {
        uint64_t address, start;

        if (n->elf_symbols && n->elf_symbols->starts &&
            module_symbols_address(n->elf_symbols, frame_offset(frame), &address) >= 0 &&
            function_starts_find(n->elf_symbols->starts, address, &start) >= 0)
                return start;

        return frame_address(n, frame);
}

/* What code is called that has no name. */
static int set_unknown_name(ModuleNamer *n, Frame frame) {
        char text[NAME_MAX + 32];
        const char *base;
        size_t length;

        if (!n->module)
                return symbols_set_name(n->symbols, frame, SYMBOLS_UNKNOWN_NAME, false);

        base = n->module->type == MODULE_KERNEL ? "kernel" : n->module->path;
        if (n->module->type == MODULE_FILE && strrchr(base, '/'))
                base = strrchr(base, '/') + 1;

        length = strlen(base);
        if (length > strlen(DELETED_SUFFIX) &&
            strcmp(base + length - strlen(DELETED_SUFFIX), DELETED_SUFFIX) == 0)
                length -= strlen(DELETED_SUFFIX);

        (void) snprintf(text,
                        sizeof(text),
                        "%.*s+0x%" PRIx64,
                        (int) MIN_OF(length, (size_t) NAME_MAX),
                        base,
                        unknown_address(n, frame));
        return symbols_set_name(n->symbols, frame, text, false);
}

static int step_name(ModuleNamer *n) {
        char name[SYMBOL_NAME_MAX + 1];
        int r;

        if (n->next == 0 && n->elf_symbols)
                symbols_set_module(
                                n->symbols,
                                n->module_index,
                                n->elf_symbols->source,
                                n->elf_symbols->build_id);

        for (unsigned k = 0; k < NAMES_SLICE && n->next < n->n_frames; k++, n->next++) {
                Frame frame = n->frames[n->next];

                if (find_name(n, n->next, name) >= 0)
                        r = symbols_set_name(n->symbols, frame, name, true);
                else if (n->elf_symbols && !n->elf_symbols->starts_sought) {
                        n->state = NAMER_STARTS;
                        return 1;
                } else
                        r = set_unknown_name(n, frame);
                if (r == -ENOMEM)
                        return r;
        }

        return n->next < n->n_frames;
}

int module_namer_step(ModuleNamer *n) {
        static int (*const steps[_NAMER_STATE_MAX])(ModuleNamer *) = {
                [NAMER_BEGIN] = step_begin,
                [NAMER_LOAD] = step_load,
                [NAMER_NAME] = step_name,
                [NAMER_STARTS] = step_starts,
        };
        int r;

        assert(n);

        if (n->state == NAMER_DONE)
                return 0;

        r = steps[n->state](n);
        if (r == 0)
                n->state = NAMER_DONE;
        if (r >= 0 || r == -ENOMEM)
                return r;

        /* No symbols to be had: the frames get their unknown names. */
        n->elf = elf_load_free(n->elf);
        n->kallsyms = kallsyms_free(n->kallsyms);
        n->perf_map = perf_map_free(n->perf_map);
        n->state = NAMER_NAME;
        return 1;
}
