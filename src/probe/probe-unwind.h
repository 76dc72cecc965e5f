/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe.h"

/* What all samplers share: the unwind tables, the mappings of processes and the list of targets. One set of
 * maps, which the samplers' objects take in place of their own. */
typedef struct ProbeUnwind ProbeUnwind;

struct bpf_map;

/* @config is copied, its zeros already replaced by defaults. Costs no kernel memory until it is used. */
int probe_unwind_new(const ProbeConfig *config, ProbeUnwind **ret_unwind);
ProbeUnwind *probe_unwind_free(ProbeUnwind *u);
DEFINE_CLEANUP(ProbeUnwind *, probe_unwind_free)

/* Before an object is loaded: makes it use our maps. */
int probe_unwind_share(
                ProbeUnwind *u, struct bpf_map *rows, struct bpf_map *mappings, struct bpf_map *targets);

/* The same for an object that needs to know the targets only. */
int probe_unwind_share_targets(ProbeUnwind *u, struct bpf_map *targets);

/* Gives the kernel memory back if there are no tables, no mappings and no targets. Call it when no object
 * that shares the maps is loaded. */
void probe_unwind_release(ProbeUnwind *u);

/* Counted: one of @use more or less. -ENOSPC: too many targets. */
int probe_unwind_watch(ProbeUnwind *u, pid_t pid, ProbeUse use);
void probe_unwind_unwatch(ProbeUnwind *u, pid_t pid, ProbeUse use);
unsigned probe_unwind_n_watched(const ProbeUnwind *u, ProbeUse use); /* processes */

/* As in ProbeOps. */
int probe_unwind_table_add(ProbeUnwind *u, const UnwindRows *rows, uint32_t *ret_table);
void probe_unwind_table_remove(ProbeUnwind *u, uint32_t table);
int probe_unwind_process_map(ProbeUnwind *u, pid_t pid, const ProbeMapping *mappings, size_t n);
void probe_unwind_process_unmap(ProbeUnwind *u, pid_t pid);

/* @python: index of its offsets + 1, 0 = no interpreter. Kept until it is set to 0, watched or not. */
int probe_unwind_process_python(ProbeUnwind *u, pid_t pid, uint32_t python, uint64_t runtime);

/* Fills in the members about tables. */
void probe_unwind_counters(const ProbeUnwind *u, ProbeCounters *ret);
