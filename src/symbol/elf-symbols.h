/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/elf-image.h"
#include "symbol/symbol-table.h"

#define ELF_OPEN_SYMBOL_SIZE_MAX 4096U   /* reach of a symbol without a size, as assembly has them */
#define ELF_NAMES_MEMORY_MAX (16U << 20) /* of a string table that must be copied */

/* Copies the code symbols of one symbol section into a table, some thousand per step. */
typedef struct ElfSymbolReader {
        const ElfImage *image; /* borrowed */
        SymbolTable *table;    /* borrowed */
        ElfSection symbols, strings;
        uint64_t next, n_symbols;
        unsigned block;           /* of names in the table: 0 or 1 */
        bool has_local_functions; /* else some were stripped, between those that are there */

        /* Whether the name at an offset is that of a mapping symbol ("$x") or compiler's label (".L1"):
         * such files repeat few names very often. Stored as offset + 1. */
        uint32_t marker_names[64];
} ElfSymbolReader;

/* @type is SHT_SYMTAB or SHT_DYNSYM. Tells @table where names are; for an image in memory they are
 * copied. Returns -ENOENT if there is no such section or it is malformed, -ENOMEM. */
int elf_symbols_begin(
                ElfSymbolReader *ret_reader,
                const ElfImage *image,
                uint32_t type,
                SymbolTable *table,
                unsigned block);

/* Returns 1 while there is more, 0 at the end, -EBADMSG or an error of pread(2) if the
 * file changed under us, -E2BIG, -ENOMEM. */
int elf_symbols_step(ElfSymbolReader *reader);
