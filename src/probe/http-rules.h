/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-http.h"

#include <stddef.h>
#include <stdint.h>

/* What src/policy/uri-match makes of a list of URI rules and the kernel matches with. */

/* A deterministic automaton over the bytes of a URI. States are multiples of n_classes. */
typedef struct HttpAutomaton {
        uint32_t n_states, n_classes, n_accepts;
        uint32_t start;       /* a state; with CPROF_HTTP_ABSORBING when it is that */
        uint8_t classes[256]; /* byte -> class; 0 = the URI ends before it */
        uint32_t *next;       /* n_states * n_classes; next[state] is the index of its rule set in @accepts,
                               * next[state + class] the following state, with CPROF_HTTP_ABSORBING if it is that
                               */
        uint64_t *accepts;    /* sets of rules: 1 << rule number */
} HttpAutomaton;

/* The rules of one process. */
typedef struct HttpRules {
        unsigned n_rules; /* 1…CPROF_HTTP_RULES_MAX */
        uint64_t all;     /* rules that have no URI */
        unsigned n_groups;
        HttpAutomaton groups[CPROF_HTTP_GROUPS_MAX];
} HttpRules;
