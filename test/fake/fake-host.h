/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"

#include <limits.h>

/* A machine made of files in a temporary directory: processes come, change and go as the test says. All
 * functions end the test when a file cannot be written. */
typedef struct FakeHost {
        char root[PATH_MAX / 2];
        Host *host;
} FakeHost;

void fake_host_init(FakeHost *f);
void fake_host_done(FakeHost *f); /* removes the directory */

/* A process with one mapping of no interest. @exe is the path as the process sees it, @cgroup its place in
 * the hierarchy ("/system.slice/x.service"). Called again for the same PID it changes the process. */
void fake_host_set_process(
                FakeHost *f,
                pid_t pid,
                uint64_t start_ticks,
                const char *comm,
                const char *exe,
                const char *cgroup);
void fake_host_remove_process(FakeHost *f, pid_t pid);

/* Puts the mappings of @pid in place of the ones it had. */
typedef struct FakeMapping {
        uint64_t start, end, offset;
        const char *path; /* NULL: anonymous; a file of that name is made */
} FakeMapping;
void fake_host_set_maps(FakeHost *f, pid_t pid, const FakeMapping *mappings, size_t n);
/* As if the process were about to vanish: it is there, its mappings are not. */
void fake_host_remove_maps(FakeHost *f, pid_t pid);
