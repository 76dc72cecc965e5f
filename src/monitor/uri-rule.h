/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* Which requests a rule is about. The path is the request target up to its query or fragment; of an absolute
 * target ("http://host/path") what stands behind the host. Nothing is decoded. */
typedef enum UriRuleKind {
        URI_RULE_ALL,   /* every request; text is NULL */
        URI_RULE_EXACT, /* the path is this */
        URI_RULE_REGEX, /* RE2 syntax, found anywhere in the path unless anchored */
} UriRuleKind;

typedef struct UriRule {
        UriRuleKind kind;
        char *text; /* owned by whoever the rule is part of */
} UriRule;

bool uri_rule_equal(const UriRule *a, const UriRule *b);
