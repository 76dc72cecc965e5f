/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/elf-image.h"

/* Finds a few functions by name in a section of symbols, slice by slice, without a table of all: first where
 * the names are in the section of strings, then the symbols that refer to them. */
typedef struct SymbolSearch SymbolSearch;

#define SYMBOL_SEARCH_NAMES_MAX 8U

typedef struct FoundSymbol {
        uint64_t address; /* 0: not there */
        uint64_t size;
} FoundSymbol;

/* @type is SHT_SYMTAB or SHT_DYNSYM. All of @names begin with @prefix; they are borrowed until
 * symbol_search_free(), as is @image. -ENOENT: no such section, or a malformed one; -ENOMEM. */
int symbol_search_new(
                const ElfImage *image,
                uint32_t type,
                const char *prefix,
                const char *const *names,
                size_t n_names,
                SymbolSearch **ret_search);
SymbolSearch *symbol_search_free(SymbolSearch *s);
DEFINE_CLEANUP(SymbolSearch *, symbol_search_free)

/* Returns 1 while there is more to do, 0 at the end, -EBADMSG or an error of pread(2). */
int symbol_search_step(SymbolSearch *s);

/* After 0: of names[@i]. */
FoundSymbol symbol_search_found(const SymbolSearch *s, size_t i);
