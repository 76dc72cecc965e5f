/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/task-manager.h"
#include "task/task-oncpu.h"

/* Shared by the files of the task manager only. */

#define UNIT_EMPTY_USEC_MAX (5 * USEC_PER_SEC) /* a unit that restarts continues in the same task */
#define READ_AT_ONCE_MAX 64U    /* mappings read in one go for a unit's new processes; the rest is queued */
#define PREPARE_AT_ONCE_MAX 64U /* and in one call of task_manager_prepare_pending() */

typedef struct RunningTask {
        Task *task; /* owned */
        OncpuTask oncpu;
        usec_t deadline_usec;
        usec_t empty_since_usec; /* without processes since; 0 = has some */
        uint64_t pass;           /* counts the looks at the unit's members */

        struct RunningTask *prev, *next;
} RunningTask;

struct TaskManager {
        Probe *probe;         /* borrowed, outlives us */
        TargetSet *targets;   /* ditto */
        ModuleTable *modules; /* ditto */
        TaskManagerConfig config;
        TaskEvents events;

        ProcessCache *cache;
        RunningTask *running;
        unsigned n_running;

        usec_t now_usec;  /* of the last call that told us */
        uint16_t id_next; /* last part of the next ID */
};

/* Makes the kernel ready and begins to watch the subject's processes. Kinds in @running, which other tasks
 * record, and those that are not possible are left out of the task. On failure @reterr_reason says why. */
int task_manager_begin(
                TaskManager *m,
                RunningTask *rt,
                Subject subject,
                ProfileKinds running,
                char *reterr_reason,
                size_t size);

/* Ends @rt, which is freed, and hands its task over. */
void task_manager_end(TaskManager *m, RunningTask *rt, TaskState state, const char *reason, usec_t now_usec);

/* Samples the members of @u (NULL: gone) that are not sampled yet and drops those that left. Returns 0, or
 * why the last one that could not be sampled was not. */
int task_manager_update_members(TaskManager *m, RunningTask *rt, Unit *u);

/* Samples one process for @rt; returns as oncpu_task_add(). */
int task_manager_add_process(TaskManager *m, RunningTask *rt, ProcessKey key, SampledProcess **ret_process);
