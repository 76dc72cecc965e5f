/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/unwind-tables.h"

/* Shared by unwind-*.c only. */

typedef enum UnwindState {
        UNWIND_STATE_WAITING,
        UNWIND_STATE_READY,
        UNWIND_STATE_NONE, /* has no unwind information */
        UNWIND_STATE_NO_SPACE,
        UNWIND_STATE_FAILED,
        _UNWIND_STATE_MAX,
} UnwindState;

/* What two files have in common that need only one table. */
typedef struct UnwindIdentity {
        uint64_t layout; /* hash of the executable segments */
        uint8_t id[UNWIND_BUILD_ID_MAX];
} UnwindIdentity;

/* Rows in the probe. */
typedef struct UnwindTable {
        UnwindIdentity identity;
        uint32_t id;
        size_t n_rows;
        uint64_t base;
        unsigned n_modules;

        struct UnwindTable *prev, *next; /* idle ones, the longest so first */
        UT_hash_handle hh;
} UnwindTable;

/* A module that published processes have mapped. */
typedef struct UnwindModule {
        Module *module; /* a reference */
        UnwindState state;
        int error;
        UnwindTable *table; /* READY */
        size_t n_rows;      /* NO_SPACE: what it would take */
        UnwindSegment *segments;
        size_t n_segments;
        unsigned n_processes;
        uint64_t mark; /* the publication that saw it last */

        struct UnwindModule *prev, *next; /* queue of those to be made */
        UT_hash_handle hh;                /* by the module's address */
} UnwindModule;

typedef struct UnwindProcess {
        pid_t pid;
        const ProcessMaps *maps; /* borrowed */
        UnwindModule **modules;  /* each once */
        size_t n_modules;
        size_t next_waiting; /* no module before this one waits */

        struct UnwindProcess **list; /* waiting or ready to be published; NULL: neither */
        bool is_refused;
        uint64_t published; /* hash of what the probe has; 0 = nothing */

        struct UnwindProcess *prev, *next;
        UT_hash_handle hh;
} UnwindProcess;

struct UnwindTables {
        Probe *probe; /* borrowed */
        UnwindSource source;

        UnwindTable *tables; /* by identity */
        UnwindTable *idle;
        unsigned n_idle;

        UnwindModule *modules;
        UnwindModule *queue;
        UnwindModule *building; /* whose job it is; not in the queue */
        void *job;
        UnwindFile job_file;
        UnwindIdentity job_identity;

        UnwindProcess *processes;
        UnwindProcess *waiting, *ready;
        ProbeMapping *buffer; /* UNWIND_MAPPINGS_MAX */
        uint64_t mark;

        uint64_t serial;

        bool wants_space; /* something found none */
        bool freed;       /* something that took space in the probe, since the last try */
        usec_t retry_usec;
        UnwindCounters counters; /* only those of events; the others are counted when asked */
};

/* unwind-build.c: modules and their tables. */

/* The one of @m, made if missing. */
int unwind_module_get(UnwindTables *t, Module *m, UnwindModule **ret_module);
void unwind_module_unuse(UnwindTables *t, UnwindModule *um); /* by one process; the last one frees it */
void unwind_module_enqueue(UnwindTables *t, UnwindModule *um);
/* One step towards the next table. Returns 1 when a module has stopped waiting. */
int unwind_build_step(UnwindTables *t, usec_t budget_usec);
bool unwind_build_has_work(const UnwindTables *t);
void unwind_build_done(UnwindTables *t); /* all tables of the probe */
