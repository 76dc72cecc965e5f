/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "target/identity.h"

/* A [Service] section being read. One bad line in it and it does not count: half a rule would match, and
 * name, what nobody meant. */
typedef struct ServiceDraft {
        ServiceRule rule;
        unsigned line; /* of its header; 0: none is open */
        bool is_bad;
} ServiceDraft;

/* -ENOMEM only. */
int service_draft_open(ServiceDraft *d, const char *path, unsigned line);
void service_draft_done(ServiceDraft *d);

/* -EINVAL with *reterr_what = what is wrong, also for an unknown key; -ENOMEM. */
int service_draft_set(ServiceDraft *d, const char *key, const char *value, char **reterr_what);

/* Adds it to @rules unless it is bad. Errors as above. */
int service_draft_close(ServiceDraft *d, ServiceRules *rules, char **reterr_what);
