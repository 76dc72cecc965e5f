/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe-bpf.h"
#include "probe/probe-unwind.h"

/* Off-CPU recording, private to the BPF probe: where blocked threads of the watched processes wait. */
typedef struct ProbeOffcpu ProbeOffcpu;

/* Loads, attaches nothing; what @shared refers to outlives it. Where the kernel refuses the dump of threads
 * that are blocked already or the frames of interpreters, it is without. *reterr_step names what failed. */
int probe_offcpu_new(
                const PidNamespace *ns,
                const ProbeConfig *config,
                const ProbeShared *shared,
                ProbeOffcpu **ret_offcpu,
                const char **reterr_step);
ProbeOffcpu *probe_offcpu_free(ProbeOffcpu *o);
DEFINE_CLEANUP(ProbeOffcpu *, probe_offcpu_free)

/* Whether passes can take user stacks; else the kernel has no sleepable task iterator. */
bool probe_offcpu_has_dump(const ProbeOffcpu *o);
bool probe_offcpu_is_idle(const ProbeOffcpu *o);

/* The first one attaches to every context switch of the host, the last unwatch detaches. */
int probe_offcpu_watch(ProbeOffcpu *o, pid_t pid);
void probe_offcpu_unwatch(ProbeOffcpu *o, pid_t pid);

/* See ProbeOps. -ENOENT: not watched. */
int probe_offcpu_pass(ProbeOffcpu *o, pid_t pid, bool is_begin);
int probe_offcpu_totals(ProbeOffcpu *o, pid_t pid, ProbeOffcpuFn fn, void *userdata);
void probe_offcpu_drop(ProbeOffcpu *o, pid_t pid);
void probe_offcpu_set_threshold(ProbeOffcpu *o, uint64_t nsec);
int probe_offcpu_drain(ProbeOffcpu *o, ProbeSampleFn fn, void *userdata);

void probe_offcpu_counters(ProbeOffcpu *o, ProbeCounters *ret);
