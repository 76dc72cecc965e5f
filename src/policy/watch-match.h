/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy.h"
#include "policy/user-names.h"
#include "target/target.h"

/* Whether the policy's globs hold for it: with Scope=process a process of (or below) a matching unit; with
 * Scope=unit a matching unit itself, also a slice. A pattern without '/' matches units of the host's own
 * manager and, for nested ones "OUTER/INNER", those whose OUTER matches; one with '/' matches the whole
 * nested name. Service= is the exact name of the service that it is registered for with SkyWalking; what is
 * not registered has none, and with Scope=process such a policy also matches a unit that is registered as a
 * whole. Slice= matches any slice above (for a process also the one it is in); Exe= the program's
 * path; User= name or number. Each kind of pattern that is given must match. Exe= and User= say nothing
 * about a unit: with Scope=unit such a policy matches none. Patterns are fnmatch(3) without FNM_PATHNAME; a
 * backslash stands for itself, as in escaped unit names.
 *
 * Pure but for the user name look-up. */
bool policy_matches_process(const Policy *p, const Process *process);
bool policy_matches_unit(const Policy *p, const Unit *unit);

/* The same with names remembered in @names (may be NULL); asked only when nothing else decides. */
bool policy_matches_process_named(const Policy *p, const Process *process, UserNames *names);
