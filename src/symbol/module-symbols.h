/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/elf-image.h"
#include "symbol/function-starts.h"
#include "symbol/symbol-table.h"

typedef enum SymbolSource {
        SYMBOL_SOURCE_NONE,
        SYMBOL_SOURCE_SYMTAB,
        SYMBOL_SOURCE_DEBUG_FILE,
        SYMBOL_SOURCE_MINI_DEBUG_INFO,
        SYMBOL_SOURCE_DYNSYM,
        SYMBOL_SOURCE_PERF_MAP,
        SYMBOL_SOURCE_KALLSYMS,
        SYMBOL_SOURCE_VDSO,
        SYMBOL_SOURCE_PYTHON,
        _SYMBOL_SOURCE_MAX,
} SymbolSource;

const char *symbol_source_to_string(SymbolSource source);

#define BUILD_ID_TEXT_MAX (2 * ELF_BUILD_ID_MAX + 1)

/* What is known of one ELF file: its symbols, from wherever, and how offsets in it become
 * addresses. Holds no file open between uses. */
typedef struct ModuleSymbols {
        SymbolSource source;
        SymbolTable *table; /* NULL: no symbols at all */

        /* For code without a symbol; made when there is some. NULL with @starts_sought: the file has none.
         */
        FunctionStarts *starts;
        bool starts_sought;

        ElfSegment *code; /* executable segments */
        size_t n_code;
        char build_id[BUILD_ID_TEXT_MAX]; /* "" = none */

        /* SYMBOL_SOURCE_DEBUG_FILE: where names are read from, and what that
         * file was when the table was made */
        char *debug_path;
        uint64_t debug_dev, debug_inode;
        int64_t debug_change_sec, debug_change_nsec;
        int debug_fd; /* while bound */
} ModuleSymbols;

ModuleSymbols *module_symbols_free(ModuleSymbols *m);
DEFINE_CLEANUP(ModuleSymbols *, module_symbols_free)

size_t module_symbols_bytes(const ModuleSymbols *m);

/* Makes names readable until module_symbols_unbind(): from the module's own @fd
 * (borrowed), or the debug file, opened again. Returns -ESTALE when that is another file
 * by now: the table is to be thrown away. */
int module_symbols_bind(ModuleSymbols *m, int fd);
void module_symbols_unbind(ModuleSymbols *m);

/* Address of the code at @offset in the file, -ENOENT if there is none. */
int module_symbols_address(const ModuleSymbols *m, uint64_t offset, uint64_t *ret_address);
