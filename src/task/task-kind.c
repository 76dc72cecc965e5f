/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task-kind.h"

ProbeFeature task_kind_feature(ProfileKind kind) {
        static const ProbeFeature features[_PROFILE_KIND_MAX] = {
                [PROFILE_KIND_ON_CPU] = PROBE_FEATURE_ON_CPU,
                [PROFILE_KIND_OFF_CPU] = PROBE_FEATURE_OFF_CPU,
        };

        assert(kind >= 0 && kind < _PROFILE_KIND_MAX);

        return features[kind];
}

ProbeUse task_kind_use(ProfileKind kind) {
        static const ProbeUse uses[_PROFILE_KIND_MAX] = {
                [PROFILE_KIND_ON_CPU] = PROBE_USE_ON_CPU,
                [PROFILE_KIND_OFF_CPU] = PROBE_USE_OFF_CPU,
        };

        assert(kind >= 0 && kind < _PROFILE_KIND_MAX);

        return uses[kind];
}

ProfileKinds task_kinds_possible(Probe *p, ProfileKinds kinds, const char **ret_reason) {
        const char *first = NULL;

        assert(p);

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++) {
                const char *reason = NULL;

                if (!(kinds & PROFILE_KIND_BIT(k)) || probe_feature(p, task_kind_feature(k), &reason) >= 0)
                        continue;

                kinds &= ~PROFILE_KIND_BIT(k);
                if (!first)
                        first = reason ?: "not available";
        }

        if (ret_reason)
                *ret_reason = first;
        return kinds;
}
