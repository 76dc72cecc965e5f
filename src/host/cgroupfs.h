/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"

/* CPU time of a cgroup and everything below it in ns: cpu.stat's usage_usec on cgroup2, cpuacct.usage on v1.
 * @path as of procfs_read_cgroup(). -ENOENT where the kernel keeps none for it (then sum over processes). */
int cgroupfs_read_cpu_ns(const Host *h, const char *path, uint64_t *ret_ns);

typedef enum Pressure {
        PRESSURE_CPU,
        PRESSURE_IO,
        PRESSURE_MEMORY,
        _PRESSURE_MAX,
        _PRESSURE_INVALID = -EINVAL,
} Pressure;

/* How long some task of a cgroup has waited for that, ever: "total" of "some" in its *.pressure, us.
 * -EOPNOTSUPP: there is no cgroup2 here; -ENOENT: the kernel keeps none; -ENODATA: not for this cgroup, or
 * it is gone; -EBADMSG. */
int cgroupfs_read_pressure(const Host *h, const char *path, Pressure pressure, uint64_t *ret_usec);
/* The same of the text of that file. Pure. */
int pressure_parse(const char *text, uint64_t *ret_usec);
