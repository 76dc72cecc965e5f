/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/elf-load.h"

#include "symbol/debug-files.h"
#include "symbol/elf-symbols.h"
#include "symbol/mini-debug-info.h"

#include <string.h>
#include <sys/stat.h>

/* In the order in which sources are tried. */
typedef enum LoadState {
        LOAD_SYMTAB,
        LOAD_DEBUG_FILE_SEARCH,
        LOAD_DEBUG_FILE,
        LOAD_MINI_UNPACK,
        LOAD_MINI,
        LOAD_MINI_DYNSYM,
        LOAD_DYNSYM,
        LOAD_FINISH, /* sort what was found */
        LOAD_DONE,
        _LOAD_STATE_MAX,
} LoadState;

struct ElfLoad {
        LoadState state;
        const char *path;               /* borrowed; NULL for memory */
        const char *const *debug_roots; /* borrowed */
        ElfImage *image;                /* owned */

        DebugFileSearch *search; /* owned; while LOAD_DEBUG_FILE_SEARCH */
        DebugFile debug_file;    /* while LOAD_DEBUG_FILE */
        MiniDebugInfo *mini;     /* owned; while LOAD_MINI… */
        ElfImage *mini_image;    /* owned, borrows from @mini */

        bool reading; /* @reader has begun */
        ElfSymbolReader reader;
        bool complete; /* no function is missing in the table */
        ModuleSymbols *symbols;
};

ElfLoad *elf_load_free(ElfLoad *l) {
        if (!l)
                return NULL;

        debug_file_search_free(l->search);
        debug_file_done(&l->debug_file);
        elf_image_free(l->mini_image);
        mini_debug_info_free(l->mini);
        module_symbols_free(l->symbols);
        elf_image_free(l->image);
        free(l);
        return NULL;
}

static int copy_image_facts(ModuleSymbols *m, const ElfImage *image) {
        m->code = calloc(image->n_segments > 0 ? image->n_segments : 1, sizeof(m->code[0]));
        if (!m->code)
                return -ENOMEM;

        for (size_t i = 0; i < image->n_segments; i++)
                if (image->segments[i].executable)
                        m->code[m->n_code++] = image->segments[i];

        for (size_t i = 0; i < image->build_id_size; i++)
                (void) snprintf(m->build_id + 2 * i, 3, "%02x", image->build_id[i]);

        return 0;
}

/* Takes over @image in any case. */
static int load_new(ElfImage *image, ElfLoad **ret_load) {
        _cleanup_(elf_load_freep) ElfLoad *l = NULL;
        int r;

        l = malloc(sizeof(*l));
        if (!l) {
                elf_image_free(image);
                return -ENOMEM;
        }
        *l = (ElfLoad){ .image = image, .debug_file = DEBUG_FILE_INIT };

        l->symbols = calloc(1, sizeof(*l->symbols));
        if (!l->symbols)
                return -ENOMEM;
        l->symbols->debug_fd = -EBADF;

        r = copy_image_facts(l->symbols, image);
        if (r < 0)
                return r;

        *ret_load = TAKE_PTR(l);
        return 0;
}

int elf_load_new_file(int fd, const char *path, const char *const *debug_roots, ElfLoad **ret_load) {
        ElfImage *image;
        ElfLoad *l;
        int r;

        assert(path);
        assert(debug_roots);
        assert(ret_load);

        r = elf_image_open_fd(fd, &image);
        if (r < 0)
                return r;

        r = load_new(image, &l);
        if (r < 0)
                return r;

        l->path = path;
        l->debug_roots = debug_roots;

        *ret_load = l;
        return 0;
}

int elf_load_new_memory(const void *memory, size_t size, ElfLoad **ret_load) {
        ElfImage *image;
        int r;

        assert(ret_load);

        r = elf_image_open_memory(memory, size, &image);
        if (r < 0)
                return r;

        return load_new(image, ret_load);
}

static int begin_section(ElfLoad *l, const ElfImage *image, uint32_t type, unsigned block) {
        int r;

        if (block == 0) { /* the second block adds to the table of the first */
                l->symbols->table = symbol_table_free(l->symbols->table);
                r = symbol_table_new(&l->symbols->table);
                if (r < 0)
                        return r;
        }

        r = elf_symbols_begin(&l->reader, image, type, l->symbols->table, block);
        if (r < 0)
                return r;

        l->reading = true;
        return 1;
}

/* Reads the code symbols of one section. Returns 1 for more, 0 if there were
 * some, -ENOENT if not, or another error. */
static int read_section(ElfLoad *l, const ElfImage *image, uint32_t type, unsigned block) {
        int r;

        if (!l->reading)
                return begin_section(l, image, type, block);

        r = elf_symbols_step(&l->reader);
        if (r > 0)
                return 1;

        l->reading = false;
        if (r < 0)
                return r;

        return symbol_table_size(l->symbols->table) > 0 ? 0 : -ENOENT;
}

