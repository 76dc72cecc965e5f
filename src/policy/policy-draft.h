/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy-uri.h"

/* One [Trigger] section while it is being read: keys come in any order, and an empty value takes a key back.
 */
typedef struct TriggerDraft {
        unsigned line; /* of the header; 0 = no section is open */
        unsigned when_line, metric_line, threshold_line, period_line, count_line, uri_line,
                        regex_line; /* 0 = not given */
        PolicyTrigger values;       /* those given, but the threshold and the URI */
        char *threshold;            /* text: what it means depends on the metric, which may come later */
        UriRules paths, regex;      /* paths win */
} TriggerDraft;

void trigger_draft_open(TriggerDraft *d, unsigned line);
void trigger_draft_done(TriggerDraft *d);

/* The key names, NULL-terminated. */
const char *const *trigger_draft_keys(void);

/* Returns -ENOENT for a key of other sections, -EINVAL with *reterr_what, -ENOMEM. */
int trigger_draft_set(
                TriggerDraft *d, unsigned line, const char *key, const char *value, char **reterr_what);

/* Checks the whole and fills in what was not given: one trigger for each path. Returns as above;
 * *reterr_line is the line to blame and *reterr_message names the key, too. The draft is closed in any case.
 * Each trigger is for policy_trigger_done(), and the list for free(). */
int trigger_draft_finish(
                TriggerDraft *d,
                PolicyTrigger **ret_triggers,
                size_t *ret_n,
                unsigned *reterr_line,
                char **reterr_message);
