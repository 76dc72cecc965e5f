/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/symbol-table.h"

/* Reads the kernel's symbols. They have no sizes: each reaches up to the next one. Of modules and
 * BPF programs the name is followed by " [module]". Addresses that are all zero
 * (kernel.kptr_restrict, no CAP_SYSLOG) give an empty table. */
typedef struct Kallsyms Kallsyms;

#define KALLSYMS_NAMES_MAX (32U << 20) /* bytes of all names; 2 MB are usual */
#define KALLSYMS_SYMBOL_SIZE_MAX \
        262144U /* reach of one: the largest functions have some ten thousand bytes */

typedef struct KallsymsLine {
        uint64_t address;
        char type;                 /* as nm(1) */
        const char *name, *module; /* not terminated; module NULL for the kernel itself */
        size_t name_length, module_length;
} KallsymsLine;

/* Pure: "ffffffff81000000 T _stext" or "ffffffffc0000000 t
 * init_once\t[fuse]". -EBADMSG for what is no such line. */
int kallsyms_line_parse(const char *line, size_t length, KallsymsLine *ret);

/* Opens the file "kallsyms" below @proc_fd. */
int kallsyms_open(int proc_fd, Kallsyms **ret);
Kallsyms *kallsyms_free(Kallsyms *k);
DEFINE_CLEANUP(Kallsyms *, kallsyms_free)

/* Returns 1 while there is more to do, 0 when the table is finished. */
int kallsyms_step(Kallsyms *k);
SymbolTable *kallsyms_take(Kallsyms *k);
