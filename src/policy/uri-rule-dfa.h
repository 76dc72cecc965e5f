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

/* The same of several rules that are URI_RULE_EXACT and have been checked. -E2BIG: too many, or too long. */
int uri_paths_dfa(
                const char *const *paths,
                const uint64_t *accepts,
                size_t n,
                DfaBudget *budget,
                Dfa **ret_dfa);

/* Whether @rule, which is URI_RULE_EXACT, can be the path of a request. Errors as of uri_match_new(). */
int uri_path_check(const UriRule *rule, char **reterr_message);
