/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* User stacks of one recording, whoever made it. */
typedef struct BenchStacks {
        uint64_t n_samples, n_stacks; /* the latter with a user stack */
        uint64_t n_complete;          /* of those, up to where the thread began */
        uint64_t n_frames, n_named;   /* of user code */
        uint64_t bytes;               /* on disk */
        uint64_t cpu_ns;              /* recording and naming */
        double seconds;               /* of a clock, for naming */
} BenchStacks;

/* perf record with @option (-g or --call-graph=dwarf) on the process, then perf script. @exe and @entry
 * are of bench_program_entry(). */
void bench_perf_record(
                const char *option,
                pid_t pid,
                unsigned hz,
                unsigned seconds,
                const char *directory,
                const char *exe,
                uint64_t entry,
                BenchStacks *ret);
