/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer means for the first record of the spool. */
#include "oap/oap-forward-private.h"

#include "basic/log.h"

#include <string.h>

/* Ids are times: OAP's clock can stand still for some reports, not for that many. */
#define COLLISIONS_MAX 8U
/* Of one record, while others are answered: OAP cannot cope with it. */
#define FAILURES_MAX 5U
#define RETRY_USEC (1 * USEC_PER_SEC)
#define REASON_MAX 384U

static void complain(OapForward *f, const char *what, usec_t now_usec) {
        if (ratelimit_below(&f->refusal_limit, now_usec))
                log_warning("The SkyWalking OAP refused %s, skipping it: status %i%s%s.",
                            what,
                            f->call.status,
                            f->call.message[0] ? ", " : "",
                            f->call.message);
}

static const char *words(OapSpoolKind kind) {
        return kind == OAP_SPOOL_METERS ? "the values of a time" : "a part of a profile";
}

/* Whether others are answered, so that it is this one that is not. */
static bool is_connected(const OapForward *f) {
        OapClientStatus status;

        oap_client_status(f->client, &status);
        return status.state == OAP_STATE_CONNECTED;
}

/* -- reports -- */

static void give_up_report(OapForward *f, const char *reason, usec_t now_usec, int64_t now_ms) {
        complain(f, "a task", now_usec);
        forward_refuse(f, OAP_SPOOL_REPORT);
        forward_refuse_task(f, f->call.ours, f->call.target, reason, now_ms);
}

/* Whatever it is, a task may have come of it: not again and again. */
static void settle_ambiguous(OapForward *f, usec_t now_usec, int64_t now_ms) {
        char reason[REASON_MAX];

        f->head.n_ambiguous++;
        if (f->head.n_ambiguous < f->config.report_attempts) {
                f->retry_usec = now_usec + RETRY_USEC;
                return;
        }

        (void) snprintf(reason,
                        sizeof(reason),
                        "OAP gave no task id in %u attempts: %s",
                        f->head.n_ambiguous,
                        f->call.message[0] ? f->call.message : "no answer in time");
        give_up_report(f, reason, now_usec, now_ms);
}

/* OAP makes ids of a service and a millisecond: of two tasks with the same id it keeps one, whichever. */
static void settle_collision(OapForward *f, usec_t now_usec, int64_t now_ms) {
        f->n_collisions++;
        f->head.n_collisions++;
        if (f->head.n_collisions < COLLISIONS_MAX)
                return; /* again, after the spacing */

        give_up_report(f, "OAP gave it the id of another task each time", now_usec, now_ms);
}

static void settle_known(OapForward *f, usec_t now_usec, int64_t now_ms) {
        const ForwardCall *c = &f->call;
        int r;

        if (oap_task_ids_is_taken(f->ids, c->id, c->ours, c->target)) {
                settle_collision(f, now_usec, now_ms);
                return;
        }

        r = oap_task_ids_add(f->ids, c->ours, c->target, c->id, now_ms);
        if (r < 0 && ratelimit_below(&f->disk_limit, now_usec))
                log_warning_errno(r, "Failed to keep the id of a task of SkyWalking's, ignoring: %m");

        f->n_sent[OAP_SPOOL_REPORT]++;
        forward_done(f);
        if (f->events.task_known)
                f->events.task_known(c->ours, c->target, c->id, f->events.userdata);
}

static void settle_report(OapForward *f, usec_t now_usec, int64_t now_ms) {
        char reason[REASON_MAX];

        f->next_report_usec = now_usec + OAP_REPORT_SPACING_USEC;
        switch (f->call.status) {
        case OAP_STATUS_OK:
                if (f->call.id)
                        settle_known(f, now_usec, now_ms);
                else
                        settle_ambiguous(f, now_usec, now_ms);
                return;
        case OAP_STATUS_DEADLINE_EXCEEDED:
        case OAP_STATUS_CANCELLED: /* too small to be too large: the server went away */
                settle_ambiguous(f, now_usec, now_ms);
                return;
        default:
                break;
        }

        if (oap_status_is_of_connection(f->call.status)) {
                f->retry_usec = now_usec + RETRY_USEC; /* the client knows better when */
                return;
        }

        (void) snprintf(reason,
                        sizeof(reason),
                        "OAP refused it, status %i: %s",
                        f->call.status,
                        f->call.message[0] ? f->call.message : "no reason given");
        give_up_report(f, reason, now_usec, now_ms);
}

