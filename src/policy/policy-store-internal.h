/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy-problems.h"
#include "policy/policy-store.h"

/* What the files of the store share: policy-store.c owns it, policy-reload.c fills it, policy-write.c
 * changes its files. */
struct PolicyStore {
        char *directories[_POLICY_SOURCE_MAX]; /* NULL: not searched */
        PolicyEntry *entries;                  /* sorted by name */
        PolicyProblems problems;
        char *no_problems[1]; /* what an empty list looks like */
        PolicyChangeFn fn;
        void *userdata;
};

void policy_entry_free(PolicyEntry *e);
DEFINE_CLEANUP(PolicyEntry *, policy_entry_free)
