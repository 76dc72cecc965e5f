/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy-uri.h"

/* The values of a trigger, for the short form as for the keys of a [Trigger] section. All return -EINVAL
 * with *reterr_what = what is wrong with the value, without the value itself; -ENOMEM. */
int policy_parse_metric(const char *text, Metric *ret, char **reterr_what);
int policy_parse_threshold(Metric m, const char *text, double *ret, char **reterr_what);
int policy_parse_period(const char *text, unsigned *ret_sec, char **reterr_what);
int policy_parse_count(const char *text, unsigned *ret, char **reterr_what);

#define POLICY_NO_URI "%s is not about requests, only http- metrics have URIs"

/* The short form, of any number of paths: the rules it has are put into @uris, which has none. Returns as
 * policy_trigger_parse(). */
int policy_parse_when(const char *text, PolicyTrigger *ret, UriRules *uris, char **reterr_message);
