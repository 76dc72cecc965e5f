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

static const ProbeOps none_ops = {
        .free = none_free,
        .feature = none_feature,
        .tasks_read = none_tasks_read,
};

int probe_new(const ProbeConfig *config, Probe **ret_probe) {
        Probe *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;

        p->ops = &none_ops;
        *ret_probe = p;
        return 0;
}
