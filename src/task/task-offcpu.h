/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/task-oncpu.h"
#include "task/unwind-tables.h"

/* What the threads of processes wait for. The probe counts for each process as long as a task records it;
 * here the totals become each task's, by their differences. */
typedef struct Offcpu Offcpu;

/* Both are borrowed and outlive it. */
int offcpu_new(Probe *probe, ProcessCache *cache, Offcpu **ret_offcpu);
Offcpu *offcpu_free(Offcpu *o); /* all processes must have left */
DEFINE_CLEANUP(Offcpu *, offcpu_free)

/* A process that is watched for off-CPU, in the list of its entry, counts for its task from now on. What it
 * waited before is not the task's. -ENOMEM. */
int offcpu_join(Offcpu *o, SampledProcess *p);
/* Books what it waited up to now; before it is unwatched. Returns whether that was its last task: then
 * offcpu_forget() is due after unwatching. */
bool offcpu_leave(Offcpu *o, SampledProcess *p);
void offcpu_forget(Offcpu *o, pid_t pid);
/* Between these two it waits with forgetting, and does it all at once. */
void offcpu_forget_hold(Offcpu *o);
void offcpu_forget_all(Offcpu *o);

/* Begins to count for those who joined, and asks for the stacks of blocked threads again when the kernel has
 * become able to walk them. @unwind may be NULL. */
void offcpu_step(Offcpu *o, const UnwindTables *unwind);

/* A CPROF_RECORD_BLOCKED_STACK, whether it is of use; and takes it, resolved to @s. */
bool offcpu_wants_stack(const ProcessEntry *e, const struct cprof_sample *sample);
void offcpu_take_stack(
                Offcpu *o, ProcessEntry *e, const struct cprof_sample *sample, const ResolvedStack *s);

typedef enum OffcpuMoment {
        OFFCPU_MOMENT_SECOND,     /* those who wait still are left for later */
        OFFCPU_MOMENT_CHECKPOINT, /* they count up to now */
        OFFCPU_MOMENT_END,        /* ditto, and stacks that did not come do not matter any more */
} OffcpuMoment;

/* Reads the totals of the processes of @task (NULL: of all tasks), to be booked by offcpu_book(). A drain
 * between the two brings the stacks that they name. */
void offcpu_collect(Offcpu *o, const OncpuTask *task, OffcpuMoment moment);
void offcpu_book(Offcpu *o, const OncpuTask *task, OffcpuMoment moment);
bool offcpu_is_idle(const Offcpu *o);
