/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define FLAG_VALUES_MAX 64U /* of one option */

/* What the bus takes at most; the daemon has the same limit for files. */
#define POLICY_TEXT_SIZE_MAX (64U * 1024U)

typedef struct FlagValues {
        const char *values[FLAG_VALUES_MAX];
        size_t n;
} FlagValues;

/* A policy as options of the command line. */
typedef struct PolicyFlags {
        const char *description, *duration, *silence, *scope; /* NULL = not given */
        FlagValues units, slices, exes, users, services, profiles, whens;
} PolicyFlags;

/* -E2BIG above the limit. */
int flag_values_add(FlagValues *v, const char *value);

/* The text of a policy file: one [Policy] section, one [Trigger] with a When= line per --when. Units without
 * a suffix become services. What the values mean is for the daemon to judge; here only what cannot be
 * written as one line of a policy file is refused: -EINVAL with *reterr_message, to be freed. */
int policy_text_compose(const PolicyFlags *f, char **ret_text, char **reterr_message);

/* "dir/web.policy" -> "web". -EINVAL when nothing is left. */
int policy_name_from_path(const char *path, char **ret_name);
