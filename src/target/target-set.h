/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"
#include "probe/probe.h"
#include "target/target.h"

/* All processes and units of the host, brought up to date once a second. */
typedef struct TargetSet TargetSet;

#define TARGETS_PROCESSES_MAX 65536U /* more are counted, not kept */
#define TARGETS_UNITS_MAX 16384U

/* Told during target_set_refresh(), removals first; only a unit that is left by its last process for another
 * unit is removed after that process has changed. A unit whose last process is replaced within one pass
 * stays. Objects are complete; on removal they are still valid and in the set. target_set_free() tells
 * nothing. */
typedef struct TargetEvents {
        void (*unit_added)(Unit *u, void *userdata);
        void (*unit_removed)(Unit *u, void *userdata);
        void (*process_added)(Process *p, void *userdata);
        void (*process_removed)(Process *p, void *userdata);
        void (*process_changed)(Process *p, void *userdata); /* exec, new name, user or unit */
        void *userdata;
} TargetEvents;

/* @host and @probe are borrowed and outlive the set; without PROBE_FEATURE_TASK_ITERATOR it reads /proc. */
int target_set_new(const Host *host, Probe *probe, const TargetEvents *events, TargetSet **ret_set);
TargetSet *target_set_free(TargetSet *s);
DEFINE_CLEANUP(TargetSet *, target_set_free)

/* One pass. @now_usec becomes the time of the CPU samples. An exited process is removed, an unseen one added
 * (fresh = true); a changed exec id or cgroup re-reads name and unit. Never fails for one process. */
int target_set_refresh(TargetSet *s, usec_t now_usec);

/* Whether the last pass came from BPF or /proc: "bpf" or "proc". */
const char *target_set_source(const TargetSet *s);

Unit *target_set_units(TargetSet *s); /* iterate with HASH_ITER(hh, …) */
Process *target_set_processes(TargetSet *s);
Unit *target_set_find_unit(TargetSet *s, const char *name);
Process *target_set_find_process(TargetSet *s, pid_t pid);
unsigned target_set_n_units(const TargetSet *s);
unsigned target_set_n_processes(const TargetSet *s);
uint64_t target_set_n_dropped(const TargetSet *s); /* over the caps */

/* Calls @fn for each process of @u and of the units below it. */
void unit_for_each_process(TargetSet *s, Unit *u, void (*fn)(Process *p, void *userdata), void *userdata);

/* Whether @p belongs to @u or to a unit below it. */
bool process_in_unit(const Process *p, const Unit *u);

/* 100 = one core over the time between the last two passes; NAN before the first full second. */
double process_cpu_percent(const Process *p);
double unit_cpu_percent(const Unit *u);
/* Percent of the time between the last two passes in which some task of it waited for that; NAN as above,
 * and where it is not known. */
double unit_pressure_percent(const Unit *u, Pressure pressure);
unsigned unit_n_threads(TargetSet *s, Unit *u);

/* Pure: the chain of units of a cgroup path, outermost first ("-.slice" always first). @names are UNIT names
 * as in Unit.name, @path_lengths how much of @path each covers. Returns the number, at most @max. */
int cgroup_path_to_units(const char *path, size_t max, char **ret_names, size_t *ret_path_lengths);
