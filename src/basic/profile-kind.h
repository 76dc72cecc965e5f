/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>

/* What a task records; it can record several kinds at the same time. */
typedef enum ProfileKind {
        PROFILE_KIND_ON_CPU,  /* where threads run */
        PROFILE_KIND_OFF_CPU, /* where threads wait */
        _PROFILE_KIND_MAX,
        _PROFILE_KIND_INVALID = -EINVAL,
} ProfileKind;

/* A set of kinds. */
typedef unsigned ProfileKinds;
#define PROFILE_KIND_BIT(k) (1U << (k))
#define PROFILE_KINDS_ALL (PROFILE_KIND_BIT(_PROFILE_KIND_MAX) - 1)
#define PROFILE_KINDS_TEXT_MAX 32U /* with NUL */

const char *profile_kind_to_string(ProfileKind kind);

/* Returns -EOPNOTSUPP for a kind that this build does not have ("network"), -EINVAL for no kind at all. */
int profile_kind_from_string(const char *name);

/* "on-cpu off-cpu" in @buf, which is returned; "" for none. */
const char *profile_kinds_to_string(ProfileKinds kinds, char buf[static PROFILE_KINDS_TEXT_MAX]);

/* A list separated by blanks, one at least, in any order. Errors as profile_kind_from_string(). */
int profile_kinds_from_string(const char *text, ProfileKinds *ret_kinds);

/* NULL-terminated list of the names this build has, for "did you mean". */
const char *const *profile_kind_names(void);
