/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/ratelimit.h"
#include "oap/oap-forward.h"
#include "oap/oap-record.h"
#include "oap/oap-task-ids.h"

/* Private to oap-forward*.c. */

#define METHOD_REPORT "/skywalking.v3.ContinuousProfilingService/reportProfilingTask"
#define METHOD_METERS "/skywalking.v3.MeterReportService/collectBatch"
#define METHOD_PROFILE "/skywalking.v3.EBPFProfilingService/collectProfilingData"
#define METHOD_PROCESSES "/skywalking.v3.EBPFProcessService/reportProcesses"

#define FORWARD_GONE_MAX 256U /* processes remembered as reported when they were gone already */
#define FORWARD_MESSAGE_MAX 256U

/* The one call under way. Its answer is kept until the next step, which has the time. */
typedef struct ForwardCall {
        bool is_running, is_answered;
        bool is_gone_report; /* for a process that is gone, ahead of its profile data */
        OapSpoolKind kind;
        size_t n_messages;
        char ours[TASK_ID_MAX]; /* of REPORT */
        OapTarget target;

        int status;
        char message[FORWARD_MESSAGE_MAX]; /* of the status, or what is wrong with the answer */
        char *id;                          /* of REPORT: the task's; NULL: none */
} ForwardCall;

/* How the first record fared so far. */
typedef struct ForwardHead {
        int64_t at_ms; /* which it is: others take its place when room is made */
        uint32_t size, crc;
        unsigned n_sent;             /* calls */
        unsigned n_ambiguous;        /* of REPORT: answers that were lost, or were no answer to a report */
        unsigned n_collisions;       /* of REPORT */
        unsigned n_failed;           /* not answered in time while others were, or worse */
        size_t n_messages;           /* in it … */
        size_t n_passed;             /* … of which so many need no sending any more … */
        size_t n_at_once;            /* … and so many are a call; 0: all of them */
        bool is_partly_taken;        /* OAP has some of those */
        bool is_late;                /* it waited for OAP */
        bool is_registered;          /* of PROFILE: its process, and … */
        char process_id[OAP_ID_MAX]; /* … its id; "": not looked for yet */
} ForwardHead;

struct OapForward {
        OapClient *client;     /* borrowed */
        OapRegistry *registry; /* borrowed; may be NULL */
        OapForwardConfig config;
        OapForwardEvents events;
        OapSpool *spool;
        OapTaskIds *ids;
        size_t body_max; /* bytes, of a record */

        ForwardCall call;
        ForwardHead head;
        usec_t retry_usec;       /* the first record is not sent before */
        usec_t next_report_usec; /* ditto, if it is one */
        usec_t next_upkeep_usec, next_sync_usec;
        usec_t paced_usec;            /* when all that was sent late would have been sent at its pace */
        uint64_t n_late;              /* of those, in a row */
        usec_t no_meters_before_usec; /* this OAP does not take any; 0: it does */

        char gone[FORWARD_GONE_MAX][65]; /* process ids */
        size_t n_gone;                   /* since the server was there again; a ring */
        uint64_t n_returns;

        RateLimit refusal_limit; /* of messages */
        RateLimit disk_limit;
        uint64_t n_sent[_OAP_SPOOL_KIND_MAX], n_refused[_OAP_SPOOL_KIND_MAX];
        uint64_t n_resent, n_collisions, n_shed, n_too_large;
};

/* Sends the first record unless a call is under way: sets @f->retry_usec when it has to wait. */
void forward_send(OapForward *f, usec_t now_usec, int64_t now_ms);
/* When it is there again: maybe it is another server, with other rows. */
void forward_forget_gone(OapForward *f);
/* What comes of an answer. */
void forward_settle(OapForward *f, usec_t now_usec, int64_t now_ms);
/* The first record is OAP's, or never will be. */
void forward_done(OapForward *f);
void forward_refuse(OapForward *f, OapSpoolKind kind);
/* OAP will never know that task: remembered and told. */
void forward_refuse_task(
                OapForward *f, const char *ours, OapTarget target, const char *reason, int64_t now_ms);
