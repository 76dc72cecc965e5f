/* SPDX-License-Identifier: Apache-2.0 */
/* What the probe does: each operation goes to the part that it is about. */
#include "probe/probe-bpf.h"

#include "probe/probe-offcpu.h"

#include <bpf/bpf.h>

void probe_bpf_free(void *self) {
        ProbeBpf *b = self;

        if (!b)
                return;

        probe_bpf_free_http(b);
        probe_events_free(b->events);
        probe_fork_free(b->fork);
        probe_offcpu_free(b->offcpu);
        probe_oncpu_free(b->oncpu);
        probe_python_free(b->python);
        probe_unwind_free(b->unwind);
        probe_tasks_free(b->tasks);
        (void) safe_close(b->statistics_fd);
        free(b);
}

static int bpf_feature(void *self, ProbeFeature feature, const char **ret_reason) {
        ProbeBpf *b = self;

        assert(feature >= 0 && feature < _PROBE_FEATURE_MAX);

        if (b->errors[feature] < 0)
                *ret_reason = b->reasons[feature];

        return b->errors[feature];
}

static int bpf_tasks_read(void *self, ProbeTaskFn fn, void *userdata) {
        ProbeBpf *b = self;

        if (!b->tasks)
                return b->errors[PROBE_FEATURE_TASK_ITERATOR];

        return probe_tasks_pass(b->tasks, fn, userdata);
}

static void set_rate(ProbeBpf *b) {
        bool tasks = probe_unwind_n_watched(b->unwind, PROBE_USE_ON_CPU) > 0;
        bool recorder = probe_unwind_n_watched(b->unwind, PROBE_USE_RECORDER) > 0;

        if (b->oncpu)
                probe_oncpu_set_rate(b->oncpu, tasks, recorder);
        if (b->fork)
                (void) probe_fork_attach(b->fork, tasks || recorder);
}

void probe_bpf_load_fork(ProbeBpf *b) {
        int r;

        if (b->fork_asked || !b->oncpu)
                return;

        b->fork_asked = true;
        r = probe_fork_new(&b->ns, b->unwind, &b->fork);
        probe_bpf_set_feature(b, PROBE_FEATURE_CHILDREN, r, "loading the programs for forks");
        set_rate(b);
}

static int bpf_watch(void *self, pid_t pid, ProbeUse use) {
        ProbeBpf *b = self;
        int r;

        r = probe_bpf_arm(b, use);
        if (r < 0)
                return r;

        r = probe_unwind_watch(b->unwind, pid, use);
        if (r < 0)
                return r;

        if (use == PROBE_USE_OFF_CPU)
                r = probe_offcpu_watch(b->offcpu, pid);
        if (r < 0)
                probe_unwind_unwatch(b->unwind, pid, use);

        set_rate(b);
        return r;
}

static void bpf_unwatch(void *self, pid_t pid, ProbeUse use) {
        ProbeBpf *b = self;

        if (use == PROBE_USE_OFF_CPU && b->offcpu)
                probe_offcpu_unwatch(b->offcpu, pid);
        probe_unwind_unwatch(b->unwind, pid, use);
        set_rate(b);
}

static int bpf_oncpu_thin(void *self, unsigned every) {
        ProbeBpf *b = self;

        if (every == 0)
                return -ERANGE;

        b->oncpu_every = every;
        if (b->oncpu)
                probe_oncpu_thin_tasks(b->oncpu, every);

        return 0;
}

static int bpf_unwind_add(void *self, const UnwindRows *rows, uint32_t *ret_table) {
        ProbeBpf *b = self;

        return probe_unwind_table_add(b->unwind, rows, ret_table);
}

static void bpf_unwind_remove(void *self, uint32_t table) {
        ProbeBpf *b = self;

        probe_unwind_table_remove(b->unwind, table);
}

static int bpf_unwind_map(void *self, pid_t pid, const ProbeMapping *mappings, size_t n) {
        ProbeBpf *b = self;

        return probe_unwind_process_map(b->unwind, pid, mappings, n);
}

static void bpf_unwind_unmap(void *self, pid_t pid) {
        ProbeBpf *b = self;

        probe_unwind_process_unmap(b->unwind, pid);
}

static int
bpf_python_set(void *self, pid_t pid, const struct cprof_python_offsets *offsets, uint64_t runtime) {
        ProbeBpf *b = self;
        uint32_t index;
        int r;

        if (!offsets) {
                r = probe_unwind_process_python(b->unwind, pid, 0, 0);
                probe_python_unuse(b->python, pid);
                return r;
        }

        if (b->errors[PROBE_FEATURE_PYTHON] < 0)
                return b->errors[PROBE_FEATURE_PYTHON];

        r = probe_python_use(b->python, pid, offsets, &index);
        if (r < 0)
                return r;

        r = probe_unwind_process_python(b->unwind, pid, index, runtime);
        if (r < 0)
                probe_python_unuse(b->python, pid);

        return r;
}

