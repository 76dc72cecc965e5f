/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe.h"

/* What recording costs, as totals since the start; differences of two are what governor.h works with. */
typedef struct CostSample {
        usec_t at_usec;          /* CLOCK_MONOTONIC */
        uint64_t process_nsec;   /* CPU time of this whole process */
        uint64_t recording_nsec; /* the part of it that went into draining and aggregating */
        uint64_t oncpu_nsec;     /* run time of BPF programs but for the off-CPU ones */
        uint64_t offcpu_nsec;    /* of those */
        uint64_t n_samples;      /* taken for tasks and the recorder */
} CostSample;

/* @recording_nsec is what the caller has measured with clock_thread_cpu_nsec(). The run times stand still
 * while the probe's statistics are off. */
void cost_read(Probe *probe, usec_t now_usec, uint64_t recording_nsec, CostSample *ret);

/* @after - @before, field by field; a counter that went back (another kernel object) counts as 0. */
CostSample cost_difference(const CostSample *after, const CostSample *before);
