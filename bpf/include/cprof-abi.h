/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Records that the BPF programs hand to src/probe/. Fixed width, explicit padding, sizes asserted. */

#include <linux/types.h>

#define CPROF_COMM_LEN 16
#define CPROF_STACK_MAX 127 /* frames per side: kernel.perf_event_max_stack's default */

/* One task (thread) of one pass of the task iterator. Kernel threads are left out. */
struct cprof_task {
        __u32 pid;       /* thread group, in the daemon's PID namespace */
        __u32 tid;       /* ditto; equal to pid for the leader */
        __u32 n_threads; /* alive in the group */
        __u32 exec_id;   /* counts execve(2) of this task: changes when the program does */
        __u64 cpu_ns;    /* run time of this thread */
        __u64 dead_ns; /* run time of the group's threads that are gone; the same in each thread of the group
                        */
        __u64 start_ns;   /* CLOCK_BOOTTIME of the group leader's start */
        __u64 cgroup_id;  /* on the unified hierarchy */
        __u64 cgroup_set; /* opaque: another one after a move within any hierarchy */
};
_Static_assert(sizeof(struct cprof_task) == 56, "ABI between kernel and user space");

/* One on-CPU sample; n_kernel, then n_user frames follow, innermost first. */
struct cprof_sample {
        __u64 at_ns; /* CLOCK_MONOTONIC */
        __u32 pid;   /* thread group, in the daemon's PID namespace */
        __u32 tid;
        char comm[CPROF_COMM_LEN]; /* thread name, NUL-padded */
        __u16 n_kernel;
        __u16 n_user;
        __u16 user_flags; /* CPROF_USER_* */
        __u16 cpu;
        __u64 frames[];
};
_Static_assert(sizeof(struct cprof_sample) == 40, "ABI between kernel and user space");

#define CPROF_USER_ERROR 1 /* no user stack could be read */
#define CPROF_USER_TRUNCATED 2

/* Indexes of the counters map. */
#define CPROF_COUNTER_SAMPLES 0
#define CPROF_COUNTER_RING_FULL 1
#define CPROF_COUNTER_NO_USER_STACK 2
#define CPROF_COUNTER_MAX 3
