/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/hash.h"
#include "basic/time-util.h"
#include "basic/unit-name.h"
#include "host/cgroupfs.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct Process Process;
typedef struct Unit Unit;
typedef struct Cgroup Cgroup;
typedef struct NameGroup NameGroup;
typedef struct Identity Identity;

/* A process for ever: its PID alone is reused. */
typedef struct ProcessKey {
        pid_t pid;            /* in our PID namespace */
        uint64_t start_ticks; /* since boot, USER_HZ: field 22 of /proc/PID/stat */
} ProcessKey;

/* CPU time at the last two passes. */
typedef struct CpuSample {
        uint64_t cpu_ns;
        usec_t at_usec; /* 0 = not taken */
} CpuSample;

/* Time lost by waiting for one resource at the last two passes. */
typedef struct PressureSample {
        uint64_t usec, before_usec;
        usec_t at_usec, before_at_usec; /* 0 = not taken */
        int error;                      /* why the last pass has none: as cgroupfs_read_pressure() */
} PressureSample;

struct Process {
        ProcessKey key;
        uint32_t exec_id;
        uid_t uid;
        char *comm; /* program name: /proc/PID/comm of the leader, valid UTF-8 */
        char *exe;  /* path as the process sees it, NULL if unknown */

        /* What silence and OAP know it by: comm, with "#N" (N ≥ 2) when several live in the unit. Freed
         * numbers are reused, lowest first, so that a respawned worker takes its predecessor's. */
        char *name;
        unsigned ordinal;

        Cgroup *cgroup; /* a reference into the set */
        Unit *unit;     /* the innermost target unit; borrowed; never NULL ("-.slice" at least) */
        Process *unit_next, *unit_prev; /* list of unit->processes (utlist DL) */

        CpuSample now, before; /* last pass and the one before */
        unsigned n_threads;
        bool fresh; /* first seen by the last pass: that second is not whole */

        void *watch;        /* of policy/watch-set, NULL if no policy wants it */
        Identity *identity; /* who it is to SkyWalking; NULL: nobody */

        /* internal to the set */
        uint64_t pass;         /* last seen */
        uint64_t recheck_pass; /* when to look at what changes without a trace in the task iterator */
        uint64_t cgroup_id;    /* as the iterator last said, 0 = unknown */
        uint64_t cgroup_set;   /* ditto */
        unsigned n_tasks_seen; /* threads the iterator gave in this pass */
        bool changed_queued;
        Process *changed_next;
        UT_hash_handle hh; /* by pid */
};

struct Unit {
        char *name; /* "nginx.service"; nested ones "user@1000.service/app.scope" (outermost/innermost) */
        char *cgroup_path; /* within the hierarchy; the outermost directory of that unit */
        Unit *slice;       /* the unit above it, NULL for "-.slice" */

        char *description; /* from systemd, may be NULL */
        char *active_state;
        char *invocation_id; /* 32 hex digits, may be NULL */
        pid_t main_pid;      /* 0 = unknown */

        Process *processes;                       /* of this unit itself, not of units below */
        unsigned n_children;                      /* units below that name it as slice */
        Unit *children, *child_next, *child_prev; /* those (utlist DL) */

        CpuSample now, before; /* of the whole subtree; kept only while wanted */
        bool cpu_wanted;
        bool cpu_from_cgroup;

        PressureSample pressures[_PRESSURE_MAX];
        unsigned pressures_wanted; /* 1 << Pressure: those alone are read */

        void *watch;        /* of policy/watch-set */
        Identity *identity; /* as of a process; of units that are registered as a whole */

        /* internal to the set */
        bool path_ambiguous; /* other directories hold a unit of the same nested name: cgroup_path is one of
                                them */
        bool emptied_queued; /* may be to be removed */
        Unit *emptied_next;
        uint64_t keep_pass; /* gets a new process in that pass */
        NameGroup *names;   /* which ordinals are taken */
        UT_hash_handle hh;  /* by name */
};
