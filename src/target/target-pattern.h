/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "target/target.h"
#include "target/user-names.h"

/* Whom a rule is about, as globs; borrowed. Each list may be NULL or empty: any.
 *
 * Patterns are fnmatch(3) without FNM_PATHNAME; a backslash stands for itself, as in escaped unit names. A
 * unit pattern without '/' matches units of the host's own manager and, for nested ones "OUTER/INNER", those
 * whose OUTER matches; one with '/' matches the whole nested name. A slice pattern matches any slice above
 * (for a process also the one it is in), an exe pattern the program's path, a user pattern name or number.
 * Each kind of pattern that is given must match. Pure but for the user name look-up. */
typedef struct TargetPattern {
        char *const *units, *const *slices, *const *exes, *const *users;
} TargetPattern;

/* A process of or below a matching unit. Names of users are remembered in @names (may be NULL); it is asked
 * only when nothing else decides. */
bool target_pattern_matches_process(const TargetPattern *t, const Process *p, UserNames *names);

/* The unit itself, also a slice. Programs and users say nothing about a unit: with such patterns none
 * matches. */
bool target_pattern_matches_unit(const TargetPattern *t, const Unit *u);

/* The same, but a nested unit must be meant by a pattern with '/': without one it is the unit of the host's
 * own manager that is. */
bool target_pattern_names_unit(const TargetPattern *t, const Unit *u);
