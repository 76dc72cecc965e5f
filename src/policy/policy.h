/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/profile-kind.h"
#include "basic/time-util.h"
#include "monitor/metric.h"
#include "monitor/uri-rule.h"

#include <stdbool.h>
#include <stddef.h>

/* One policy: whom to watch, when to act, what to record. Immutable once parsed, shared by reference count.
 */

#define POLICY_NAME_MAX 128U
#define POLICY_FILE_SIZE_MAX (64U * 1024)
#define POLICY_DROPINS_MAX 64U
#define POLICY_TRIGGERS_MAX 64U
#define POLICY_PATTERNS_MAX 256U     /* of each kind */
#define POLICY_DESCRIPTION_MAX 1024U /* bytes */
/* Of all kinds together, so that policy_format()'s text fits into a file again. */
#define POLICY_PATTERNS_SIZE_MAX (32U * 1024)
#define POLICY_URIS_SIZE_MAX (14U * 1024) /* of all triggers together, ditto */
#define POLICY_PERIOD_SEC_MAX 600U
#define POLICY_PERIOD_SEC_DEFAULT 10U
/* When neither Period= nor Count= is given. With Period= alone it is the whole period. */
#define POLICY_COUNT_DEFAULT 5U
#define POLICY_DURATION_DEFAULT (10 * USEC_PER_MINUTE)
#define POLICY_DURATION_MIN USEC_PER_SEC
#define POLICY_DURATION_MAX USEC_PER_HOUR
#define POLICY_SILENCE_DEFAULT (20 * USEC_PER_MINUTE)
#define POLICY_SILENCE_MAX (30 * USEC_PER_DAY)

typedef enum PolicyScope {
        POLICY_SCOPE_PROCESS,
        POLICY_SCOPE_UNIT,
        _POLICY_SCOPE_MAX,
        _POLICY_SCOPE_INVALID = -EINVAL,
} PolicyScope;
const char *policy_scope_to_string(PolicyScope s);
int policy_scope_from_string(const char *name);

typedef struct PolicyTrigger {
        Metric metric;
        double threshold;
        unsigned period_sec; /* 1…POLICY_PERIOD_SEC_MAX */
        unsigned count;      /* 1…period_sec */
        UriRule uri; /* of HTTP metrics; URI_RULE_ALL for others. Several exact URIs in one section of
                      * a file are as many triggers: each has its own window and cause */
} PolicyTrigger;

/* Frees what it owns. */
void policy_trigger_done(PolicyTrigger *t);
bool policy_trigger_equal(const PolicyTrigger *a, const PolicyTrigger *b);

typedef struct Policy {
        unsigned n_ref;
        char *name;
        char *description;                       /* may be NULL */
        char **units, **slices, **exes, **users; /* NULL-terminated globs, never NULL; empty = any */
        char **services;                         /* ditto, but exact names of SkyWalking's services */
        unsigned kinds;                          /* 1 << ProfileKind */
        usec_t duration_usec, silence_usec;
        PolicyScope scope;
        PolicyTrigger *triggers;
        size_t n_triggers; /* ≥ 1 */
} Policy;

Policy *policy_ref(Policy *p);
Policy *policy_unref(Policy *p);
DEFINE_CLEANUP(Policy *, policy_unref)

/* Frees all of its triggers; for policies that are being built. */
void policy_drop_triggers(Policy *p);

/* File name without ".policy": letters, digits, ':', '-', '_', '.', '@', '\', not starting with '.', up to
 * POLICY_NAME_MAX. */
bool policy_name_is_valid(const char *name);

/* Same meaning, whatever the spelling and order: such a reload changes nothing. The description counts. */
bool policy_equal(const Policy *a, const Policy *b);

/* One piece of a policy: the file itself, then its drop-ins in order. */
typedef struct PolicyText {
        const char *path; /* for messages */
        const char *text;
        size_t length;
} PolicyText;

/* Parses the texts in order as one policy (later ones extend; "Key=" resets lists to empty and scalars to
 * the default; a [Trigger] section adds one for each path of URI=, "Triggers=" in [Policy] drops those so
 * far). The grammar:
 *
 *   [Policy]  Description=TEXT   Unit= Slice= Exe= User=GLOB…   Service=NAME…   Profile=on-cpu off-cpu
 *             Duration= Silence=TIMESPAN   Scope=process|unit   Triggers=
 *   [Trigger] Metric=NAME Threshold=VALUE Period=TIMESPAN Count=N URI=PATH… URIRegex=RE, or When=, see
 *             policy_trigger_parse()
 *
 * At least one of Unit=, Slice=, Exe=, User=, Service= and one [Trigger] are needed. Lists hold several
 * words, without blanks inside (but see policy-service.h), and may be repeated. Units are completed as
 * systemctl does ("nginx" is nginx.service; nested "OUTER/INNER" too). In globs a backslash is an ordinary
 * character. Period=10s and Count=5 when neither is given; Count= is the whole period when only Period= is.
 * Only HTTP metrics have URIs; URI= is for whole paths and wins over URIRegex=. Metrics of units only need
 * Scope=unit.
 *
 * Pure. On a bad text returns -EINVAL (-EOPNOTSUPP when it names a profile that this build does not have)
 * and *reterr_message = "PATH:LINE: Key=value: what is wrong, did you mean …?", to be freed. -ENOMEM
 * otherwise.
 * @reterr_message may be NULL. */
int policy_parse(
                const char *name,
                const PolicyText *texts,
                size_t n_texts,
                Policy **ret_policy,
                char **reterr_message);

/* The short form of a trigger: "process-cpu >= 80% for 5 of 10s"; "for 10s" is every second of the ten,
 * without "for" it is 5 of 10s; of HTTP metrics also "… on /path", or "… matching RE" up to the end of the
 * text. Used by When= in a [Trigger] section, where "on" may have several paths, cprofctl --when and
 * listings. *@ret is for policy_trigger_done().
 * -EINVAL with a message as above but without path and line: "proces-cpu: unknown metric, did
 * you mean process-cpu?". */
int policy_trigger_parse(const char *text, PolicyTrigger *ret, char **reterr_message);
int policy_trigger_format(const PolicyTrigger *t, char **ret_text);

/* The canonical text of a policy: parses to an equal one, and is no longer than POLICY_FILE_SIZE_MAX. */
int policy_format(const Policy *p, char **ret_text);
