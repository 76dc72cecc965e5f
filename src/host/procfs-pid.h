/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"

#include <stddef.h>

/* Fields of /proc/PID/stat, proc(5). */
typedef struct ProcStat {
        pid_t pid;
        char comm[64];
        char state;
        pid_t ppid;
        uint64_t utime_ticks, stime_ticks; /* USER_HZ = 100 */
        unsigned n_threads;
        uint64_t start_ticks; /* since boot, USER_HZ */
        bool kernel_thread;   /* PF_KTHREAD */
} ProcStat;

/* Pure and bounded. Returns -EBADMSG for anything that is not such a line. */
int proc_stat_parse(const char *text, size_t length, ProcStat *ret);

/* All of these return -ESRCH when the process is gone, also if it goes during the call. */
int procfs_read_stat(const Host *h, pid_t pid, ProcStat *ret);
/* The effective one. */
int procfs_read_uid(const Host *h, pid_t pid, uid_t *ret);
/* Path of the program as the process's own root shows it, " (deleted)" stripped. -ENOENT for none (zombie).
 */
int procfs_read_exe(const Host *h, pid_t pid, char **ret_path);
/* Made valid UTF-8, without control characters. */
int procfs_read_comm(const Host *h, pid_t pid, char **ret_comm);
/* Arguments with blanks between them, made valid UTF-8, without control characters, at most @max bytes.
 * -ENODATA for none (kernel thread, zombie). */
int procfs_read_command_line(const Host *h, pid_t pid, size_t max, char **ret);
/* Innermost PID of NSpid: in /proc/PID/status, what the process calls itself: names perf-PID.map. */
int procfs_read_ns_pid(const Host *h, pid_t pid, pid_t *ret);
/* Path within the hierarchy of h->cgroup_fd, "/system.slice/x.service"; "/" for what lies outside our cgroup
 * namespace. */
int procfs_read_cgroup(const Host *h, pid_t pid, char **ret_path);
/* Pure part of the above: the text of /proc/PID/cgroup. -ENOENT: no line of that layout. */
int proc_cgroup_parse(const char *text, CgroupLayout layout, char **ret_path);

/* Calls @fn with each numeric name in /proc, ascending or not. A negative return of @fn ends it and is
 * returned. */
int procfs_for_each_pid(const Host *h, int (*fn)(pid_t pid, void *userdata), void *userdata);
