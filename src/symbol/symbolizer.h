/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/time-util.h"
#include "host/host.h"
#include "task/profile.h"

/* Names for the frames of a profile, in slices of bounded time, so that it can run between two ticks.
 * Tables of modules are kept in a cache (SYMBOL_CACHE_BYTES_MAX) across profiles. */
typedef struct Symbolizer Symbolizer;

#define SYMBOL_CACHE_BYTES_MAX (24U * 1024 * 1024)

/* Roots under which debug files are looked for; NULL = { "/usr/lib/debug", NULL }. @host is borrowed. */
int symbolizer_new(const Host *host, const char *const *debug_roots, Symbolizer **ret);
/* There may be a debug file now that was not: what is known of @m is forgotten. */
void symbolizer_forget(Symbolizer *s, const Module *m);
Symbolizer *symbolizer_free(Symbolizer *s);
DEFINE_CLEANUP(Symbolizer *, symbolizer_free)

/* The named frames of one profile. */
typedef struct Symbols Symbols;
Symbols *symbols_free(Symbols *s);
DEFINE_CLEANUP(Symbols *, symbols_free)

typedef struct SymbolName {
        const char *name; /* demangled, valid UTF-8, never NULL; "libc.so.6+0x2a1c0" for unknown code */
        const char *system_name; /* as in the symbol table, or the same as name */
        bool known;              /* a symbol was found */
} SymbolName;

/* A job over @profile (borrowed until it is done or cancelled). Stacks may be added meanwhile: frames that
 * came too late have the name "[unknown]". */
typedef struct SymbolJob SymbolJob;
int symbol_job_new(Symbolizer *s, const Profile *profile, SymbolJob **ret_job);
SymbolJob *symbol_job_free(SymbolJob *j);
DEFINE_CLEANUP(SymbolJob *, symbol_job_free)

/* Works for about @budget_usec of CLOCK_MONOTONIC (one step of a large table may take some ms more).
 * Returns 1 while there is more to do, 0 when done, -ENOMEM when it can't go on: what has no name by
 * then stays unknown. One module that can't be read never stops the rest. */
int symbol_job_step(SymbolJob *j, usec_t budget_usec);

/* After 0 or -ENOMEM: hands the result over. */
Symbols *symbol_job_take(SymbolJob *j);

SymbolName symbols_name(const Symbols *s, Frame frame);
/* Hex build id of the profile's module, NULL if it has none. */
const char *symbols_build_id(const Symbols *s, unsigned module_index);
/* "symtab", "debug-file", "mini-debug-info", "dynsym", "perf-map", "kallsyms", "vdso", "python", "none" */
const char *symbols_source(const Symbols *s, unsigned module_index);
uint64_t symbols_n_frames(const Symbols *s); /* distinct frames */
uint64_t symbols_n_known(const Symbols *s);
