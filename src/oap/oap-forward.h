/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-client.h"
#include "oap/oap-messages.h"
#include "oap/oap-registry.h"
#include "oap/oap-spool.h"
#include "task/task.h"

/* All that OAP is to keep goes through here: into the spool, and from there to OAP in order, one call at a
 * time, until it is acknowledged. Conformance items 21 to 24, 34, 37, 39.
 *
 * A task that was triggered here has no id of OAP's before its report is answered; its profile data, which
 * stands behind the report in the spool, is sent under the id that was answered. Ids are kept in
 * "task-ids" beside the spool, for a restart. */
typedef struct OapForward OapForward;

typedef struct OapForwardConfig {
        int directory_fd; /* borrowed; of the spool and "task-ids" */
        OapSpoolLimits limits;
        unsigned report_attempts; /* of a report whose answer was lost (deadline): each may make a task; ≥ 1
                                   */
} OapForwardConfig;
#define OAP_REPORT_ATTEMPTS_DEFAULT 2U
#define OAP_REPORT_SPACING_USEC                                                    \
        (10 * USEC_PER_MSEC) /* of two reports of one service: ids are times in ms \
                              */

typedef struct OapForwardEvents {
        /* OAP's id of a task that was triggered here, once; @ours is Task.id. */
        void (*task_known)(const char *ours, OapTarget target, const char *id, void *userdata);
        /* It will never be known to OAP; @reason in words. */
        void (*task_refused)(const char *ours, OapTarget target, const char *reason, void *userdata);
        void *userdata;
} OapForwardEvents;

/* @registry knows ids of processes; it may be NULL in tests: ids by formula. */
int oap_forward_new(
                OapClient *client,
                OapRegistry *registry,
                const OapForwardConfig *config,
                const OapForwardEvents *events,
                OapForward **ret_forward);
OapForward *oap_forward_free(OapForward *f);
DEFINE_CLEANUP(OapForward *, oap_forward_free)

/* Into the spool; errors as oap_spool_append(). @message: oap_encode_report(). */
int oap_forward_report(
                OapForward *f,
                const char *ours,
                OapTarget target,
                const OapEntity *entity,
                pid_t pid,
                int64_t at_ms,
                const OapBytes *message);

/* @messages: oap_encode_meters(), one per service and instance. */
int oap_forward_meters(OapForward *f, int64_t at_ms, const OapMessages *messages);

typedef struct OapFlush {
        const char *ours; /* Task.id of a task that was reported by oap_forward_report(), or … */
        const char *task; /* … OAP's own id of one that it asked for; the other is NULL */
        OapTarget target;
        OapEntity entity;
        pid_t pid;
        int64_t start_ms; /* the same for all of the run */
        int64_t now_ms;   /* more than in the flush before */
} OapFlush;
/* @messages: oap_profile_flush(); several records when one would be too large, each with a time of its own.
 * Nothing for a task that was refused. */
int oap_forward_profile(OapForward *f, const OapFlush *flush, const OapMessages *messages);

/* Sends what is due; returns when to be called again. @now_ms: since 1970. */
usec_t oap_forward_step(OapForward *f, usec_t now_usec, int64_t now_ms);

/* OAP's id; NULL: not known (yet). */
const char *oap_forward_task_id(OapForward *f, const char *ours, OapTarget target);

typedef struct OapForwardStatus {
        OapSpoolStatus spool; /* dropped: without those that were refused, with those that were shed */
        uint64_t n_sent[_OAP_SPOOL_KIND_MAX];
        uint64_t n_refused[_OAP_SPOOL_KIND_MAX]; /* OAP will never take them */
        uint64_t n_resent, n_collisions;         /* records; ids that OAP gave twice */
        uint64_t n_shed;                         /* METERS that were not kept: half of the room is taken */
        uint64_t n_too_large;                    /* messages that were left out */
} OapForwardStatus;
void oap_forward_status(const OapForward *f, OapForwardStatus *ret);
