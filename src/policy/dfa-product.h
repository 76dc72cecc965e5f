/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/dfa.h"

/* Both at once: accepts what @a and @b accept. Of two minimal automata of different rules it is minimal:
 * states that differ, differ in one of the two, and its rules tell. -E2BIG: it has more than URI_STATES_MAX
 * states or URI_TRANSITIONS_MAX transitions, or the budget is spent. */
int dfa_product(const Dfa *a, const Dfa *b, DfaBudget *budget, Dfa **ret_dfa);
