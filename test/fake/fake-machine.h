/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"

#include <limits.h>

/* A /proc and a cgroup2 tree in a temporary directory, for tests in which processes come, go and change. */
typedef struct FakeMachine {
        char root[PATH_MAX];
        int root_fd;
        Host *host;
} FakeMachine;

/* What /proc says of one process; n_threads 0 means 1, NULL comm, exe and cgroup mean "sh", "/bin/sh" and
 * "/". */
typedef struct FakeProcess {
        pid_t pid;
        uint64_t start_ticks, cpu_ticks;
        const char *comm, *exe, *cgroup;
        uid_t uid;
        unsigned n_threads;
} FakeProcess;

int fake_machine_init(FakeMachine *m);
void fake_machine_done(FakeMachine *m);

/* Adds a process or writes what it is now. */
void fake_machine_put(FakeMachine *m, const FakeProcess *p);
void fake_machine_drop(FakeMachine *m, pid_t pid);

/* usage_usec of a cgroup, whose directory is made. */
void fake_machine_cgroup_cpu(FakeMachine *m, const char *cgroup, uint64_t usec);
/* "total" of one of its pressure files, "cpu.pressure"; another file of that cgroup is not made by this. */
void fake_machine_cgroup_pressure(FakeMachine *m, const char *cgroup, const char *file, uint64_t usec);
