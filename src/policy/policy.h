/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/profile-kind.h"
#include "basic/time-util.h"
#include "monitor/metric.h"

#include <stdbool.h>
#include <stddef.h>

/* One policy: whom to watch, when to act, what to record. Immutable once parsed; shared by reference count. */

#define POLICY_NAME_MAX 128U
#define POLICY_FILE_SIZE_MAX (64U * 1024)
#define POLICY_TRIGGERS_MAX 64U
#define POLICY_PATTERNS_MAX 256U
#define POLICY_PERIOD_SEC_MAX 600U
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
} PolicyTrigger;

typedef struct Policy {
        unsigned n_ref;
        char *name;
        char *description; /* may be NULL */
        char **units, **slices, **exes, **users; /* NULL-terminated globs, never NULL; empty = any */
        unsigned kinds; /* 1 << ProfileKind */
        usec_t duration_usec, silence_usec;
        PolicyScope scope;
        PolicyTrigger *triggers;
        size_t n_triggers; /* ≥ 1 */
} Policy;

Policy *policy_ref(Policy *p);
Policy *policy_unref(Policy *p);
DEFINE_CLEANUP(Policy *, policy_unref)

/* File name without ".policy": letters, digits, ':', '-', '_', '.', '@', '\', not starting with '.', up to POLICY_NAME_MAX. */
bool policy_name_is_valid(const char *name);

/* Same meaning, whatever the spelling: such a reload changes nothing. The description counts. */
bool policy_equal(const Policy *a, const Policy *b);

/* One piece of a policy: the file itself, then its drop-ins in order. */
typedef struct PolicyText {
        const char *path; /* for messages */
        const char *text;
        size_t length;
} PolicyText;

/* Parses the texts in order as one policy (later ones extend; "Key=" resets lists to empty and scalars to the default; a
 * [Trigger] section adds one). Pure. On a bad text returns -EINVAL (-EOPNOTSUPP when it names a metric, profile or URI
 * rule that this build does not have) and *reterr_message = "PATH:LINE: Key=value: what is wrong, did you mean …?", to be
 * freed. -ENOMEM otherwise. */
int policy_parse(const char *name, const PolicyText *texts, size_t n_texts, Policy **ret_policy, char **reterr_message);

/* The short form of a trigger: "process-cpu >= 80% for 5 of 10s" ("for 5 of 10s" may be "for 10s" = every second). Used
 * by When= in a [Trigger] section, cprofctl --when and listings. -EINVAL/-EOPNOTSUPP with a message as above but
 * without path and line. */
int policy_trigger_parse(const char *text, PolicyTrigger *ret, char **reterr_message);
int policy_trigger_format(const PolicyTrigger *t, char **ret_text);

/* The canonical text of a policy: parses to an equal one. */
int policy_format(const Policy *p, char **ret_text);
