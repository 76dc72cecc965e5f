/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations behind one set of calls; what a probe does not have is not supported. */
#include "probe/probe.h"

static const char *const feature_names[_PROBE_FEATURE_MAX] = {
        [PROBE_FEATURE_TASK_ITERATOR] = "task-iterator",
        [PROBE_FEATURE_ON_CPU] = "on-cpu",
        [PROBE_FEATURE_UNWIND] = "unwind-tables",
        [PROBE_FEATURE_OFF_CPU] = "off-cpu",
        [PROBE_FEATURE_THREAD_DUMP] = "thread-dump",
        [PROBE_FEATURE_EVENTS] = "process-events",
        [PROBE_FEATURE_PYTHON] = "python",
        [PROBE_FEATURE_CHILDREN] = "children",
        [PROBE_FEATURE_HTTP] = "http",
        [PROBE_FEATURE_HTTP_TLS] = "http-tls",
};

const char *probe_feature_to_string(ProbeFeature f) {
        if (f < 0 || f >= _PROBE_FEATURE_MAX)
                return NULL;

        return feature_names[f];
}

Probe *probe_free(Probe *p) {
        if (!p)
                return NULL;

        p->ops->free(p->self);
        free(p);
        return NULL;
}

int probe_feature(Probe *p, ProbeFeature feature, const char **ret_reason) {
        const char *reason = NULL;
        int r;

        r = p->ops->feature(p->self, feature, &reason);
        if (ret_reason)
                *ret_reason = reason;

        return r;
}

int probe_tasks_read(Probe *p, ProbeTaskFn fn, void *userdata) {
        return p->ops->tasks_read(p->self, fn, userdata);
}

int probe_arm(Probe *p, ProbeUse use) {
        return p->ops->arm ? p->ops->arm(p->self, use) : -EOPNOTSUPP;
}

void probe_disarm(Probe *p, ProbeUse use) {
        if (p->ops->disarm)
                p->ops->disarm(p->self, use);
}

int probe_watch(Probe *p, pid_t pid, ProbeUse use) {
        return p->ops->watch ? p->ops->watch(p->self, pid, use) : -EOPNOTSUPP;
}

void probe_unwatch(Probe *p, pid_t pid, ProbeUse use) {
        if (p->ops->unwatch)
                p->ops->unwatch(p->self, pid, use);
}

int probe_drain(Probe *p, ProbeSampleFn fn, void *userdata) {
        return p->ops->drain ? p->ops->drain(p->self, fn, userdata) : -EOPNOTSUPP;
}

int probe_oncpu_thin(Probe *p, unsigned every) {
        return p->ops->oncpu_thin ? p->ops->oncpu_thin(p->self, every) : -EOPNOTSUPP;
}

int probe_offcpu_begin(Probe *p, pid_t pid) {
        return p->ops->offcpu_begin ? p->ops->offcpu_begin(p->self, pid) : -EOPNOTSUPP;
}

int probe_offcpu_end(Probe *p, pid_t pid) {
        return p->ops->offcpu_end ? p->ops->offcpu_end(p->self, pid) : -EOPNOTSUPP;
}

int probe_offcpu_read(Probe *p, pid_t pid, ProbeOffcpuFn fn, void *userdata) {
        return p->ops->offcpu_read ? p->ops->offcpu_read(p->self, pid, fn, userdata) : -EOPNOTSUPP;
}

void probe_offcpu_forget(Probe *p, pid_t pid) {
        if (p->ops->offcpu_forget)
                p->ops->offcpu_forget(p->self, pid);
}

int probe_offcpu_threshold(Probe *p, uint64_t nsec) {
        return p->ops->offcpu_threshold ? p->ops->offcpu_threshold(p->self, nsec) : -EOPNOTSUPP;
}

int probe_unwind_add(Probe *p, const UnwindRows *rows, uint32_t *ret_table) {
        return p->ops->unwind_add ? p->ops->unwind_add(p->self, rows, ret_table) : -EOPNOTSUPP;
}

void probe_unwind_remove(Probe *p, uint32_t table) {
        if (p->ops->unwind_remove)
                p->ops->unwind_remove(p->self, table);
}

int probe_unwind_map(Probe *p, pid_t pid, const ProbeMapping *mappings, size_t n) {
        return p->ops->unwind_map ? p->ops->unwind_map(p->self, pid, mappings, n) : -EOPNOTSUPP;
}

void probe_unwind_unmap(Probe *p, pid_t pid) {
        if (p->ops->unwind_unmap)
                p->ops->unwind_unmap(p->self, pid);
}

int probe_python_set(Probe *p, pid_t pid, const struct cprof_python_offsets *offsets, uint64_t runtime) {
        return p->ops->python_set ? p->ops->python_set(p->self, pid, offsets, runtime) : -EOPNOTSUPP;
}

int probe_events_read(Probe *p, ProbeEventFn fn, void *userdata) {
        return p->ops->events_read ? p->ops->events_read(p->self, fn, userdata) : -EOPNOTSUPP;
}

int probe_statistics(Probe *p, bool on) {
        return p->ops->statistics ? p->ops->statistics(p->self, on) : -EOPNOTSUPP;
}

void probe_counters(Probe *p, ProbeCounters *ret) {
        *ret = (ProbeCounters){};
        if (p->ops->counters)
                p->ops->counters(p->self, ret);
}
