/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/intern.h"
#include "store/pprof-writer.h"

typedef struct PprofModule {
        char *path; /* valid UTF-8, "" for none; owned: the table of strings refers to it */
        uint32_t path_string;
        uint64_t low, high; /* of the addresses seen; low > high: none */
} PprofModule;

/* What the samples of a pprof file refer to, collected while they are written. Numbers in the file begin at
 * 1, those of Intern at 0; strings begin at 0 in both. */
typedef struct PprofTables {
        const Profile *profile; /* borrowed, outlives us */
        const Symbols *symbols; /* ditto */
        uint64_t seed;          /* of hashes; changes nothing in the file */

        Intern strings; /* const char *, borrowed */
        Intern locations, functions;

        PprofModule *modules;
        unsigned n_modules;
} PprofTables;

int pprof_tables_init(PprofTables *t, const Profile *profile, const Symbols *symbols);
void pprof_tables_done(PprofTables *t);

/* @text must stay until the tables are written. */
int pprof_tables_add_string(PprofTables *t, const char *text, uint32_t *ret_string);
/* *ret_id is the id in the file. */
int pprof_tables_add_location(PprofTables *t, Frame frame, uint64_t *ret_id);

/* Mappings, locations, functions and strings: nothing can be added afterwards. @exe (may be NULL) is the
 * path of the program. */
int pprof_tables_write(PprofTables *t, const char *exe, PprofWriter *w);
