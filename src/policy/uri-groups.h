/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/dfa.h"

/* The rules of one process as few automata. */
typedef struct UriGroups {
        Dfa *dfas[CPROF_HTTP_GROUPS_MAX];
        unsigned n;
        uint64_t all; /* rules that have no automaton, URI_RULE_ALL */
} UriGroups;

/* @n is 1…CPROF_HTTP_RULES_MAX. Errors as of uri_match_new(). With @reasons, an array of @n that are NULL, a
 * rule that is refused is left out instead, and why is put there, to be freed. Whatever is returned, @g is
 * to be given to uri_groups_done(). */
int uri_groups_init(
                UriGroups *g,
                const UriRule *rules,
                size_t n,
                char **reasons,
                size_t *reterr_rule,
                char **reterr_message);
void uri_groups_done(UriGroups *g);
