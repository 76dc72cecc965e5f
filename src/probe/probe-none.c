/* SPDX-License-Identifier: Apache-2.0 */
/* The probe of a build without BPF: every feature is missing and says so. */
#include "probe/probe.h"

static void none_free(void *self) {
}

static int none_feature(void *self, ProbeFeature feature, const char **ret_reason) {
        *ret_reason = "this build has no BPF (-Dbpf=disabled)";
        return -EOPNOTSUPP;
}

static int none_tasks_read(void *self, ProbeTaskFn fn, void *userdata) {
        return -EOPNOTSUPP;
}

static int none_oncpu_arm(void *self) {
        return -EOPNOTSUPP;
}

static void none_oncpu_disarm(void *self) {
}

static int none_oncpu_watch(void *self, pid_t pid) {
        return -EOPNOTSUPP;
}

static void none_oncpu_unwatch(void *self, pid_t pid) {
}

static int none_oncpu_drain(void *self, ProbeSampleFn fn, void *userdata) {
        return 0;
}

static void none_counters(void *self, ProbeCounters *ret) {
        *ret = (ProbeCounters){};
}

static const ProbeOps none_ops = {
        .free = none_free,
        .feature = none_feature,
        .tasks_read = none_tasks_read,
        .oncpu_arm = none_oncpu_arm,
        .oncpu_disarm = none_oncpu_disarm,
        .oncpu_watch = none_oncpu_watch,
        .oncpu_unwatch = none_oncpu_unwatch,
        .oncpu_drain = none_oncpu_drain,
        .counters = none_counters,
};

int probe_new(const ProbeConfig *config, Probe **ret_probe) {
        Probe *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;

        p->ops = &none_ops;
        *ret_probe = p;
        return 0;
}
