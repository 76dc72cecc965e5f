/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "monitor/uri-rule.h"
#include "probe/http-rules.h"

#include <stddef.h>

/* URI rules -> automata that the kernel walks. Pure.
 *
 * Regular expressions are those of RE2 (https://github.com/google/re2/wiki/Syntax) over bytes, as far as one
 * pass without memory can tell: literals, '.', classes with ranges and negation, \d \w \s \D \W \S, \x41
 * \x{41}, [[:alpha:]], groups (also (?:…), (?P<name>…)), | * + ? {m} {m,} {m,n} and their lazy forms, ^ $ \A
 * \z anywhere, \b \B, (?i) (?s) (?m) (?U) and their groups, \Q…\E, UTF-8 characters. Everything else is
 * refused with its name and column, never matched otherwise. */

#define URI_PATTERN_MAX 1024U      /* bytes */
#define URI_STATES_MAX 2048U       /* of one automaton */
#define URI_TRANSITIONS_MAX 65536U /* of one automaton: 256 KiB */

typedef struct UriMatch UriMatch;

/* Rule numbers are indexes of @rules, 1…CPROF_HTTP_RULES_MAX of them. When the product of all is too large,
 * rules are put into up to CPROF_HTTP_GROUPS_MAX automata. -EINVAL: a pattern is refused, -E2BIG: they need
 * too many states; *reterr_rule is the number of the (last) rule and *reterr_message, to be freed, says what
 * and at which column: "column 7: '(?=' (lookahead) is not supported". Both may be NULL. */
int uri_match_new(
                const UriRule *rules,
                size_t n,
                UriMatch **ret_match,
                size_t *reterr_rule,
                char **reterr_message);
UriMatch *uri_match_free(UriMatch *m);
DEFINE_CLEANUP(UriMatch *, uri_match_free)

/* Borrowed. */
const HttpRules *uri_match_rules(const UriMatch *m);

/* The set of rules that @target, a request target as it stands in a request line, is matched by: what the
 * kernel does, for tests and for `cprofctl`. */
uint64_t uri_match_find(const UriMatch *m, const char *target, size_t length);

/* Which of @rules uri_match_new() takes together, found in one pass: reasons[i], NULL before, is why number
 * i is to be left out, to be freed. Takes no longer than uri_match_new(). */
int uri_rules_select(const UriRule *rules, size_t n, char **reasons);

/* Whether one rule can be compiled alone; the policy parser asks this. Errors as above. */
int uri_rule_check(const UriRule *rule, char **reterr_message);
