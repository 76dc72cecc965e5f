/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/resolve.h"

/* Stacks that threads of one process waited in, by the hash that the kernel counts them under: it sends each
 * of them once, whatever the number of tasks that record the process. */
typedef struct OffcpuStack {
        uint64_t hash;
        unsigned end; /* enum cprof_unwind_end */
        unsigned n_kernel, n_user;
        Frame *kernel; /* behind the user frames */
        UT_hash_handle hh;
        ResolvedFrame user[]; /* with references to their modules */
} OffcpuStack;

typedef struct OffcpuStacks {
        OffcpuStack *stacks;
        size_t n_frames; /* of all of them; what lies around a stack counts as some */
} OffcpuStacks;

#define OFFCPU_FRAMES_MAX (1U << 20) /* kept of all processes, 24 bytes each */

/* Keeps @s, ended by @end, under @hash, in place of what was there unless that says more. @budget is how
 * many frames there may be more, and is kept up to date. -E2BIG: beyond it, -ENOMEM: what was there stays.
 */
int offcpu_stacks_add(OffcpuStacks *o, uint64_t hash, unsigned end, const ResolvedStack *s, size_t *budget);
const OffcpuStack *offcpu_stacks_find(const OffcpuStacks *o, uint64_t hash);
void offcpu_stacks_done(OffcpuStacks *o, size_t *budget);

/* Its frames as stack_frames() has them. */
unsigned offcpu_stack_frames(const OffcpuStack *s, Profile *p, Frame *ret_frames, uint64_t *n_unknown);
