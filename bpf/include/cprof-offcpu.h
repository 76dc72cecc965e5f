/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What bpf/offcpu.bpf.c and src/probe/probe-offcpu.c share beside the ABI of cprof-abi.h; of no use to
 * others. */

#include "cprof-abi.h"

#define CPROF_OFFCPU_FILTER_SIZE 4096 /* bytes, one for each thread group modulo this */
#define CPROF_OFFCPU_THREADS_MAX 16384
#define CPROF_OFFCPU_TOTALS_MAX 16384
#define CPROF_OFFCPU_SEEN_MAX 16384

/* A watched process. */
struct cprof_offcpu_watch {
        __u32 pid;        /* in the daemon's PID namespace; the key is the kernel's number */
        __u32 generation; /* another one each time it is watched again: what is left over is told by it */
        __u32 epoch;      /* stacks that were sent in an older one are sent again */
};
_Static_assert(sizeof(struct cprof_offcpu_watch) == 12, "ABI between kernel and user space");

/* A thread that does not run. */
struct cprof_offcpu_thread {
        __u64 blocked_ns; /* CLOCK_MONOTONIC when it was switched out */
        __u64 from_ns;    /* ditto; later if the time before is counted already */
        __u64 hash;       /* of struct cprof_offcpu_key */
        __u64 ran_ns;     /* CPU time of the thread when it was switched out */
        __u32 pid;
        __u32 generation;
        __u32 state;   /* enum cprof_offcpu_state, or CPROF_OFFCPU_RUNNABLE */
        __u32 counted; /* 1: it is in the number of waits already */
        char comm[CPROF_COMM_LEN];
};
_Static_assert(sizeof(struct cprof_offcpu_thread) == 64, "ABI between kernel and user space");

#define CPROF_OFFCPU_RUNNABLE 255

/* What a pass over the threads of one process does. */
enum cprof_offcpu_pass {
        CPROF_OFFCPU_FIND,  /* writes the kernel's number of the thread group */
        CPROF_OFFCPU_BEGIN, /* as END; and takes the stacks, for those too that are not counted yet */
        CPROF_OFFCPU_END,   /* counts the time of the blocked threads up to now */
};
