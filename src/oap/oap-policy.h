/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-client.h"
#include "oap/oap-command.h"
#include "oap/oap-registry.h"
#include "policy/policy.h"

/* OAP's policies of our services as files of our own grammar, one for each service and target, in a
 * directory that is one of the policy store's (source "oap"). They are there after a restart without OAP.
 * Conformance items 8 to 14. */
typedef struct OapPolicies OapPolicies;

#define OAP_POLL_USEC (10 * USEC_PER_SEC)
#define OAP_REMOVAL_CONFIRM_USEC \
        (65 * USEC_PER_SEC) /* a uuid of "" counts when it is said again after that */
#define OAP_POLICY_PERIOD_MAX POLICY_PERIOD_SEC_MAX /* longer ones are cut, and said */

typedef struct OapPolicyEvents {
        /* Files changed: the policy store is to be reloaded. */
        void (*changed)(void *userdata);
        void *userdata;
} OapPolicyEvents;

/* @directory_fd: for the files and what is remembered of them ("uuids"); borrowed. Nothing is asked yet. */
int oap_policies_new(
                OapClient *client,
                OapRegistry *registry,
                int directory_fd,
                const OapPolicyEvents *events,
                OapPolicies **ret_policies);
OapPolicies *oap_policies_free(OapPolicies *p);
DEFINE_CLEANUP(OapPolicies *, oap_policies_free)

usec_t oap_policies_step(OapPolicies *p, usec_t now_usec);

/* The file text for one target of one service; pure. Items that make no sense are left out, each one a line
 * of *ret_refused (strv_free()): "shop: ON_CPU PROCESS_CPU: Count=9 is above Period=5". So is what is not
 * followed in full. *ret_text is NULL when none is left. */
int oap_policy_format(
                const OapServicePolicy *policy, OapTarget target, char **ret_text, char ***ret_refused);
/* "oap:on-cpu:shop": a name for policy_name_is_valid(), unique for its service and target. */
int oap_policy_name(const char *service, OapTarget target, char **ret_name);

typedef struct OapPolicyInfo {
        const char *service, *uuid; /* "" is not known yet */
        unsigned n_items, n_refused;
} OapPolicyInfo;
/* Of each service that was asked for; borrowed until the next step. */
size_t oap_policies_list(const OapPolicies *p, const OapPolicyInfo **ret);
uint64_t oap_policies_n_queries(const OapPolicies *p);
