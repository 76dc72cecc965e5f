/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/dfa.h"

/* The minimal automaton of one rule that is not URI_RULE_ALL, whose states accept @accept or nothing. Errors
 * as of uri_match_new(). */
int uri_rule_dfa(
                const UriRule *rule,
                uint64_t accept,
                DfaBudget *budget,
                Dfa **ret_dfa,
                char **reterr_message);
