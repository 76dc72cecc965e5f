/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe.h"

/* A probe whose tasks and samples a test sets. Features are all available unless fail[feature] (a negative
 * errno) is set. */
typedef struct FakeProbe {
        struct cprof_task *tasks;
        size_t n_tasks;

        /* Samples handed out by the next drain, each allocated by fake_probe_push_sample(). */
        struct cprof_sample *samples[64];
        size_t n_samples;
        uint8_t sample_flags; /* of those pushed next; 0 = CPROF_SAMPLE_TASK */

        int fail[_PROBE_FEATURE_MAX];
        int watch_error; /* returned by watch when negative */
        bool armed;
        pid_t watched[64];
        ProbeUse watched_use[64]; /* of the same index */
        size_t n_watched;
        ProbeCounters counters;
        unsigned thin; /* as told last; 0 = never */
        uint64_t threshold_nsec;
        bool statistics;
} FakeProbe;

/* The Probe's self is the FakeProbe, which the caller owns (probe_free() frees the Probe only). */
int fake_probe_new(FakeProbe *fake, Probe **ret_probe);

int fake_probe_push_sample(
                FakeProbe *fake,
                pid_t pid,
                pid_t tid,
                const char *comm,
                uint64_t at_ns,
                const uint64_t *frames,
                unsigned n_kernel,
                unsigned n_user);
