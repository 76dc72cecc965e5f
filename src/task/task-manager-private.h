/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/cost.h"
#include "task/governor.h"
#include "task/task-manager.h"
#include "task/task-offcpu.h"
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

        CostSample cost_begin;
        uint64_t n_samples_seen, n_switches_seen; /* at the governor's last look */

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
        Offcpu *offcpu;
        bool has_events;          /* the probe tells what processes do */
        pid_t exited[EXITED_MAX]; /* to be forgotten after the drain */
        size_t n_exited;
        RunningTask *running;
        unsigned n_running;

        Recorder *recorder; /* NULL: off */
        int recorder_error; /* -errno: the sampler cannot be had for it */
        bool recorder_armed;
        unsigned n_recorded;
        usec_t recorder_synced_usec;

        Governor governor;
        CostSample cost;                /* at its last look */
        uint64_t recording_nsec;        /* our CPU time in drains, ever */
        unsigned oncpu_thin;            /* one sample stands for so many; 1 unless the governor acted */
        uint64_t offcpu_threshold_nsec; /* 0 unless it acted */

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

/* Takes it from the recorder, from all tasks and from the cache. */
void task_manager_forget_entry(TaskManager *m, ProcessEntry *e);

/* task-recorder.c: the flight recorder; each does nothing where it is off. */
int task_recorder_init(TaskManager *m);
void task_recorder_done(TaskManager *m);
void task_recorder_watch(TaskManager *m, const Process *p, ProcessEntry *e);
void task_recorder_unwatch(TaskManager *m, ProcessEntry *e); /* before the entry may go */
void task_recorder_tick(TaskManager *m, usec_t now_usec);
bool task_recorder_wants_sample(
                const TaskManager *m, const ProcessEntry *e, const struct cprof_sample *sample);
void task_recorder_take_sample(
                TaskManager *m,
                const ProcessEntry *e,
                const struct cprof_sample *sample,
                const ResolvedStack *s);
/* Gives @t, which has just started, what was before it. */
void task_recorder_begin(TaskManager *m, Task *t);

/* task-processes.c: their mappings and tables, by what the probe can do. */
int task_manager_init_processes(TaskManager *m);

/* Before the samples are read, and after. */
void task_manager_read_events(TaskManager *m, usec_t now_usec);
void task_manager_drop_exited(TaskManager *m);

/* task-governor.c: a task has just begun; is about to end; a second has passed. */
void task_governor_begin(TaskManager *m, RunningTask *rt);
void task_governor_end(TaskManager *m, RunningTask *rt, usec_t now_usec);
void task_governor_tick(TaskManager *m, usec_t now_usec);
