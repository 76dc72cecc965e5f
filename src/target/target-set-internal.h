/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the target set share. Nobody else includes this. */

#include "target/target-set.h"

#define NSEC_PER_TICK (NSEC_PER_SEC / 100) /* USER_HZ is 100 on every architecture we build for */
#define UNIT_CHAIN_MAX 32U                 /* slices nest by dashes in a name; real ones are 3 to 5 deep */

/* A directory with processes in it. Lives as long as one of them. */
struct Cgroup {
        uint64_t id; /* on the unified hierarchy, 0 = unknown */
        char *path;
        unsigned n_ref;
        UT_hash_handle hh;    /* by path */
        UT_hash_handle hh_id; /* by id, only if known */
};

struct TargetSet {
        const Host *host; /* borrowed, outlives us */
        Probe *probe;     /* ditto */
        TargetEvents events;

        uint64_t pass;
        usec_t now_usec;
        bool from_bpf;

        Process *processes; /* by PID */
        Process *appeared;  /* by PID: seen for the first time in this pass, not told yet */
        Process *changed;   /* linked by changed_next */
        Process *last;      /* of the last record: threads often follow their leader */
        unsigned n_known_seen;
        unsigned n_tasks_expected, n_tasks_seen; /* threads the processes say they have, and records */

        Unit *units;   /* by name */
        Unit *emptied; /* linked by emptied_next */
        Cgroup *cgroups, *cgroups_by_id;

        uint64_t n_dropped;
};

/* discover-processes.c: fills appeared and changed and samples the known. On failure nothing counts as seen.
 */
int discover_processes(TargetSet *s);

/* process.c: life of one process. A new one is in s->appeared until process_add() or process_drop(). */
int process_new(TargetSet *s, ProcessKey key, Process **ret_process);
/* Reads what a new process is. -ESRCH: gone or a zombie. */
int process_read(TargetSet *s, Process *p);
/* Puts a process that has been read into its unit and into the set, and tells it. */
int process_add(TargetSet *s, Process *p);
/* Frees one that never got so far. */
void process_drop(TargetSet *s, Process *p);
/* Tells it and frees it. */
void process_remove(TargetSet *s, Process *p);
/* Reads again what may have changed, and tells it if it did. */
void process_reread(TargetSet *s, Process *p);
void process_free_all(TargetSet *s);

/* cgroup.c: a reference in *ret. @id 0 = unknown. */
int cgroup_get(TargetSet *s, pid_t pid, uint64_t id, Cgroup **ret);
Cgroup *cgroup_unref(TargetSet *s, Cgroup *c);

/* unit.c */
int unit_get(TargetSet *s, const char *cgroup_path, Unit **ret_unit);
/* Marks the units of @cgroup_path that exist as needed in this pass. */
void unit_keep(TargetSet *s, const char *cgroup_path);
void unit_attach(Unit *u, Process *p);
void unit_detach(TargetSet *s, Process *p);
/* Removes the units that lost their last process; unless @final, those that get a new one stay. */
void unit_sweep(TargetSet *s, bool final);
void unit_free_all(TargetSet *s);

/* unit-cpu.c: a CPU sample of this pass; the first call in a pass moves the one before. */
void process_sample(TargetSet *s, Process *p, uint64_t cpu_ns);
/* CPU of the units that want it, after all processes have been sampled. */
void unit_sample_all(TargetSet *s);

/* unit-pressure.c: that of the units that want it. */
void unit_pressure_sample_all(TargetSet *s);

/* process-name.c: the lowest ordinal free in @u for processes called p->comm, and the name made of it. */
int process_name_take(Unit *u, Process *p);
void process_name_release(Unit *u, Process *p);
