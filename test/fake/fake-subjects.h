/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy.h"
#include "target/target.h"

/* Units, processes and policies made by hand, for tests of what lies behind the target set. */

/* Plain values: nothing in them is allocated, @name and the rest are borrowed. */
Unit fake_unit(const char *name, Unit *slice);
Process fake_process(pid_t pid, const char *name, Unit *unit);

/* The policy of that text, one reference; a bad text ends the test. */
Policy *fake_policy(const char *name, const char *text);

/* Makes process_cpu_percent() of the next second @percent. */
void fake_process_use_cpu(Process *p, double percent);

/* xorshift64 (Marsaglia 2003); *state starts as anything but 0. */
uint64_t fake_random(uint64_t *state);
unsigned fake_random_below(uint64_t *state, unsigned n);