/* -- streams -- */

static void pass_messages(OapForward *f, size_t n, OapSpoolKind kind) {
        f->head.n_passed += n;
        if (f->head.n_passed < f->head.n_messages)
                return;

        if (!f->head.is_partly_taken) {
                forward_refuse(f, kind);
                return;
        }

        f->n_sent[kind]++;
        forward_done(f);
}

/* OAP says that of a message above its limit, whichever it is of the call's, and when it goes away: in
 * smaller calls, so that only that one is left out. What is sent twice counts once. */
static void settle_cancelled(OapForward *f, usec_t now_usec) {
        if (f->call.n_messages > 1) {
                f->head.n_at_once = f->call.n_messages / 2;
                return;
        }

        complain(f, "a message", now_usec);
        f->n_too_large++;
        pass_messages(f, 1, f->call.kind);
}

static void settle_no_meters(OapForward *f, usec_t now_usec) {
        if (f->no_meters_before_usec == 0)
                log_warning("The SkyWalking OAP takes no meters (%s), dropping them: enable its meter receiver and the rules \"continuous-profiling\".",
                            f->call.message);

        f->no_meters_before_usec =
                        oap_client_retry_usec(f->client, OAP_CHANNEL_MAIN, METHOD_METERS, now_usec);
        forward_refuse(f, OAP_SPOOL_METERS);
}

/* Again, unless it is the record that OAP cannot cope with. */
static void settle_failed(OapForward *f, bool is_of_record, usec_t now_usec) {
        f->retry_usec = now_usec + RETRY_USEC;
        if (!is_of_record)
                return;

        f->head.n_failed++;
        if (f->head.n_failed < FAILURES_MAX)
                return;

        complain(f, words(f->call.kind), now_usec);
        forward_refuse(f, f->call.kind);
}

static void settle_stream(OapForward *f, usec_t now_usec) {
        OapSpoolKind kind = f->call.kind;
        int status = f->call.status;

        if (status == OAP_STATUS_OK) {
                if (kind == OAP_SPOOL_METERS)
                        f->no_meters_before_usec = 0;
                f->head.is_partly_taken = true;
                pass_messages(f, f->call.n_messages, kind);
        } else if (status == OAP_STATUS_CANCELLED)
                settle_cancelled(f, now_usec);
        else if (status == OAP_STATUS_UNIMPLEMENTED && kind == OAP_SPOOL_METERS)
                settle_no_meters(f, now_usec);
        else if (status == OAP_STATUS_DEADLINE_EXCEEDED)
                settle_failed(f, is_connected(f), now_usec);
        else if (status == OAP_STATUS_INTERNAL)
                settle_failed(f, true, now_usec);
        else if (oap_status_is_of_connection(status))
                settle_failed(f, false, now_usec);
        else {
                complain(f, words(kind), now_usec);
                forward_refuse(f, kind);
        }
}

/* A server that refuses it for good shows the task without the name of its process, or not at all. */
static void settle_gone(OapForward *f, usec_t now_usec) {
        if (f->call.status != OAP_STATUS_UNIMPLEMENTED && oap_status_is_of_connection(f->call.status)) {
                f->retry_usec = now_usec + RETRY_USEC;
                return;
        }

        forward_forget_gone(f);
        (void) snprintf(f->gone[f->n_gone++ % FORWARD_GONE_MAX],
                        sizeof(f->gone[0]),
                        "%.64s",
                        f->head.process_id);
}

void forward_settle(OapForward *f, usec_t now_usec, int64_t now_ms) {
        f->call.is_running = f->call.is_answered = false;
        if (f->call.status != OAP_STATUS_OK)
                f->n_late = 0; /* attempts while it is away take nobody's turn */
        if (f->call.is_gone_report)
                settle_gone(f, now_usec);
        else if (f->call.kind == OAP_SPOOL_REPORT)
                settle_report(f, now_usec, now_ms);
        else
                settle_stream(f, now_usec);

        free(f->call.id);
        f->call.id = NULL;
}
