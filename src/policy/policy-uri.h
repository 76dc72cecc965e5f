/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy.h"

/* URI rules as texts have them: "/api/orders /api/pay", or one regular expression. All that can be refused
 * return -EINVAL with *reterr_what = what is wrong with the value, or -ENOMEM. */

/* Zero-initialise. */
typedef struct UriRules {
        UriRule *rules; /* their texts are owned */
        size_t n;
} UriRules;

void uri_rules_done(UriRules *u);

/* Adds the paths in @value, separated by blanks, that are not in it yet. */
int uri_rules_add_paths(UriRules *u, const char *value, char **reterr_what);
/* Makes it this one rule. */
int uri_rules_set_regex(UriRules *u, const char *value, char **reterr_what);

/* One trigger for each rule of @u, which is emptied, or one for all requests: @values with that rule. Each
 * is for policy_trigger_done(), and the list for free(). -ENOMEM. */
int uri_rules_to_triggers(
                UriRules *u, const PolicyTrigger *values, PolicyTrigger **ret_triggers, size_t *ret_n);

/* Whether the kernel can have all rules of the policy at once. *@reterr_what names the rule. */
int policy_check_uris(const Policy *p, char **reterr_what);
