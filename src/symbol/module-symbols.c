/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/module-symbols.h"

#include "symbol/debug-files.h"

#include <sys/stat.h>

const char *symbol_source_to_string(SymbolSource source) {
        static const char *const names[_SYMBOL_SOURCE_MAX] = {
                [SYMBOL_SOURCE_NONE] = "none",
                [SYMBOL_SOURCE_SYMTAB] = "symtab",
                [SYMBOL_SOURCE_DEBUG_FILE] = "debug-file",
                [SYMBOL_SOURCE_MINI_DEBUG_INFO] = "mini-debug-info",
                [SYMBOL_SOURCE_DYNSYM] = "dynsym",
                [SYMBOL_SOURCE_PERF_MAP] = "perf-map",
                [SYMBOL_SOURCE_KALLSYMS] = "kallsyms",
                [SYMBOL_SOURCE_VDSO] = "vdso",
                [SYMBOL_SOURCE_PYTHON] = "python",
        };

        assert(source < _SYMBOL_SOURCE_MAX);
        return names[source];
}

ModuleSymbols *module_symbols_free(ModuleSymbols *m) {
        if (!m)
                return NULL;

        m->debug_fd = safe_close(m->debug_fd);
        symbol_table_free(m->table);
        function_starts_free(m->starts);
        free(m->code);
        free(m->debug_path);
        free(m);
        return NULL;
}

size_t module_symbols_bytes(const ModuleSymbols *m) {
        assert(m);

        return sizeof(*m) + m->n_code * sizeof(m->code[0]) + (m->table ? symbol_table_bytes(m->table) : 0) +
                        (m->starts ? function_starts_bytes(m->starts) : 0);
}

static int open_debug_file(const ModuleSymbols *m) {
        _cleanup_(closep) int fd = -EBADF;
        struct stat st;

        fd = open_regular_file(m->debug_path);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -ESTALE;

        if (st.st_dev != m->debug_dev || st.st_ino != m->debug_inode ||
            st.st_ctim.tv_sec != m->debug_change_sec || st.st_ctim.tv_nsec != m->debug_change_nsec)
                return -ESTALE;

        return TAKE_FD(fd);
}

int module_symbols_bind(ModuleSymbols *m, int fd) {
        assert(m);

        if (!m->table)
                return 0;

        if (m->debug_path) {
                m->debug_fd = safe_close(m->debug_fd);
                fd = open_debug_file(m);
                if (fd < 0)
                        return fd;
                m->debug_fd = fd;
        }

        symbol_table_bind(m->table, fd);
        return 0;
}

void module_symbols_unbind(ModuleSymbols *m) {
        assert(m);

        if (m->table)
                symbol_table_bind(m->table, -EBADF);
        m->debug_fd = safe_close(m->debug_fd);
}

int module_symbols_address(const ModuleSymbols *m, uint64_t offset, uint64_t *ret_address) {
        assert(m);
        assert(ret_address);

        for (size_t i = 0; i < m->n_code; i++) {
                const ElfSegment *s = &m->code[i];

                if (offset < s->offset || offset - s->offset >= s->file_size)
                        continue;

                *ret_address = s->address + (offset - s->offset);
                return 0;
        }

        return -ENOENT;
}
