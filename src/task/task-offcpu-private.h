/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/offcpu-stacks.h"
#include "task/task-offcpu.h"

/* Shared by task-offcpu*.c only. */

/* How far the probe knows the threads of a process. */
typedef enum OffcpuBegun {
        OFFCPU_BEGUN_NOT,
        OFFCPU_BEGUN_BARE, /* the kernel could not walk the stacks yet */
        OFFCPU_BEGUN,
} OffcpuBegun;

/* A process that at least one task records. */
struct OffcpuProcess {
        ProcessEntry *entry; /* whose ProcessEntry.offcpu this is */
        OffcpuStacks stacks;
        OffcpuBegun begun;
        unsigned n_tasks;

        struct OffcpuProcess *prev, *next;
};

/* What a task has of one of the probe's totals. */
struct OffcpuShare {
        struct cprof_offcpu_key key;
        uint64_t n, nsec;     /* booked, or from before the task */
        uint64_t before_nsec; /* of that */
        UT_hash_handle hh;
};

typedef struct OffcpuTotal {
        struct cprof_offcpu_key key;
        struct cprof_offcpu_value value;
} OffcpuTotal;

struct Offcpu {
        Probe *probe;
        ProcessCache *cache;
        OffcpuProcess *processes;
        size_t budget; /* frames that may be kept more */

        OffcpuTotal *totals; /* as collected; the probe bounds their number */
        size_t n_totals, n_allocated;

        bool hold;
        pid_t *left; /* to be forgotten */
        size_t n_left;
};

/* task-offcpu-book.c: what the task has of the totals of one process. */

/* All of them are from before the task. -ENOMEM. */
int offcpu_shares_skip(Offcpu *o, SampledProcess *p);
/* It has all of them, up to now. */
void offcpu_shares_finish(Offcpu *o, SampledProcess *p);
void offcpu_shares_free(SampledProcess *p);
