/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-policy-private.h"
#include "policy/policy.h"

/* A policy while it is made of what OAP says. Private to oap-policy-format.c and oap-policy-item.c. */
typedef struct OapDraft {
        const char *service;
        OapTarget target;
        const char *type; /* of the item that is being read */
        Policy policy;    /* triggers are ours, the rest is borrowed */
        size_t uris_size;
        char ***refused;
        size_t n_refused, n_more;
} OapDraft;

/* Adds "SERVICE: TARGET TYPE: what" to the list. 0, or -ENOMEM. */
int oap_draft_refuse(OapDraft *d, const char *format, ...) _printf_(2, 3);
/* … ": KEY=VALUE: what" */
int oap_draft_refuse_value(OapDraft *d, const char *key, const char *value, const char *what);

/* The items of the draft's target as triggers; *ret_n is the number of those that made any. */
int oap_draft_add_items(OapDraft *d, const OapServicePolicy *policy, unsigned *ret_n);
