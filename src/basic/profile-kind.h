/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>

/* What a task records. */
typedef enum ProfileKind {
        PROFILE_KIND_ON_CPU,
        _PROFILE_KIND_MAX,
        _PROFILE_KIND_INVALID = -EINVAL,
} ProfileKind;

const char *profile_kind_to_string(ProfileKind kind);

/* Returns -EOPNOTSUPP for a kind that this build does not have ("off-cpu", "network"), -EINVAL for no kind
 * at all. */
int profile_kind_from_string(const char *name);

/* NULL-terminated list of the names this build has, for "did you mean". */
const char *const *profile_kind_names(void);
