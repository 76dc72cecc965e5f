/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-abi.h"

#include "basic/cleanup.h"
#include "target/target.h"

/* Whose samples the flight recorder keeps: threads of processes of units, by name, since none of them need
 * be there any more. Each is kept as long as an entry or one below it needs it. */

typedef struct RecorderUnit {
        char *name;
        struct RecorderUnit *above; /* a reference; NULL for the outermost */
        unsigned n_ref;
        UT_hash_handle hh; /* by name */
} RecorderUnit;

typedef struct RecorderProcess {
        struct {
                uint64_t start_ticks;
                RecorderUnit *unit; /* a reference; a process that moves is another one here */
                int64_t pid;
        } key;
        unsigned n_ref;
        UT_hash_handle hh;
} RecorderProcess;

typedef struct RecorderThread {
        struct {
                RecorderProcess *process;  /* a reference */
                char name[CPROF_COMM_LEN]; /* NUL-padded */
        } key;
        unsigned n_ref;
        UT_hash_handle hh;
} RecorderThread;

typedef struct RecorderSources {
        RecorderUnit *units;
        RecorderProcess *processes;
        RecorderThread *threads;
        size_t bytes;
} RecorderSources;

#define RECORDER_SOURCE_BYTES_MAX 4096U /* of a thread with all that is above it, none of it known yet */

/* A reference. @name need not be terminated (CPROF_COMM_LEN at most). -ENOMEM. */
int recorder_source_get(
                RecorderSources *s,
                ProcessKey process,
                const Unit *unit,
                const char *name,
                RecorderThread **ret_thread);
void recorder_source_put(RecorderSources *s, RecorderThread *t);

/* Whether it is that unit or lies below it. */
bool recorder_unit_is_in(const RecorderUnit *u, const char *name);
