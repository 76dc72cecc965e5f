/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/module-symbols.h"
#include "target/module.h"

/* Symbols of files kept from one profile to the next, by the identity of the file (not the build id:
 * anybody can write that of another file into his own). The one unused for longest goes first. */
typedef struct SymbolCache SymbolCache;

int symbol_cache_new(size_t bytes_max, SymbolCache **ret_cache);
SymbolCache *symbol_cache_free(SymbolCache *c);
DEFINE_CLEANUP(SymbolCache *, symbol_cache_free)

/* Takes the symbols of @m out of the cache, so that whoever uses
 * them owns them. NULL if they are not there. */
ModuleSymbols *symbol_cache_take(SymbolCache *c, const Module *m);

/* Gives them (back), unbound. They are freed at once when they are too large to keep. */
void symbol_cache_put(SymbolCache *c, const Module *m, ModuleSymbols *symbols);

size_t symbol_cache_bytes(const SymbolCache *c);
size_t symbol_cache_size(const SymbolCache *c);
