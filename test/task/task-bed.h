/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-host.h"
#include "fake/fake-probe.h"
#include "fake/fake-unwind.h"
#include "task/task-manager.h"

/* A manager on a machine of files, with a probe that samples what the test says. Time stands still unless
 * told. */
typedef struct TaskBed {
        FakeHost host;
        FakeProbe fake;
        FakeUnwind unwind; /* rows of the modules */
        Probe *probe;
        TargetSet *targets;
        ModuleTable *modules;
        TaskManager *manager;
        usec_t now_usec;

        unsigned n_started;
        char mapped[64]; /* the file that was told last, and by whom: "PID path" */
        Task *ended[32]; /* owned */
        unsigned n_ended;
} TaskBed;

#define BED_START_USEC (1000 * USEC_PER_SEC)
#define BED_RUNNING_MAX 4U

#define WEB "/system.slice/web.service"
#define DB "/system.slice/db.service"

void task_bed_init(TaskBed *b); /* at 100 Hz, without recorder and budget */
void task_bed_init_config(TaskBed *b, const TaskManagerConfig *config);
void task_bed_done(TaskBed *b);

/* Advances the time and runs what a second of the daemon runs for tasks. */
void task_bed_tick(TaskBed *b, usec_t usec);

/* Starts a task of 60 s for the process, or for the unit. */
int task_bed_start_process(TaskBed *b, pid_t pid, Task **ret_task);
int task_bed_start_unit(TaskBed *b, const char *unit, Task **ret_task);

/* The same for kinds of one's choice; the others are on-CPU. */
int task_bed_start_kinds(TaskBed *b, pid_t pid, ProfileKinds kinds, Task **ret_task);
int task_bed_start_unit_kinds(TaskBed *b, const char *unit, ProfileKinds kinds, Task **ret_task);

/* A sample at @at_usec after BED_START_USEC with user frames only, ended by 0. */
void task_bed_sample(TaskBed *b, pid_t pid, usec_t at_usec, const uint64_t *frames);

bool task_bed_is_watched(TaskBed *b, pid_t pid);

/* The stack of the profile whose innermost frame is in a module of that path at that offset, NULL if there
 * is none. */
const ProfileStack *task_bed_find_stack(const Profile *p, const char *path, uint64_t offset);
