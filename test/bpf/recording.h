/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "daemon-python.h"
#include "symbol/symbolizer.h"
#include "task/task-manager.h"

/* The stages from the probe to tasks, in the running kernel. Everything asserts. */
typedef struct Recording {
        Host *host;
        Probe *probe;
        TargetSet *targets;
        ModuleTable *modules;
        DaemonPython *python;
        TaskManager *tasks;
        Task *ended; /* the last one that did */
} Recording;

typedef struct RecordingConfig {
        unsigned hz;
        bool with_tables; /* of unwinding; else frame pointers */
        bool with_python;
} RecordingConfig;

void recording_open(Recording *r, const RecordingConfig *config);
void recording_close(Recording *r);

/* One task of one kind on @pid from start to end, as the daemon would run it. Borrowed. */
Task *recording_run(Recording *r, pid_t pid, ProfileKind kind, usec_t duration_usec);

/* The names of all frames of the task that ended. */
Symbols *recording_names(Recording *r);
