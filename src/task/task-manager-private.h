/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/task-manager.h"
#include "task/task-oncpu.h"

/* Shared by the files of the task manager only. */

#define UNIT_EMPTY_USEC_MAX (5 * USEC_PER_SEC) /* a unit that restarts continues in the same task */
#define READ_AT_ONCE_MAX 64U    /* mappings read in one go for a unit's new processes; the rest is queued */
#define PREPARE_AT_ONCE_MAX 64U /* and in one call of task_manager_prepare_pending() */

#define EXITED_MAX 256U /* noted per drain; of more the target set tells */

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

        const Host *host; /* ditto */

        UnwindTables *unwind; /* NULL: by frame pointers only */
        ProcessCache *cache;
        bool has_events;          /* the probe tells what processes do */
        pid_t exited[EXITED_MAX]; /* to be forgotten after the drain */
        size_t n_exited;
        RunningTask *running;
        unsigned n_running;

        usec_t now_usec;  /* of the last call that told us */
        uint16_t id_next; /* last part of the next ID */
};

/* Ends @rt, which is freed, and hands its task over. */
void task_manager_end(TaskManager *m, RunningTask *rt, TaskState state, const char *reason, usec_t now_usec);

/* Samples the members of @u (NULL: gone) that are not sampled yet and drops those that left. Returns 0, or
 * why the last one that could not be sampled was not. */
int task_manager_update_members(TaskManager *m, RunningTask *rt, Unit *u);

/* Samples one process for @rt; returns as oncpu_task_add(). */
int task_manager_add_process(TaskManager *m, RunningTask *rt, ProcessKey key, SampledProcess **ret_process);

/* task-processes.c: before the samples are read, and after. */
void task_manager_read_events(TaskManager *m, usec_t now_usec);
void task_manager_drop_exited(TaskManager *m);
