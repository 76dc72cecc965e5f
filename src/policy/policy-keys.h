/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy.h"

/* The keys of the [Policy] section. */

/* Their names, NULL-terminated. */
const char *const *policy_keys(void);

/* Applies one assignment to a policy that is being built; an empty value resets. @p->kinds is 0 for the
 * default. Returns -ENOENT for a key of other sections, -EINVAL or -EOPNOTSUPP with *reterr_what = what is
 * wrong, -ENOMEM. */
int policy_key_set(Policy *p, const char *key, const char *value, char **reterr_what);
