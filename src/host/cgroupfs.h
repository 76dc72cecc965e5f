/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"

/* CPU time of a cgroup and everything below it in ns: cpu.stat's usage_usec on cgroup2, cpuacct.usage on v1.
 * @path as of procfs_read_cgroup(). -ENOENT where the kernel keeps none for it (then sum over processes). */
int cgroupfs_read_cpu_ns(const Host *h, const char *path, uint64_t *ret_ns);
