/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-probe-http.h"
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

        /* Tables and mappings as they were given, as long as they are there. */
        size_t rows_max;        /* 0 = no limit */
        size_t table_rows[512]; /* by number; 0 = free */
        uint64_t n_added, n_removed;
        struct {
                pid_t pid; /* 0 = free */
                ProbeMapping *mappings;
                size_t n;
        } maps[1024];
        size_t maps_max; /* mappings in all; 0 = no limit */
        uint64_t n_mapped, n_unmapped;

        /* Handed out by the next reading; then it returns events_error. */
        ProbeEvent events[256];
        size_t n_events;
        int events_error;
        unsigned n_events_read;
        unsigned thin; /* as told last; 0 = never */
        uint64_t threshold_nsec;
        bool statistics;

        /* Off-CPU totals, of watched processes and of those not yet forgotten. */
        struct {
                struct cprof_offcpu_key key;
                struct cprof_offcpu_value value;
                uint64_t waits_nsec; /* still: booked by the next offcpu_end() */
        } totals[64];
        size_t n_totals;
        unsigned n_begun, n_offcpu_ended; /* calls for any process */

        FakeHttp http;
} FakeProbe;

void fake_probe_push_event(FakeProbe *fake, const ProbeEvent *event);
/* What the process has, NULL for nothing. */
const ProbeMapping *fake_probe_find_mappings(const FakeProbe *fake, pid_t pid, size_t *ret_n);
size_t fake_probe_n_rows(const FakeProbe *fake);

/* A thread of the process waited, or waits up to the next offcpu_end(), in the stack of that hash. */
void fake_probe_wait(FakeProbe *fake, pid_t pid, uint64_t hash, const char *comm, uint64_t n, uint64_t nsec);
void fake_probe_wait_still(FakeProbe *fake, pid_t pid, uint64_t hash, const char *comm, uint64_t nsec);

/* The stack of that hash, as the kernel sends it once; user frames only, ended by 0. */
void fake_probe_push_blocked(
                FakeProbe *fake, pid_t pid, uint64_t hash, uint64_t at_ns, const uint64_t *frames);

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
