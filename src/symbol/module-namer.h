/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/symbol-cache.h"
#include "symbol/symbols.h"

/* Names the frames of one module, slice by slice: gets its symbols from wherever
 * its type says, then looks each frame up. */
typedef struct ModuleNamer ModuleNamer;

/* What is the same for all modules; borrowed. */
typedef struct NamerContext {
        const Host *host;
        const char *const *debug_roots; /* NULL-terminated */
        SymbolCache *cache;
} NamerContext;

/* @module is NULL for code of which none is known. @frames are ascending, all of the module with
 * @module_index, and were added to @symbols. All are borrowed until module_namer_free(). */
int module_namer_new(
                const NamerContext *context,
                Symbols *symbols,
                unsigned module_index,
                const Module *module,
                const Frame *frames,
                size_t n_frames,
                ModuleNamer **ret_namer);
ModuleNamer *module_namer_free(ModuleNamer *n);
DEFINE_CLEANUP(ModuleNamer *, module_namer_free)

/* Returns 1 while there is more to do, 0 when all frames have names, -ENOMEM. Code without a symbol gets a
 * name like "libc.so.6+0x2a1c0", with the address in the file's program headers where its function starts by
 * .eh_frame; where none holds it, or the module can't be read, its own address. */
int module_namer_step(ModuleNamer *n);