static int bpf_statistics(void *self, bool on) {
        ProbeBpf *b = self;
        int fd;

        if (!on) {
                b->statistics_fd = safe_close(b->statistics_fd);
                return 0;
        }

        if (b->statistics_fd >= 0)
                return 0;

        fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
        if (fd < 0)
                return fd;

        b->statistics_fd = fd;
        return 0;
}

static int bpf_drain(void *self, ProbeSampleFn fn, void *userdata) {
        ProbeBpf *b = self;
        int n, m;

        probe_bpf_load_fork(b);
        n = b->oncpu ? probe_oncpu_read(b->oncpu, fn, userdata) : 0;
        m = b->offcpu ? probe_offcpu_drain(b->offcpu, fn, userdata) : 0;
        return n < 0 ? n : m < 0 ? m : n + m;
}

static int bpf_offcpu_begin(void *self, pid_t pid) {
        ProbeBpf *b = self;

        return b->offcpu ? probe_offcpu_pass(b->offcpu, pid, /* is_begin= */ true) : -ENOENT;
}

static int bpf_offcpu_end(void *self, pid_t pid) {
        ProbeBpf *b = self;

        return b->offcpu ? probe_offcpu_pass(b->offcpu, pid, /* is_begin= */ false) : -ENOENT;
}

static int bpf_offcpu_read(void *self, pid_t pid, ProbeOffcpuFn fn, void *userdata) {
        ProbeBpf *b = self;

        return b->offcpu ? probe_offcpu_totals(b->offcpu, pid, fn, userdata) : 0;
}

static void bpf_offcpu_forget(void *self, pid_t pid) {
        ProbeBpf *b = self;

        if (b->offcpu)
                probe_offcpu_drop(b->offcpu, pid);
}

static int bpf_offcpu_threshold(void *self, uint64_t nsec) {
        ProbeBpf *b = self;

        b->offcpu_threshold_nsec = nsec;
        if (b->offcpu)
                probe_offcpu_set_threshold(b->offcpu, nsec);

        return 0;
}

static int bpf_events_read(void *self, ProbeEventFn fn, void *userdata) {
        ProbeBpf *b = self;
        int r;

        if (b->errors[PROBE_FEATURE_EVENTS] < 0)
                return b->errors[PROBE_FEATURE_EVENTS];

        if (!b->events) {
                r = probe_events_new(&b->events);
                probe_bpf_set_feature(b, PROBE_FEATURE_EVENTS, r, "opening process events");
                if (r < 0)
                        return r;
        }

        return probe_events_pass(b->events, fn, userdata);
}

static void bpf_counters(void *self, ProbeCounters *ret) {
        ProbeBpf *b = self;
        ProbeCounters sum = b->oncpu_before, c = {};

        if (b->oncpu)
                probe_oncpu_counters(b->oncpu, &c);
        probe_bpf_add_counters(&sum, &c);
        if (b->events)
                sum.n_events_lost = probe_events_n_lost(b->events);

        c = (ProbeCounters){};
        if (b->offcpu)
                probe_offcpu_counters(b->offcpu, &c);
        probe_bpf_add_counters(&sum, &c);

        probe_unwind_counters(b->unwind, &sum);
        probe_bpf_http_run_time(b, &sum);
        *ret = sum;
}

const ProbeOps probe_bpf_ops = {
        .free = probe_bpf_free,
        .feature = bpf_feature,
        .tasks_read = bpf_tasks_read,
        .arm = probe_bpf_arm,
        .disarm = probe_bpf_disarm,
        .watch = bpf_watch,
        .unwatch = bpf_unwatch,
        .drain = bpf_drain,
        .events_read = bpf_events_read,
        .offcpu_begin = bpf_offcpu_begin,
        .offcpu_end = bpf_offcpu_end,
        .offcpu_read = bpf_offcpu_read,
        .offcpu_forget = bpf_offcpu_forget,
        .offcpu_threshold = bpf_offcpu_threshold,
        .oncpu_thin = bpf_oncpu_thin,
        .unwind_add = bpf_unwind_add,
        .unwind_remove = bpf_unwind_remove,
        .unwind_map = bpf_unwind_map,
        .unwind_unmap = bpf_unwind_unmap,
        .python_set = bpf_python_set,
        .http_rules_add = probe_bpf_http_rules_add,
        .http_rules_remove = probe_bpf_http_rules_remove,
        .http_watch = probe_bpf_http_watch,
        .http_unwatch = probe_bpf_http_unwatch,
        .http_read = probe_bpf_http_read,
        .http_counters = probe_bpf_http_counters,
        .http_tls_attach = probe_bpf_http_tls_attach,
        .statistics = bpf_statistics,
        .counters = bpf_counters,
};
