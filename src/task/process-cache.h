/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "target/process-maps.h"
#include "task/task-python.h"
#include "task/unwind-tables.h"

/* The mappings of processes that are sampled or may soon be: one ProcessMaps per process, whoever uses it.
 */
typedef struct ProcessCache ProcessCache;
typedef struct OffcpuProcess OffcpuProcess;

#define PROCESS_CACHE_MAX 65536U /* as many as a target set holds */

/* A miss makes us read the mappings again, but not more often than this. */
#define PROCESS_REFRESH_USEC (100 * USEC_PER_MSEC)
/* A change of a process that nobody samples now waits so long. */
#define PROCESS_CHANGED_USEC USEC_PER_SEC
/* After one that was not cheap the pause is so many times as long, at most the maximum: with tens of
 * thousands of mappings it takes tens of ms, and whoever maps all the time would have them read all the
 * time. */
#define PROCESS_REFRESH_CHEAP_USEC (2 * USEC_PER_MSEC)
#define PROCESS_REFRESH_COST_MAX_USEC (10 * USEC_PER_SEC)
#define PROCESS_REFRESH_COST_FACTOR 200U
/* When reading them again explains nothing (frame pointers that point nowhere), the pause doubles up to
 * this; the innermost frame is no guess and does not wait that long. */
#define PROCESS_REFRESH_MAX_USEC (5 * USEC_PER_SEC)

typedef struct ProcessEntry {
        ProcessKey key;
        pid_t parent;      /* that it was seen to be forked from, 0 = not seen */
        ProcessMaps *maps; /* NULL: not read yet */
        int maps_error;    /* -errno of that, 0 = not tried */

        unsigned n_users;      /* tasks that sample it */
        void *users;           /* their list, kept by the user */
        OffcpuProcess *offcpu; /* what task-offcpu.c keeps for those that want it; NULL: none does */
        bool wanted;           /* held because a policy watches it */
        Module *python;        /* its functions; NULL: none seen yet */
        bool recorded;         /* sampled for the flight recorder; only while wanted */
        bool stale;            /* ran exec: read again before the next use */
        bool ran_exec;         /* what was mapped before explains nothing any more */
        bool changed;          /* mapped something: to be read again when its pause is over */

        usec_t refreshed_usec, pause_usec;
        usec_t cost_usec; /* of CPU time, for the last reading */

        struct ProcessEntry *queue_prev, *queue_next; /* waits to be read (utlist DL) */
        bool queued;
        struct ProcessEntry *changed_prev, *changed_next; /* those that are changed */
        UT_hash_handle hh;                                /* by PID */
} ProcessEntry;

/* What is read is published in @unwind from now on (borrowed, outlives it; NULL: not). */
void process_cache_set_unwind(ProcessCache *c, UnwindTables *unwind);

/* Both are borrowed and outlive it. */
int process_cache_new(const Host *host, ModuleTable *modules, ProcessCache **ret_cache);
ProcessCache *process_cache_free(ProcessCache *c); /* nothing may be in use */
DEFINE_CLEANUP(ProcessCache *, process_cache_free)

ProcessEntry *process_cache_find(ProcessCache *c, pid_t pid); /* whatever process has that PID */

/* The entry of @key, made if missing. -EEXIST: another process's entry has the PID (forget it first);
 * -EUSERS, -ENOMEM. */
int process_cache_get(ProcessCache *c, ProcessKey key, ProcessEntry **ret_entry);

/* Frees it if nobody uses or wants it. */
void process_cache_put(ProcessCache *c, ProcessEntry *e);

/* Puts it in the queue of those to be read, if it has not been read. */
void process_cache_enqueue(ProcessCache *c, ProcessEntry *e);
ProcessEntry *process_cache_next_queued(ProcessCache *c); /* taken off the queue; NULL: empty */
bool process_cache_has_queued(const ProcessCache *c);

/* Reads the mappings if that was not done. -ESRCH: the process is gone; other errors leave its frames
 * unknown. */
int process_cache_read(ProcessCache *c, ProcessEntry *e);

/* What was mapped may be another program now. */
void process_cache_invalidate(ProcessEntry *e);

/* The process mapped something: its mappings are read again, at once or by a later
 * process_cache_read_changed(), as the pause since the last time allows. */
void process_cache_note_change(ProcessCache *c, ProcessEntry *e);
void process_cache_note_all_changed(ProcessCache *c);
void process_cache_read_changed(ProcessCache *c, usec_t now_usec);

/* The mappings of @child, which was forked from @parent, are those of the parent. */
int process_cache_inherit(ProcessCache *c, const ProcessEntry *parent, ProcessEntry *child);

typedef struct ProcessCacheCounters {
        uint64_t n_read;              /* times that mappings were read */
        uint64_t n_delayed;           /* times that a change had to wait, because reading was limited */
        uint64_t n_mappings_over_cap; /* now, of all processes */
} ProcessCacheCounters;
void process_cache_counters(const ProcessCache *c, ProcessCacheCounters *ret);

typedef struct FrameQuery {
        uint64_t address;
        bool innermost;
        usec_t now_usec; /* the same for a whole drain, which so reads mappings once */
} FrameQuery;

/* The module (borrowed) and the offset in it. -ENOENT: in no mapping, even after reading them again where
 * due. */
int process_cache_resolve(
                ProcessCache *c,
                ProcessEntry *e,
                const FrameQuery *q,
                Module **ret_module,
                uint64_t *ret_offset);

/* Who knows of interpreters; borrowed, outlives us. Without it there are no Python frames. */
void process_cache_set_python(ProcessCache *c, const PythonSource *source);

/* As python_resolve(); without a source nothing happens. *ret_misfit: native and Python
 * frames did not fit each other. */
unsigned process_cache_resolve_python(
                ProcessCache *c,
                ProcessEntry *e,
                const struct cprof_sample *sample,
                usec_t now_usec,
                ResolvedFrame *frames,
                unsigned n,
                bool *ret_misfit);

unsigned process_cache_size(const ProcessCache *c);
ProcessEntry *process_cache_entries(const ProcessCache *c); /* iterate with HASH_ITER(hh, …) */
