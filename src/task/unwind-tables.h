/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe.h"
#include "target/process-maps.h"

/* Keeps the kernel able to walk the stacks of processes: a table of rows for each file that they have
 * mapped, made once and shared, and where each process has it. What has no table is walked by frame
 * pointers. */
typedef struct UnwindTables UnwindTables;

#define UNWIND_BUILD_ID_MAX 64U              /* bytes */
#define UNWIND_MAPPINGS_MAX 4096U            /* published of one process */
#define UNWIND_TABLES_IDLE_MAX 256U          /* kept although nobody has the file mapped */
#define UNWIND_RETRY_USEC (2 * USEC_PER_SEC) /* the probe reuses what was freed within that time */

/* Executable code of a file: where it lies in the file and where its program headers put it. */
typedef struct UnwindSegment {
        uint64_t offset, size, address;
} UnwindSegment;

typedef struct UnwindFile {
        uint8_t build_id[UNWIND_BUILD_ID_MAX];
        size_t build_id_size;    /* 0 = none */
        UnwindSegment *segments; /* owned, malloc() */
        size_t n_segments;
} UnwindFile;

/* What of a file has no row. */
typedef struct UnwindGaps {
        uint64_t n_malformed; /* entries of unwind information */
        uint64_t n_over_cap;  /* entries beyond what one file may have */
} UnwindGaps;

/* Reads files for us: this directory knows nothing of ELF. */
typedef struct UnwindSource {
        /* Reads headers only. -ENODATA: nothing there to make rows from. @m outlives the job. */
        int (*begin)(Module *m, void **ret_job, void *userdata);
        int (*describe)(void *job, UnwindFile *ret_file); /* -ENOMEM */
        int (*step)(void *job, usec_t budget_usec);       /* 1 = more to do, 0 = done, -errno */
        /* once, after 0; the rows are the caller's */
        void (*take)(void *job, UnwindRows *ret_rows, UnwindGaps *ret_gaps);
        void (*free)(void *job);
        void *userdata;
} UnwindSource;

/* What there is now, and what could not be had. */
typedef struct UnwindCounters {
        uint64_t n_tables, n_rows, n_tables_idle;
        uint64_t n_processes;
        uint64_t n_modules_waiting;   /* a table of them is to be made */
        uint64_t n_modules_no_table;  /* without unwind information */
        uint64_t n_modules_no_space;  /* the probe is full; tried again when something was freed */
        uint64_t n_modules_failed;    /* unreadable, malformed, no memory */
        uint64_t n_processes_refused; /* no place for their mappings; ditto */

        uint64_t n_published, n_evicted; /* ever */
        uint64_t n_mappings_dropped;     /* ditto, beyond UNWIND_MAPPINGS_MAX */
        UnwindGaps gaps;                 /* ditto, of all files that were read */
} UnwindCounters;

/* @probe is borrowed and outlives it, as does what @source points to. -EOPNOTSUPP or whatever else the probe
 * says: no unwinding by tables. */
int unwind_tables_new(Probe *probe, const UnwindSource *source, UnwindTables **ret_tables);
UnwindTables *unwind_tables_free(UnwindTables *t);
DEFINE_CLEANUP(UnwindTables *, unwind_tables_free)

/* The process has these mappings from now on; @maps is borrowed until unwind_tables_unpublish(). Tables that
 * are missing are made by unwind_tables_work(), which publishes again. -ENOSPC is not final (see above);
 * -ENOMEM: what was published before stays. */
int unwind_tables_publish(UnwindTables *t, pid_t pid, const ProcessMaps *maps);
void unwind_tables_unpublish(UnwindTables *t, pid_t pid); /* none: nothing happens */

/* Makes tables and publishes for about @budget_usec. */
void unwind_tables_work(UnwindTables *t, usec_t budget_usec);
bool unwind_tables_has_work(const UnwindTables *t);

/* Now and then: tries again what found no space once something was freed. */
void unwind_tables_tick(UnwindTables *t, usec_t now_usec);

void unwind_tables_counters(const UnwindTables *t, UnwindCounters *ret);

/* Whether tables of the process are still to be made or to be published. */
bool unwind_tables_is_waiting(const UnwindTables *t, pid_t pid);

/* Why the module has no table: 0 = it has one or waits for it, else -errno as the counters tell them apart
 * (-ENODATA, -ENOSPC). -ENOENT: in no published process. */
int unwind_tables_module_error(const UnwindTables *t, const Module *m);
