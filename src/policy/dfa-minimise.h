/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/dfa.h"

/* Replaces *d by the smallest automaton that does the same, with the fewest classes. -E2BIG: the budget is
 * spent. */
int dfa_minimise(Dfa **d, DfaBudget *budget);
