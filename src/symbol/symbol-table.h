/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sorted symbols of one module: 16 bytes each. Names of files stay in the file and are read when asked
 * for, so that a table of a million symbols costs 16 MiB and no string. */
typedef struct SymbolTable SymbolTable;

#define SYMBOLS_MAX (4U * 1000U * 1000U) /* of one table; a module with more is left unnamed */
#define SYMBOL_NAME_MAX 2048U            /* bytes of one name; what is longer is cut */
#define SYMBOL_ALIASES_MAX 32U           /* names looked at for one address */

enum {
        SYMBOL_OPEN = 1 << 0,     /* has no size of its own: it ends at the next symbol or earlier */
        SYMBOL_FUNCTION = 1 << 1, /* marked as code, not a mere label */
        SYMBOL_EXPORTED = 1 << 2, /* global or weak */
        SYMBOL_WEAK = 1 << 3,
        SYMBOL_SECOND = 1 << 4, /* the name is in the second block of names */
};

#define SYMBOL_SIZE_MAX ((1U << 27) - 1)

typedef struct Symbol {
        uint64_t address;
        uint32_t size : 27;
        uint32_t flags : 5;
        uint32_t name; /* offset in its block of names */
} Symbol;

int symbol_table_new(SymbolTable **ret_table);
SymbolTable *symbol_table_free(SymbolTable *t);
DEFINE_CLEANUP(SymbolTable *, symbol_table_free)

/* Adds a symbol to a table that is not finished. A @size above SYMBOL_SIZE_MAX is cut. -E2BIG, -ENOMEM. */
int symbol_table_add(SymbolTable *t, uint64_t address, uint64_t size, unsigned flags, uint32_t name);

/* Sorts in slices of about a millisecond. @complete: no function is missing, so that a symbol
 * without a size may reach up to the next one; otherwise it holds its first byte only. Returns 1
 * while there is more to do, 0 when finished. */
int symbol_table_finish_step(SymbolTable *t, bool complete);

/* Where names are: block 0 or 1 (SYMBOL_SECOND). Memory is owned by the table from here on; of a file,
 * the offset and size of the block are kept and the descriptor comes with symbol_table_bind(). */
void symbol_table_names_in_memory(SymbolTable *t, unsigned block, char *memory, size_t size);
void symbol_table_names_in_file(SymbolTable *t, unsigned block, uint64_t offset, uint64_t size);

/* @fd is borrowed until the next call; -EBADF unbinds, so that a kept table holds no file system busy. */
void symbol_table_bind(SymbolTable *t, int fd);

size_t symbol_table_size(const SymbolTable *t);  /* symbols */
size_t symbol_table_bytes(const SymbolTable *t); /* memory */

/* The name for @address: of the symbols that hold it, the one that starts last. Among aliases functions
 * before labels, exported before local, fewer leading underscores, strong before weak, the shorter, then
 * by bytes. Returns -ENOENT, also if names can't be read. */
int symbol_table_name(const SymbolTable *t, uint64_t address, char ret_name[static SYMBOL_NAME_MAX + 1]);
