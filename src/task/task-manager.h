/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "monitor/monitor.h"
#include "target/process-maps.h"
#include "task/process-cache.h"
#include "task/recorder.h"
#include "task/task.h"
#include "task/unwind-tables.h"
#include "trigger/trigger.h"

/* Runs tasks: starts and ends them, drains the probe, turns samples into profiles. One task per (target,
 * kind), where a task may have several kinds. */
typedef struct TaskManager TaskManager;

#define TASKS_RUNNING_MAX_DEFAULT 16U

typedef struct TaskManagerConfig {
        unsigned running_max;
        unsigned oncpu_hz;
        const PythonSource *python; /* outlives the manager; NULL: no Python frames */
        unsigned recorder_every;    /* as ProbeConfig has it; 0 = no flight recorder */
        double budget_percent;      /* of the host, for recording; 0 = whatever it takes */
        usec_t recorder_usec;       /* how long it remembers; 0 = no flight recorder */
        const UnwindSource *unwind; /* what it points to outlives the manager; NULL: frame pointers only */
} TaskManagerConfig;

/* Told what happens; the daemon passes it on to symbol/, sinks and bus. Neither may start or end a task
 * itself. A task that could not start is only told to ended(). */
typedef struct TaskEvents {
        void (*started)(Task *t, void *userdata);
        /* Over: the task was taken off the manager and is now owned by the callee, with its profile. */
        void (*ended)(Task *t, void *userdata);
        /* It records less from now on, or is about to be stopped; @text says what and why, and is part of
         * Task.thinned. May be NULL, as the others. */
        void (*thinned)(Task *t, const char *text, void *userdata);
        /* Any process mapped that file with code in it; told while a process is prepared or sampled. */
        void (*mapped)(pid_t pid, const char *path, void *userdata);
        void *userdata;
} TaskEvents;

/* All pointers are borrowed and outlive it. */
int task_manager_new(
                const Host *host,
                Probe *probe,
                TargetSet *targets,
                ModuleTable *modules,
                const TaskManagerConfig *config,
                const TaskEvents *events,
                TaskManager **ret_manager);
/* Ends what runs as failed ("cprofd was stopped") through events->ended. */
TaskManager *task_manager_free(TaskManager *m);
DEFINE_CLEANUP(TaskManager *, task_manager_free)

typedef struct TaskRequest {
        ProfileKinds kinds;
        Subject subject;
        usec_t duration_usec, silence_usec;
        TaskCause *causes; /* taken over on success and on failure */
        size_t n_causes;
        TaskInstant slot_end, decided;
} TaskRequest;

/* Starts at once. 0: *ret_task runs (borrowed). -EEXIST: all kinds run for the target (those that do
 * and those that this kernel can't record are left out otherwise, see Task.left_out). -EBUSY: running_max.
 * -ENOMEM: nothing happened, or as any other error: a task with state failed and the reason was handed to
 * events->ended; *ret_task is NULL. Samples older than @now_usec are not the task's: pass the present, not
 * the time a tick was due. */
int task_manager_start(TaskManager *m, TaskRequest *request, usec_t now_usec, Task **ret_task);

/* -ESRCH for no such running task. */
int task_manager_stop(TaskManager *m, const char *id, const char *reason, usec_t now_usec);

/* Reads the ring and aggregates: about four times a second while tasks run. task_manager_tick() does it as
 * well, which is enough for the flight recorder alone. */
void task_manager_drain(TaskManager *m, usec_t now_usec);

/* Once per tick after the target set: ends tasks that reached their duration or lost their last process,
 * adds new processes of unit tasks to the sampler. */
void task_manager_tick(TaskManager *m, usec_t now_usec);

/* Brings all running tasks up to now, with the waits that last. */
void task_manager_checkpoint(TaskManager *m, usec_t now_usec);

/* Ends tasks that reached their duration, between two ticks. Returns when the next one does, USEC_INFINITY
 * for none. */
usec_t task_manager_end_due(TaskManager *m, usec_t now_usec);

/* Wired to TargetEvents: a process went away, or ran exec (its mappings are read again). */
void task_manager_process_removed(TaskManager *m, Process *p, usec_t now_usec);
void task_manager_process_changed(TaskManager *m, Process *p);

/* Opens the modules of a process that a policy watches, so that its files are held before a trigger and the
 * kernel can walk its stacks; cheap when done. At most a bounded number per call is prepared; then the
 * tables of processes that are sampled or prepared are made. */
void task_manager_prepare(TaskManager *m, Process *p);
void task_manager_prepare_pending(TaskManager *m, usec_t budget_usec);
bool task_manager_has_pending_preparation(const TaskManager *m);

typedef struct TaskManagerCounters {
        ProcessCacheCounters processes;
        UnwindCounters unwind; /* all 0 without tables */
} TaskManagerCounters;
void task_manager_counters(TaskManager *m, TaskManagerCounters *ret);

/* Whether one of that kind runs for the subject or for a unit that it belongs to. */
bool task_manager_is_running(TaskManager *m, Subject subject, ProfileKind kind);

/* Whether the flight recorder is to have that process: a policy for it or for a unit it belongs to records
 * on-CPU. Such a process is to be prepared; those that a new policy wants are found by task_manager_tick()
 * within seconds. */
bool task_manager_records(const TaskManager *m, const Process *p);
/* What the recorder has of the last @seconds, of the unit and those below it; NULL: of all. As of the last
 * drain. -EOPNOTSUPP: no recorder; or why it can't record. */
int task_manager_recent(TaskManager *m, const char *unit, unsigned seconds, Profile **ret_profile);
const Recorder *task_manager_recorder(const TaskManager *m); /* NULL: none */

unsigned task_manager_n_running(const TaskManager *m);
unsigned task_manager_n_processes(const TaskManager *m); /* whose mappings are held or soon will be */
Task *task_manager_find(TaskManager *m, const char *id);
/* Iteration over running tasks: pass NULL to begin. */
Task *task_manager_next(TaskManager *m, Task *previous);
