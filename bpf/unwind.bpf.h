/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* User stacks by unwind tables (src/symbol/eh-frame.c makes them, src/probe/probe-unwind.c puts them here),
 * by frame pointers where there is no table. A program loads the registers, then walks:
 *
 *         unwind_load_interrupted(ctx) or unwind_load_current(), then unwind_current(ctx, ...)
 *
 * Functions that the verifier looks at on their own take numbers only (kernels < 5.13 allow no pointers to
 * memory there) and find their state in a map; what a search finds travels as an index, never as a pointer,
 * else the verifier follows each path of the search apart. */

#include "kernel.bpf.h"

#include "cprof-abi.h"

/* The three maps belong to the daemon and are shared by all programs; sizes come from there. */
struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct cprof_unwind_row);
} unwind_rows SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct cprof_unwind_mapping);
} unwind_mappings SEC(".maps");

/* thread group in the daemon's PID namespace -> what to do with it. Preallocated: perf_event programs may
 * not allocate on kernels < 6.1. Copy the value at once: the daemon may replace it. */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct cprof_target);
} targets SEC(".maps");

/* Stack by the kernel's frame-pointer helper, of the current task. Returns the number of frames. */
static __always_inline __u32 unwind_by_helper(void *ctx, __u64 *frames, __u8 *end) {
        long bytes = bpf_get_stack(ctx, frames, CPROF_STACK_MAX * sizeof(__u64), BPF_F_USER_STACK);

        if (bytes <= 0) {
                *end = CPROF_END_NONE;
                return 0;
        }

        *end = bytes >= CPROF_STACK_MAX * (long) sizeof(__u64) ? CPROF_END_TRUNCATED : CPROF_END_HELPER;
        return bytes / sizeof(__u64);
}

#if defined(__TARGET_ARCH_x86)
#include "unwind-x86.bpf.h"
#else
static __always_inline void unwind_load_interrupted(struct bpf_perf_event_data *ctx) {
}

static __always_inline void unwind_load_current(void) {
}

static __always_inline __u32
unwind_current(void *ctx, const struct cprof_target *target, __u64 *frames, __u8 *end) {
        return unwind_by_helper(ctx, frames, end);
}
#endif
