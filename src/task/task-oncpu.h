/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe.h"
#include "task/process-cache.h"
#include "task/resolve.h"
#include "task/task.h"

/* The recording of one task: which processes are watched for it (for each kind that it records), and the
 * samples of those that run. */
typedef struct OncpuTask OncpuTask;
typedef struct OffcpuShare OffcpuShare;
struct Offcpu;

/* One process sampled for one task. */
typedef struct SampledProcess {
        OncpuTask *owner;
        ProcessEntry *entry;
        uint64_t pass; /* the tick that saw it last in the unit */

        /* of task-offcpu.c */
        bool waits, waits_ended;
        OffcpuShare *shares;

        struct SampledProcess *prev, *next;             /* of the task (utlist DL) */
        struct SampledProcess *entry_prev, *entry_next; /* of the entry: ProcessEntry.users */
} SampledProcess;

struct OncpuTask {
        Task *task;            /* owned by whoever owns this */
        Probe *probe;          /* borrowed */
        ProcessCache *cache;   /* borrowed */
        struct Offcpu *offcpu; /* borrowed */

        SampledProcess *processes;
        unsigned n_processes;
        ProbeCounters before; /* at the start */
};

/* @task and the others are borrowed and outlive it; task->profile must be there. */
void oncpu_task_init(OncpuTask *o, Task *task, Probe *probe, ProcessCache *cache, struct Offcpu *offcpu);
void oncpu_task_done(OncpuTask *o); /* stops sampling */

/* Samples the process from now on; mappings are read later. 0 if that was so already. -ENOSPC and the like:
 * not sampled. */
int oncpu_task_add(OncpuTask *o, ProcessKey key, SampledProcess **ret_process);
void oncpu_task_remove(OncpuTask *o, SampledProcess *p);
SampledProcess *oncpu_task_find(OncpuTask *o, pid_t pid);

/* The process is gone: takes it from all tasks and from the cache. */
void oncpu_forget_process(ProcessCache *cache, ProcessEntry *e);

/* Whether any task that has the process records @sample. */
bool oncpu_wants_sample(const ProcessEntry *e, const struct cprof_sample *sample);

/* Books @sample, resolved to @s, on each of those, as @weight samples: more than one while the sampler
 * leaves some out. */
void oncpu_take_sample(
                ProcessEntry *e, const struct cprof_sample *sample, const ResolvedStack *s, unsigned weight);

/* Brings the counts of the task up to date. What the ring lost, the waits that found no place and those for
 * a CPU are known for the host only: two tasks at the same time both show them. */
void oncpu_task_update(OncpuTask *o);

/* Notes of @n stacks how their walks ended. */
void oncpu_note_stacks(Task *t, unsigned end, bool has_user_stack, uint64_t n);
void oncpu_note_instant(Task *t, usec_t at_usec);
