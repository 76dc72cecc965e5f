/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bench-bus.h"
#include "bench-daemon.h"
#include "bench-perf.h"
#include "bench.h"

#include "basic/time-util.h"

/* What the daemon made of one process. */
typedef struct BenchRecording {
        BenchStacks stacks;
        uint64_t bpf_ns, bpf_runs;
        double miss_ns;      /* of a run that found another process on its CPU, measured just before */
        double sample_ns;    /* of one that took a sample: the rest */
        uint64_t subject_ns; /* CPU time of the process meanwhile */
        uint64_t n_python;   /* frames; not part of the stacks */
        char ends[128];      /* of incomplete stacks, in words */
} BenchRecording;

/* Records @pid. */
void bench_daemon_record(
                const BenchDaemon *d, BenchBus *bus, pid_t pid, usec_t duration_usec, BenchRecording *ret);

/* bench-stacks-huge.c: a program of 500 MB. bench-stacks-prepare.c: making tables. */
void bench_stacks_huge(Bench *b, BenchBus *bus, const char *directory);
void bench_stacks_prepare(Bench *b, const char *directory);
