/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy.h"

/* A policy in force and how many subjects it watches. */
typedef struct PolicyUse {
        Policy *policy; /* referenced */
        size_t n_subjects;
} PolicyUse;

/* Sorted by name. Zero-initialise. */
typedef struct PolicyUses {
        PolicyUse *uses;
        size_t n_uses;
} PolicyUses;

void policy_uses_done(PolicyUses *u);

/* NULL for none. Borrowed, until one is put or dropped. */
PolicyUse *policy_uses_find(const PolicyUses *u, const char *name);
/* A policy of the same name is replaced and its count stays. -ENOMEM. */
int policy_uses_put(PolicyUses *u, Policy *p, PolicyUse **ret_use);
void policy_uses_drop(PolicyUses *u, PolicyUse *use);
