/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/dfa.h"
#include "policy/regex-nfa.h"

/* The deterministic automaton of @nfa (subset construction); its states accept @accept or nothing. -E2BIG:
 * it would be too large, or take too long to make. */
int dfa_build(const Nfa *nfa, uint64_t accept, DfaBudget *budget, Dfa **ret_dfa);
