/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum CgroupLayout {
        CGROUP_LAYOUT_UNIFIED, /* cgroup2 at /sys/fs/cgroup */
        CGROUP_LAYOUT_HYBRID,  /* name=systemd v1 and cgroup2 at /sys/fs/cgroup/unified */
        CGROUP_LAYOUT_LEGACY,  /* name=systemd v1 only */
        _CGROUP_LAYOUT_MAX,
        _CGROUP_LAYOUT_INVALID = -EINVAL,
} CgroupLayout;

/* The machine as directory file descriptors: the seam at which tests put a fixture tree. */
typedef struct Host {
        int proc_fd;
        int cgroup_fd;  /* the hierarchy that holds systemd's units: cgroup2, or v1 name=systemd */
        int cpuacct_fd; /* v1 only, -EBADF where there is none */
        int unified_fd; /* hybrid only: the cgroup2 beside it, which has cpu.stat for each unit; -EBADF else
                         */
        CgroupLayout cgroup_layout;

        /* CPU time of a thread group in ns, dead threads included, or -ESRCH. NULL: only /proc/PID/stat is
         * there. */
        int (*process_cpu_ns)(pid_t pid, uint64_t *ret_ns);
} Host;

/* @root is "/" in production; below it are proc/ and sys/fs/cgroup/. For another root process_cpu_ns is NULL
 * and the layout is told by which files are there (cgroup.controllers), not by statfs. Without a cgroup tree
 * cgroup_fd is -EBADF. Returns -errno when proc/ can't be opened. */
int host_new(const char *root, Host **ret_host);
Host *host_free(Host *h);
DEFINE_CLEANUP(Host *, host_free)
