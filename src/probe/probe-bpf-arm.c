/* SPDX-License-Identifier: Apache-2.0 */
/* Arming and disarming: which programs are loaded, and what those that went away had counted. */
#include "probe/probe-bpf.h"

#include "probe/probe-offcpu.h"

void probe_bpf_add_counters(ProbeCounters *sum, const ProbeCounters *more) {
        sum->n_samples += more->n_samples;
        sum->n_ring_full += more->n_ring_full;
        sum->n_no_user_stack += more->n_no_user_stack;
        sum->n_offcpu_rate_limited += more->n_offcpu_rate_limited;
        sum->n_offcpu_seen_late += more->n_offcpu_seen_late;
        sum->n_offcpu_table_full += more->n_offcpu_table_full;
        sum->offcpu_table_full_nsec += more->offcpu_table_full_nsec;
        sum->n_run_queue += more->n_run_queue;
        sum->run_queue_nsec += more->run_queue_nsec;
        sum->bpf_run_ns += more->bpf_run_ns;
        sum->bpf_run_count += more->bpf_run_count;
        sum->offcpu_run_ns += more->offcpu_run_ns;
        sum->offcpu_run_count += more->offcpu_run_count;
}

static ProbeShared shared_parts(const ProbeBpf *b) {
        return (ProbeShared){
                .unwind = b->unwind,
                .python = b->errors[PROBE_FEATURE_PYTHON] == 0 ? b->python : NULL,
        };
}

static int arm_offcpu(ProbeBpf *b) {
        const ProbeShared shared = shared_parts(b);
        const char *step = NULL;
        bool has_dump;
        int r;

        if (b->offcpu)
                return 0;

        r = probe_offcpu_new(&b->ns, &b->config, &shared, &b->offcpu, &step);
        probe_bpf_set_feature(b, PROBE_FEATURE_OFF_CPU, r, step);
        has_dump = r >= 0 && probe_offcpu_has_dump(b->offcpu);
        probe_bpf_set_feature(
                        b,
                        PROBE_FEATURE_THREAD_DUMP,
                        has_dump ? 0 : (r < 0 ? r : -EOPNOTSUPP),
                        "loading a sleepable task iterator");
        if (r < 0)
                return r;

        probe_offcpu_set_threshold(b->offcpu, b->offcpu_threshold_nsec);
        return 0;
}

static void disarm_offcpu(ProbeBpf *b) {
        ProbeCounters c = {};

        if (!b->offcpu || !probe_offcpu_is_idle(b->offcpu))
                return;

        probe_offcpu_counters(b->offcpu, &c);
        probe_bpf_add_counters(&b->oncpu_before, &c);
        b->offcpu = probe_offcpu_free(b->offcpu);
}

static int arm_oncpu(ProbeBpf *b, ProbeUse use) {
        const ProbeShared shared = shared_parts(b);
        const char *step = NULL;
        int r;

        if (use == PROBE_USE_RECORDER && b->config.recorder_every == 0)
                return -EOPNOTSUPP;

        if (!b->oncpu) {
                r = probe_oncpu_new(&b->ns, &b->config, &shared, &b->oncpu, &step);
                probe_bpf_set_feature(b, PROBE_FEATURE_ON_CPU, r, step);
                if (r < 0)
                        return r;

                probe_oncpu_thin_tasks(b->oncpu, b->oncpu_every);
        }

        b->oncpu_uses |= 1U << use;
        return 0;
}

static void disarm_oncpu(ProbeBpf *b, ProbeUse use) {
        ProbeCounters c = {};

        b->oncpu_uses &= ~(1U << use);
        if (!b->oncpu || b->oncpu_uses != 0)
                return;

        probe_oncpu_counters(b->oncpu, &c);
        probe_bpf_add_counters(&b->oncpu_before, &c);
        b->fork = probe_fork_free(b->fork);
        b->fork_asked = false;
        b->oncpu = probe_oncpu_free(b->oncpu);
}

int probe_bpf_arm(void *self, ProbeUse use) {
        if (use == PROBE_USE_HTTP)
                return probe_bpf_arm_http(self);

        return use == PROBE_USE_OFF_CPU ? arm_offcpu(self) : arm_oncpu(self, use);
}

void probe_bpf_disarm(void *self, ProbeUse use) {
        ProbeBpf *b = self;

        if (probe_unwind_n_watched(b->unwind, use) > 0)
                return;

        if (use == PROBE_USE_HTTP)
                probe_bpf_disarm_http(b);
        else if (use == PROBE_USE_OFF_CPU)
                disarm_offcpu(b);
        else
                disarm_oncpu(b, use);
        if (!b->oncpu && !b->offcpu)
                probe_unwind_release(b->unwind);
}
