/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/hash.h"
#include "target/function-table.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

typedef enum ModuleType {
        MODULE_KERNEL, /* the one kernel; addresses are absolute */
        MODULE_FILE,   /* an ELF file; offsets are file offsets */
        MODULE_VDSO,   /* an ELF image in memory; offsets from its start; shared by all processes of one boot
                        */
        MODULE_ANON,   /* a process's memory without a file (JIT); addresses are absolute in that process */
        MODULE_PYTHON, /* functions of the interpreter of one process; offsets are function_offset()s */
        _MODULE_TYPE_MAX,
        _MODULE_TYPE_INVALID = -EINVAL,
} ModuleType;

typedef struct ModuleTable ModuleTable;

#define MODULE_PYTHON_EVAL_MAX 4U

/* What is known of a file that may be an interpreter; of task/task-python.h. */
typedef struct ModulePython {
        bool checked;                /* was looked for */
        unsigned version;            /* PY_VERSION_HEX >> 16; 0: it is none */
        uint64_t runtime, code_type; /* addresses in the file's own terms */
        uint64_t code_shift;         /* from an offset of its code in the file to the address */

        /* The loop that runs byte code, as offsets; the first part is where it begins. */
        unsigned n_eval;
        struct {
                uint64_t start, end;
        } eval[MODULE_PYTHON_EVAL_MAX];
} ModulePython;

/* A piece of code that frames point into. Shared by reference count; identity for files is (device, inode,
 * change time), so that a replaced file is another module and a deleted one stays readable. */
typedef struct Module {
        ModuleType type;
        unsigned n_ref;
        ModuleTable *table; /* borrowed, outlives us */

        char *path; /* as the process sees it, "/usr/bin/openssl"; "[kernel.kallsyms]"; "[vdso]"; "[anon]";
                       "[python]" */
        int fd; /* MODULE_FILE: the file itself, read-only, kept open; -EBADF if it could not be opened */
        int open_error; /* -errno of that */

        uint64_t dev, inode;
        int64_t change_sec, change_nsec; /* st_ctim */
        bool is_system; /* open, owned by root and writable for nobody else: what it says of itself is
                           believed */

        void *image; /* MODULE_VDSO: copy of its memory */
        size_t image_size;

        ModulePython python; /* MODULE_FILE */

        /* MODULE_PYTHON */
        FunctionTable *functions;

        /* MODULE_ANON and MODULE_PYTHON */
        pid_t pid, ns_pid;
        uint64_t start_ticks;
        int perf_map_fd; /* /tmp/perf-NSPID.map below the process's root, opened on first use; -EBADF if none
                          */

        uint64_t key[6];   /* internal to the table */
        UT_hash_handle hh; /* ditto */
} Module;

#define MODULES_MAX 8192U /* of all types; above that code is unknown and counted as such */

int module_table_new(ModuleTable **ret_table);
ModuleTable *module_table_free(ModuleTable *t); /* all modules must have been released */
DEFINE_CLEANUP(ModuleTable *, module_table_free)
unsigned module_table_size(const ModuleTable *t);

Module *module_ref(Module *m);
Module *module_unref(Module *m); /* closes and removes with the last reference; NULL is fine; returns NULL */
DEFINE_CLEANUP(Module *, module_unref)

Module *module_table_kernel(ModuleTable *t); /* a new reference */

/* What follows is for process-maps.c: the modules that mappings point into. Each returns a new reference, or
 * -ENOSPC when the table is full. @path need not be terminated. */

/* The file of a mapping: the module that is there, else a new one. With @fd -EBADF and an @open_error, @st
 * needs only st_dev and st_ino. Takes @fd over on success (an open file that the table already has is
 * closed). */
int module_table_get_file(
                ModuleTable *t,
                const struct stat *st,
                int fd,
                int open_error,
                const char *path,
                size_t path_length,
                Module **ret);

/* The module of that file if the table has it, NULL otherwise. */
Module *module_table_find_file(ModuleTable *t, const struct stat *st);

/* By content: takes @image (malloc) over on success. */
int module_table_get_vdso(ModuleTable *t, void *image, size_t size, Module **ret);

/* The code without a file of one process. */
int module_table_get_anon(ModuleTable *t, pid_t pid, uint64_t start_ticks, Module **ret);

/* What its interpreter runs. */
int module_table_get_python(ModuleTable *t, pid_t pid, uint64_t start_ticks, Module **ret);
