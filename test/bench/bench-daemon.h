/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/time-util.h"

#include <jansson.h>
#include <sys/types.h>

/* The real daemon, as a child, with policies of our own and without a trace on the host: it has a mount
 * namespace with an empty /run and no policies elsewhere. */
typedef struct BenchDaemon {
        pid_t pid;
        char directory[128]; /* its log and its state */
} BenchDaemon;

typedef struct BenchPolicy {
        const char *name, *text;
} BenchPolicy;

/* The daemon beside this program, as the build lays them out. */
const char *bench_daemon_path(void);

/* Returns when the daemon says that it is ready. @config: what its cprofd.conf says, NULL = nothing. */
void bench_daemon_start_with(
                BenchDaemon *d, const char *config, const BenchPolicy *policies, size_t n_policies);
void bench_daemon_start(BenchDaemon *d, const BenchPolicy *policies, size_t n_policies);

/* Ends it and removes its directory; a daemon that has died is an error. */
void bench_daemon_stop(BenchDaemon *d);

/* CPU time so far. */
uint64_t bench_daemon_cpu_ns(const BenchDaemon *d);

/* Calls @fn with each task.json there is. */
void bench_daemon_tasks(
                const BenchDaemon *d,
                void (*fn)(const char *directory, json_t *task, void *userdata),
                void *userdata);

/* The PID of the process that a task is about, 0 for none. */
pid_t bench_task_pid(json_t *task);
usec_t bench_task_usec(json_t *task, const char *key);
