/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy.h"
#include "target/target.h"
#include "target/user-names.h"

/* Whether the policy's globs hold for it, see target/target-pattern.h: with Scope=process a process of (or
 * below) a matching unit; with Scope=unit a matching unit itself, also a slice. Service= is the exact name
 * of the service that it is registered for with SkyWalking; what is not registered has none, and with
 * Scope=process such a policy also matches a unit that is registered as a whole.
 *
 * Pure but for the user name look-up. */
bool policy_matches_process(const Policy *p, const Process *process);
bool policy_matches_unit(const Policy *p, const Unit *unit);

/* The same with names remembered in @names (may be NULL); asked only when nothing else decides. */
bool policy_matches_process_named(const Policy *p, const Process *process, UserNames *names);
