/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-transport.h"
#include "oap/oap-forward.h"
#include "temporary-directory.h"

/* Forwarding with a spool of its own, on a simulated clock, to a transport whose calls the test answers. The
 * registry is a double: the test says who is registered. */
#define BED_EVENTS_MAX 1024U
#define BED_START_MS (INT64_C(1795230605) * 1000) /* 2026-11-21T03:10:05Z */

typedef struct BedEvent {
        char ours[TASK_ID_MAX];
        OapTarget target;
        char text[512]; /* id or reason */
} BedEvent;

typedef struct ForwardBed {
        TemporaryDirectory directory;
        OapForwardConfig config;
        OapTransport *transport; /* the client's */
        OapClient *client;
        OapForward *forward;
        usec_t now_usec, due_usec;
        int64_t now_ms;

        BedEvent known[BED_EVENTS_MAX], refused[BED_EVENTS_MAX];
        size_t n_known, n_refused;

        bool has_registry; /* before forward_bed_open() */
        bool is_registered;
        unsigned n_gone_reports;
} ForwardBed;

ForwardBed *forward_bed_new(void); /* opened, with room for 64 MiB */
ForwardBed *forward_bed_free(ForwardBed *b);
DEFINE_CLEANUP(ForwardBed *, forward_bed_free)

void forward_bed_open(ForwardBed *b);
void forward_bed_close(ForwardBed *b);
void forward_bed_restart(ForwardBed *b); /* another process on the same directory */

/* Time goes on, answers are handed over, and what is due is done. */
void forward_bed_advance(ForwardBed *b, usec_t usec);
/* The call that is under way after that, which must be of @method. */
OapCall *forward_bed_call(ForwardBed *b, const char *method);
void forward_bed_expect_idle(ForwardBed *b);

/* "20261121T031005-NNNN" */
const char *bed_task(unsigned number, char buf[static TASK_ID_MAX]);
extern const OapEntity bed_entity;

int bed_report(ForwardBed *b, unsigned number, OapTarget target);
/* A flush of @n_stacks stacks with @count samples each, of a task of ours, or of OAP's @task. */
int bed_profile(ForwardBed *b, unsigned number, const char *task, size_t n_stacks, int32_t count);
int bed_meters(ForwardBed *b, double value);

/* The answer to a report; @id NULL: no command in it. */
void bed_answer_id(OapCall *call, const char *id);
/* Reports, answers its call with @id, and hands that over. */
void bed_make_known(ForwardBed *b, unsigned number, const char *id);

/* What a stream says: the task of its first message, NULL for none, and the sum of its samples. */
typedef struct BedStream {
        char task[512], process[65];
        int64_t start_ms, now_ms;
        size_t n_tasks; /* messages that have one */
        size_t n_messages;
        int64_t n_samples;
} BedStream;
BedStream bed_read_stream(const OapCall *call);

OapForwardStatus bed_status(const ForwardBed *b);
