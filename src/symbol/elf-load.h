/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/module-symbols.h"

/* Finds the best symbols of one ELF file, slice by slice: .symtab, a debug file by build id or debug
 * link, MiniDebugInfo with .dynsym, .dynsym alone. */
typedef struct ElfLoad ElfLoad;

/* @fd, @path and @debug_roots are borrowed until elf_load_free(). Returns
 * -EBADMSG for what is no ELF file, -ENOMEM. */
int elf_load_new_file(int fd, const char *path, const char *const *debug_roots, ElfLoad **ret_load);

/* An image in memory (the vdso), borrowed likewise; its symbols are its own. */
int elf_load_new_memory(const void *memory, size_t size, ElfLoad **ret_load);

ElfLoad *elf_load_free(ElfLoad *l);
DEFINE_CLEANUP(ElfLoad *, elf_load_free)

/* Returns 1 while there is more to do, 0 when done (also without any symbol), -ENOMEM. */
int elf_load_step(ElfLoad *l);

/* After 0. */
ModuleSymbols *elf_load_take(ElfLoad *l);
