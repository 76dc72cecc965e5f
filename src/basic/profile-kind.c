/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/profile-kind.h"

#include "basic/cleanup.h"

#include <string.h>

static const char *const names[] = {
        [PROFILE_KIND_ON_CPU] = "on-cpu",
        [_PROFILE_KIND_MAX] = NULL,
};

static const char *const names_elsewhere[] = { "off-cpu", "network" };

const char *profile_kind_to_string(ProfileKind kind) {
        if (kind < 0 || kind >= _PROFILE_KIND_MAX)
                return NULL;

        return names[kind];
}

int profile_kind_from_string(const char *name) {
        for (int i = 0; i < _PROFILE_KIND_MAX; i++)
                if (strcmp(names[i], name) == 0)
                        return i;

        for (size_t i = 0; i < ELEMENTSOF(names_elsewhere); i++)
                if (strcmp(names_elsewhere[i], name) == 0)
                        return -EOPNOTSUPP;

        return -EINVAL;
}

const char *const *profile_kind_names(void) {
        return names;
}
