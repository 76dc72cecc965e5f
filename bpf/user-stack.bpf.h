/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* How a user stack is taken, behind one function: frame pointers. */

#include "kernel.bpf.h"

#include "cprof-abi.h"

/* Writes at most CPROF_STACK_MAX frames, innermost first, to @frames. Returns their number; @end gets
 * enum cprof_unwind_end. */
static __always_inline __u32 user_stack(void *ctx, __u64 *frames, __u8 *end) {
        long bytes = bpf_get_stack(ctx, frames, CPROF_STACK_MAX * sizeof(__u64), BPF_F_USER_STACK);

        if (bytes <= 0) {
                *end = CPROF_END_NONE;
                return 0;
        }

        *end = bytes >= CPROF_STACK_MAX * (long) sizeof(__u64) ? CPROF_END_TRUNCATED : CPROF_END_HELPER;

        return bytes / sizeof(__u64);
}