static int finish_with(ElfLoad *l, SymbolSource source, bool complete) {
        l->symbols->source = source;
        l->complete = complete;
        l->state = LOAD_FINISH;
        return 1;
}

static int step_symtab(ElfLoad *l) {
        int r;

        r = read_section(l, l->image, SHT_SYMTAB, 0);
        if (r != 0)
                return r;

        return finish_with(
                        l,
                        l->path ? SYMBOL_SOURCE_SYMTAB : SYMBOL_SOURCE_VDSO,
                        l->reader.has_local_functions);
}

static int step_debug_file_search(ElfLoad *l) {
        int r;

        if (!l->path)
                return -ENOENT;

        if (!l->search)
                return debug_file_search_new(l->debug_roots, l->image, l->path, &l->search) < 0 ? -ENOMEM
                                                                                                : 1;

        r = debug_file_search_step(l->search);
        if (r != 0)
                return r;

        l->debug_file = debug_file_search_take(l->search);
        l->state = LOAD_DEBUG_FILE;
        return 1;
}

static int step_debug_file(ElfLoad *l) {
        ModuleSymbols *m = l->symbols;
        struct stat st;
        int r;

        if (!l->debug_file.image)
                return -ENOENT;

        r = read_section(l, l->debug_file.image, SHT_SYMTAB, 0);
        if (r != 0)
                return r;

        if (fstat(l->debug_file.fd, &st) < 0)
                return -errno;

        m->debug_path = TAKE_PTR(l->debug_file.path);
        m->debug_dev = st.st_dev;
        m->debug_inode = st.st_ino;
        m->debug_change_sec = st.st_ctim.tv_sec;
        m->debug_change_nsec = st.st_ctim.tv_nsec;
        return finish_with(l, SYMBOL_SOURCE_DEBUG_FILE, l->reader.has_local_functions);
}

static int step_mini_unpack(ElfLoad *l) {
        const void *data;
        size_t size;
        int r;

        if (!l->mini) {
                r = mini_debug_info_new(l->image, &l->mini);
                return r < 0 ? r : 1;
        }

        r = mini_debug_info_step(l->mini);
        if (r != 0)
                return r;

        data = mini_debug_info_data(l->mini, &size);
        r = elf_image_open_memory(data, size, &l->mini_image);
        if (r < 0)
                return r;

        l->state = LOAD_MINI;
        return 1;
}

static int step_mini(ElfLoad *l) {
        int r;

        if (!l->mini_image)
                return -ENOENT;

        r = read_section(l, l->mini_image, SHT_SYMTAB, 0);
        if (r == 0)
                l->state = LOAD_MINI_DYNSYM;
        return r == 0 ? 1 : r;
}

/* What is in .dynsym was left out of MiniDebugInfo. */
static int step_mini_dynsym(ElfLoad *l) {
        int r;

        if (!l->mini_image || symbol_table_size(l->symbols->table) == 0)
                return -ENOENT;

        r = read_section(l, l->image, SHT_DYNSYM, 1);
        if (r == -ENOENT)
                r = 0;
        if (r != 0)
                return r;

        return finish_with(l, SYMBOL_SOURCE_MINI_DEBUG_INFO, /* complete= */ false);
}

static int step_dynsym(ElfLoad *l) {
        int r;

        r = read_section(l, l->image, SHT_DYNSYM, 0);
        if (r != 0)
                return r;

        return finish_with(l, l->path ? SYMBOL_SOURCE_DYNSYM : SYMBOL_SOURCE_VDSO, /* complete= */ false);
}

static int step_finish(ElfLoad *l) {
        int r;

        if (l->symbols->source == SYMBOL_SOURCE_NONE)
                return -ENOENT;

        r = symbol_table_finish_step(l->symbols->table, l->complete);
        if (r == 0)
                l->state = LOAD_DONE;
        return r;
}

int elf_load_step(ElfLoad *l) {
        static int (*const steps[_LOAD_STATE_MAX])(ElfLoad *) = {
                [LOAD_SYMTAB] = step_symtab,
                [LOAD_DEBUG_FILE_SEARCH] = step_debug_file_search,
                [LOAD_DEBUG_FILE] = step_debug_file,
                [LOAD_MINI_UNPACK] = step_mini_unpack,
                [LOAD_MINI] = step_mini,
                [LOAD_MINI_DYNSYM] = step_mini_dynsym,
                [LOAD_DYNSYM] = step_dynsym,
                [LOAD_FINISH] = step_finish,
        };
        int r;

        assert(l);

        if (l->state == LOAD_DONE)
                return 0;

        r = steps[l->state](l);
        if (r >= 0 || r == -ENOMEM)
                return r;

        /* This source has nothing, or lies: the next one. */
        l->reading = false;
        l->state++;
        if (l->state == LOAD_DONE)
                l->symbols->table = symbol_table_free(l->symbols->table);
        return l->state != LOAD_DONE;
}

ModuleSymbols *elf_load_take(ElfLoad *l) {
        assert(l);
        assert(l->state == LOAD_DONE);

        return TAKE_PTR(l->symbols);
}
