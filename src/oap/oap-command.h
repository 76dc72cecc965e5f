/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What OAP answers: Commands messages whose arguments are texts, some of them JSON. Pure; foreign bytes.
 * Source: apache/skywalking 9.5 … 10.x,
 * oap-server/server-library/library-…/network/trace/component/command/. */

#define OAP_COMMANDS_BYTES_MAX (8U * 1024 * 1024) /* of one answer; larger ones are refused */
#define OAP_COMMANDS_MAX 4096U
#define OAP_ID_MAX 512U /* bytes of a task's, process's or policy's id */
#define OAP_SERVICES_MAX 4096U
#define OAP_ITEMS_MAX 64U /* of one target of one service */
#define OAP_URIS_MAX 256U /* of one item */

typedef enum OapTarget {
        OAP_TARGET_ON_CPU,
        OAP_TARGET_OFF_CPU,
        OAP_TARGET_NETWORK,
        _OAP_TARGET_MAX,
        _OAP_TARGET_INVALID = -EINVAL,
} OapTarget;
const char *oap_target_to_string(OapTarget t); /* "ON_CPU" */
OapTarget oap_target_from_string(const char *name);

/* One check item as it was sent; whether its numbers make sense is asked elsewhere. */
typedef struct OapCheckItem {
        OapTarget target;
        char *type;      /* "PROCESS_CPU" */
        char *threshold; /* decimal text; "" when it was none */
        int64_t period_sec, count;
        char **uris;     /* NULL-terminated; NULL or empty: none */
        char *uri_regex; /* NULL: none */
} OapCheckItem;

/* All that OAP says of one service: takes the place of what was said before; no items: there is no policy.
 */
typedef struct OapServicePolicy {
        char *service;
        char *uuid; /* "" is said of a service whose policy is gone */
        OapCheckItem *items;
        size_t n_items;
        size_t n_refused; /* items that could not be read */
} OapServicePolicy;

typedef struct OapServicePolicies {
        OapServicePolicy *policies;
        size_t n_policies;
        size_t n_refused; /* services that could not be read */
} OapServicePolicies;

void oap_service_policies_done(OapServicePolicies *p);

/* A task that an operator asked for, for one process. */
typedef struct OapTask {
        char *task_id, *process_id; /* of NETWORK: several ids, joined by ',' */
        OapTarget target;           /* _OAP_TARGET_INVALID: one that is not known, named @target_text */
        char *target_text;
        bool is_fixed_time;
        int64_t update_ms, start_ms; /* since 1970, OAP's clock */
        int64_t duration_sec;
} OapTask;

typedef struct OapTasks {
        OapTask *tasks;
        size_t n_tasks;
        size_t n_refused; /* commands that could not be read */
        size_t n_unknown; /* commands of other names */
} OapTasks;

void oap_tasks_done(OapTasks *t);

/* The answer of queryPolicies. Without such a command: no policies. -EBADMSG: not a message, or its JSON is
 * not one; -E2BIG beyond the limits above; *reterr_message, to be freed, says what. */
int oap_command_policies(const void *message, size_t size, OapServicePolicies *ret, char **reterr_message);

/* The answer of reportProfilingTask: the id, to be freed. -EBADMSG, -E2BIG. */
int oap_command_task_id(const void *message, size_t size, char **ret_id, char **reterr_message);

/* The answer of queryTasks. -EBADMSG, -E2BIG. */
int oap_command_tasks(const void *message, size_t size, OapTasks *ret, char **reterr_message);
