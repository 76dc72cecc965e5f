/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "probe/http-rules.h"

#include <stdbool.h>

/* Rules as a person would match them, and an automaton for the same, made without src/policy/uri-match: the
 * parser's tests are to fail for the parser only. */
typedef struct PathRule {
        const char *path; /* NULL: each request */
        bool is_prefix;
} PathRule;

/* The set of rules that the path of @target has; it ends before '?', '#', blanks and control characters. */
uint64_t path_rules_find(const PathRule *rules, unsigned n, const char *target, size_t length);

/* One automaton, or two with every other rule; free the result by path_rules_free(). */
HttpRules *path_rules_compile(const PathRule *rules, unsigned n, unsigned n_groups);
HttpRules *path_rules_free(HttpRules *r);
DEFINE_CLEANUP(HttpRules *, path_rules_free)
