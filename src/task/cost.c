/* SPDX-License-Identifier: Apache-2.0 */
#include "task/cost.h"

#include <sys/resource.h>

static uint64_t timeval_nsec(const struct timeval *tv) {
        return ((uint64_t) tv->tv_sec * USEC_PER_SEC + (uint64_t) tv->tv_usec) * NSEC_PER_USEC;
}

static uint64_t process_nsec(void) {
        struct rusage u;

        if (getrusage(RUSAGE_SELF, &u) < 0)
                return 0;

        return timeval_nsec(&u.ru_utime) + timeval_nsec(&u.ru_stime);
}

static uint64_t minus(uint64_t a, uint64_t b) {
        return a > b ? a - b : 0;
}

void cost_read(Probe *probe, usec_t now_usec, uint64_t recording_nsec, CostSample *ret) {
        ProbeCounters c;

        assert(probe);
        assert(ret);

        probe_counters(probe, &c);
        *ret = (CostSample){
                .at_usec = now_usec,
                .process_nsec = process_nsec(),
                .recording_nsec = recording_nsec,
                .oncpu_nsec = minus(c.bpf_run_ns, c.offcpu_run_ns),
                .offcpu_nsec = c.offcpu_run_ns,
                .n_samples = c.n_samples,
        };
}

CostSample cost_difference(const CostSample *after, const CostSample *before) {
        assert(after);
        assert(before);

        return (CostSample){
                .at_usec = minus(after->at_usec, before->at_usec),
                .process_nsec = minus(after->process_nsec, before->process_nsec),
                .recording_nsec = minus(after->recording_nsec, before->recording_nsec),
                .oncpu_nsec = minus(after->oncpu_nsec, before->oncpu_nsec),
                .offcpu_nsec = minus(after->offcpu_nsec, before->offcpu_nsec),
                .n_samples = minus(after->n_samples, before->n_samples),
        };
}
