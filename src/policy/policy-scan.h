/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy-problems.h"
#include "policy/policy-store.h"

#include <dirent.h>

/* What stands in the directories of the search path: names only, no file is opened. */

#define POLICY_NAMES_MAX \
        65536U /* directory entries kept in all; far above POLICIES_MAX, so that name order can decide */

typedef struct PolicyName {
        char *name; /* without suffix */
        PolicySource source;
} PolicyName;

/* By name, then source; for qsort(3). */
int policy_name_compare(const void *a, const void *b);

typedef struct PolicyNames {
        PolicyName *items;
        size_t n;
} PolicyNames;

typedef struct PolicyScan {
        const char *const *directories;       /* borrowed, one per source; NULL: none */
        DIR *dirs[_POLICY_SOURCE_MAX];        /* NULL: missing or unreadable */
        char *unreadable[_POLICY_SOURCE_MAX]; /* the message why */
        PolicyNames files;                    /* NAME.policy; sorted by name, then source */
        PolicyNames dropins;                  /* NAME.policy.d; ditto */
} PolicyScan;

/* Adds messages about unreadable directories and bad names to @problems; these are no errors. Only -ENOMEM
 * is. *scan is to be released in any case. */
int policy_scan(PolicyScan *scan, const char *const *directories, PolicyProblems *problems);
void policy_scan_done(PolicyScan *scan);

/* Adds a name that the scan could not see; policy_scan_sort() must follow. */
int policy_scan_add(PolicyScan *scan, const char *name, PolicySource source);
void policy_scan_sort(PolicyScan *scan);

/* Whether @source has a directory NAME.policy.d. */
bool policy_scan_has_dropins(const PolicyScan *scan, const char *name, PolicySource source);

/* Whether @file is neither hidden nor without @suffix; *ret_length (may be NULL) is its length without the
 * suffix. */
bool policy_file_has_suffix(const char *file, const char *suffix, size_t *ret_length);
