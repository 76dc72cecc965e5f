/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations behind one set of calls. */
#include "probe/probe.h"

static const char *const feature_names[_PROBE_FEATURE_MAX] = {
        [PROBE_FEATURE_TASK_ITERATOR] = "task-iterator",
        [PROBE_FEATURE_ON_CPU] = "on-cpu",
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

int probe_oncpu_arm(Probe *p) {
        return p->ops->oncpu_arm(p->self);
}

void probe_oncpu_disarm(Probe *p) {
        p->ops->oncpu_disarm(p->self);
}

int probe_oncpu_watch(Probe *p, pid_t pid) {
        return p->ops->oncpu_watch(p->self, pid);
}

void probe_oncpu_unwatch(Probe *p, pid_t pid) {
        p->ops->oncpu_unwatch(p->self, pid);
}

int probe_oncpu_drain(Probe *p, ProbeSampleFn fn, void *userdata) {
        return p->ops->oncpu_drain(p->self, fn, userdata);
}

void probe_counters(Probe *p, ProbeCounters *ret) {
        p->ops->counters(p->self, ret);
}
