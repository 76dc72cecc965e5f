/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "monitor/metric.h"
#include "monitor/uri-rule.h"
#include "oap/oap-command.h"

#include <stdbool.h>
#include <stdint.h>

/* What we say to OAP, as bytes of its messages (proto/skywalking.proto). Pure. All texts go out as valid
 * UTF-8 without NUL, whatever they are here: OAP throws a message away for one bad byte. Everything returns
 * -ENOMEM or what is stated. */

#define OAP_MESSAGE_MAX (1024U * 1024) /* bytes; below every server's limit, 4 MiB */
#define OAP_CAUSES_MAX \
        6U /* of one report: the seventh loses the task on JDBC storages, though it has an id */

typedef struct OapBytes {
        uint8_t *data;
        size_t size;
} OapBytes;
void oap_bytes_done(OapBytes *b);

/* Who a process is to SkyWalking. Borrowed texts. */
typedef struct OapEntity {
        const char *layer, *service, *instance, *process;
} OapEntity;

typedef struct OapProcess {
        OapEntity entity;
        int32_t pid;
        const char *const *properties; /* key, value, …, NULL */
} OapProcess;

int oap_encode_processes(const char *agent, const OapProcess *processes, size_t n, OapBytes *ret);
/* With what tells that it can be profiled, in each of them. */
int oap_encode_keep_alive(const char *agent, const OapProcess *processes, size_t n, OapBytes *ret);

/* Services with the uuid known of each; "" for none. */
int oap_encode_policy_query(const char *const *services, const char *const *uuids, size_t n, OapBytes *ret);

typedef struct OapCause {
        Metric metric;      /* one of those that OAP has; others are left out */
        const UriRule *uri; /* of HTTP metrics */
        double threshold, value;
} OapCause;

/* The first OAP_CAUSES_MAX of @causes that OAP knows. -EINVAL: none is, or @target is not one. */
int oap_encode_report(
                const OapEntity *entity,
                OapTarget target,
                const OapCause *causes,
                size_t n,
                int32_t duration_sec,
                OapBytes *ret);
bool oap_metric_is_known(Metric m);
/* "rover_con_p_process_cpu"; NULL: OAP has none for it. */
const char *oap_meter_name(Metric m);

int oap_encode_task_query(const char *agent, int64_t since_ms, OapBytes *ret);

/* Values of one instance of one service, all at the same time. NAN and infinite ones are left out. A URI
 * rule is shown as its text, that of all requests as OAP_URI_LABEL_ALL; '|' and ',', which OAP cannot keep,
 * become
 * '_' and a digest of the text follows, so that texts that differ are shown as texts that differ. */
#define OAP_URI_LABEL_ALL "global"
typedef struct OapMeter {
        Metric metric;
        const char *process, *layer;
        const UriRule *uri; /* of HTTP metrics */
        double value;
} OapMeter;
int oap_encode_meters(
                const char *service,
                const char *instance,
                int64_t at_ms,
                const OapMeter *meters,
                size_t n,
                OapBytes *ret);

/* One stack with what was counted in one flush. Symbols innermost first; "" is none: "[MISSING]". */
typedef struct OapStack {
        const char *const *kernel, *const *user;
        size_t n_kernel, n_user;
        int32_t kernel_id, user_id; /* positive, of the symbols; unique in the flush */
        int32_t count;              /* samples or switches */
        int64_t duration_nsec;      /* of OFF_CPU */
} OapStack;

typedef struct OapTaskKey {
        const char *task, *process; /* ids */
        int64_t start_ms;           /* the same in all messages of the run */
        int64_t now_ms;             /* the same in all messages of a flush */
} OapTaskKey;

/* One message of a stream; @key in the first one of a task, else NULL. -EINVAL: no frames, or NETWORK. */
int oap_encode_stack(OapTarget target, const OapTaskKey *key, const OapStack *stack, OapBytes *ret);

/* The key alone, to be put before a first message that was made without one: what is behind it in the same
 * bytes is of the same message. */
int oap_encode_task_key(const OapTaskKey *key, OapBytes *ret);

/* The answer of reportProcesses: called for each process that has an id. -EBADMSG. */
typedef void (*OapProcessIdFn)(int32_t pid, const OapEntity *entity, const char *id, void *userdata);
int oap_decode_process_ids(const void *message, size_t size, OapProcessIdFn fn, void *userdata);
