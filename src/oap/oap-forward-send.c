/* SPDX-License-Identifier: Apache-2.0 */
/* The first record of the spool becomes a call. */
#include "oap/oap-forward-private.h"

#include "basic/log.h"
#include "oap/oap-text.h"

#include <string.h>
#include <zlib.h>

#define RECORDS_PER_STEP 64U /* that need no call: the loop has other things to do */
#define DISK_RETRY_USEC (10 * USEC_PER_SEC)
#define MEMORY_RETRY_USEC (1 * USEC_PER_SEC)

/* What waited for OAP goes out at a pace when it is back: so do other hosts that waited. A host asks about
 * once in two seconds otherwise. Who has much goes faster after a while, or what is new meanwhile would be
 * late as well, for ever. */
#define LATE_MS 30000
#define LATE_AT_ONCE 10U
#define LATE_INTERVAL_USEC (1600 * USEC_PER_MSEC)
#define LATE_FASTER_AFTER 64U /* calls: twice as fast, again and again … */
#define LATE_FASTER_MAX 6U    /* … so often: 25 ms */

static const struct {
        OapChannel channel;
        const char *method;
        usec_t timeout_usec;
} calls[_OAP_SPOOL_KIND_MAX] = {
        [OAP_SPOOL_REPORT] = { OAP_CHANNEL_EBPF, METHOD_REPORT, OAP_CALL_TIMEOUT_USEC },
        [OAP_SPOOL_METERS] = { OAP_CHANNEL_MAIN, METHOD_METERS, OAP_STREAM_TIMEOUT_USEC },
        [OAP_SPOOL_PROFILE] = { OAP_CHANNEL_EBPF, METHOD_PROFILE, OAP_STREAM_TIMEOUT_USEC },
};

/* What a head of the spool came to. */
typedef enum Outcome {
        OUTCOME_WAIT, /* a call is under way, or @f->retry_usec says when */
        OUTCOME_DONE, /* it needs no call: the next one */
} Outcome;

static Outcome wait_until(OapForward *f, usec_t usec) {
        f->retry_usec = usec;
        return OUTCOME_WAIT;
}

static Outcome wait_for_client(OapForward *f, OapSpoolKind kind, usec_t now_usec) {
        return wait_until(
                        f,
                        oap_client_retry_usec(f->client, calls[kind].channel, calls[kind].method, now_usec));
}

/* Nothing is done with the time here: answers are settled by the next step. */
static void on_answer(const OapCallResult *result, void *userdata) {
        OapForward *f = userdata;
        _cleanup_(freep) char *id = NULL, *problem = NULL;
        int r = 0;

        f->call.is_answered = true;
        f->call.status = result->status;
        oap_text_copy(f->call.message, sizeof(f->call.message), result->message);
        if (f->call.is_gone_report || f->call.kind != OAP_SPOOL_REPORT || result->status != OAP_STATUS_OK)
                return;

        r = oap_command_task_id(result->response.data, result->response.size, &id, &problem);
        if (r >= 0 && !oap_task_id_is_usable(id))
                r = -EBADMSG;
        if (r >= 0)
                f->call.id = TAKE_PTR(id);
        else
                oap_text_copy(f->call.message,
                              sizeof(f->call.message),
                              problem ?: "a task id that is no text");
}

static void book_pace(OapForward *f, usec_t now_usec) {
        uint64_t faster = MIN_OF(f->n_late / LATE_FASTER_AFTER, (uint64_t) LATE_FASTER_MAX);

        if (!f->head.is_late) {
                f->n_late = 0;
                return;
        }

        f->n_late++;
        f->paced_usec = MAX_OF(f->paced_usec, now_usec) +
                        oap_client_jittered(f->client, LATE_INTERVAL_USEC >> faster);
}

/* @r: what starting it came to. */
static Outcome begin_call(OapForward *f, OapSpoolKind kind, int r, usec_t now_usec) {
        if (r == -EAGAIN || r == -ENOBUFS)
                return wait_for_client(f, kind, now_usec);
        if (r < 0)
                return wait_until(f, now_usec + MEMORY_RETRY_USEC);

        f->call.is_running = true;
        book_pace(f, now_usec);
        return OUTCOME_WAIT;
}

/* How many of the messages that are left are the next call. */
static size_t n_next(const OapForward *f, const OapRecordView *v) {
        size_t n = v->n_messages - f->head.n_passed;

        return f->head.n_at_once > 0 ? MIN_OF(n, f->head.n_at_once) : n;
}

static Outcome start(OapForward *f, OapSpoolKind kind, const OapRecordView *v, usec_t now_usec) {
        const OapCallRequest request = {
                .channel = calls[kind].channel,
                .method = calls[kind].method,
                .messages = v->messages + f->head.n_passed,
                .n_messages = n_next(f, v),
                .timeout_usec = calls[kind].timeout_usec,
        };
        Outcome o;

        f->head.n_messages = v->n_messages;
        f->call.n_messages = request.n_messages;
        o = begin_call(f, kind, oap_client_call(f->client, &request, now_usec, on_answer, f), now_usec);
        if (f->call.is_running) {
                f->n_resent += f->head.n_sent > 0;
                f->head.n_sent++;
        }

        return o;
}

static Outcome send_report(OapForward *f, const OapRecordView *v, usec_t now_usec) {
        const char *id = oap_task_ids_find(f->ids, v->record.task, v->record.target);
        OapClientStatus status;

        /* We were stopped between the answer and noting that it is done with; a second report would make a
         * second task. */
        if (id) {
                forward_done(f);
                if (id[0] && f->events.task_known)
                        f->events.task_known(v->record.task, v->record.target, id, f->events.userdata);
                return OUTCOME_DONE;
        }

        if (now_usec < f->next_report_usec)
                return wait_until(f, f->next_report_usec);

        /* An answer was lost. A server that does not answer anything may have got it all the same, and each
         * further report would be one more task: others have to be answered first. */
        oap_client_status(f->client, &status);
        if (f->head.n_ambiguous > 0 && status.state != OAP_STATE_CONNECTED)
                return wait_for_client(f, OAP_SPOOL_REPORT, now_usec);

        f->call = (ForwardCall){ .kind = OAP_SPOOL_REPORT, .target = v->record.target };
        (void) snprintf(f->call.ours, sizeof(f->call.ours), "%s", v->record.task);
        return start(f, OAP_SPOOL_REPORT, v, now_usec);
}

static Outcome send_meters(OapForward *f, const OapRecordView *v, usec_t now_usec) {
        if (now_usec < f->no_meters_before_usec) {
                forward_refuse(f, OAP_SPOOL_METERS);
                return OUTCOME_DONE;
        }

        f->call = (ForwardCall){ .kind = OAP_SPOOL_METERS };
        return start(f, OAP_SPOOL_METERS, v, now_usec);
}

void forward_forget_gone(OapForward *f) {
        uint64_t n_returns = oap_client_n_returns(f->client);

        if (n_returns != f->n_returns)
                f->n_gone = 0;
        f->n_returns = n_returns;
}

static bool was_reported_gone(OapForward *f, const char *process_id) {
        forward_forget_gone(f);
        for (size_t i = 0; i < MIN_OF(f->n_gone, (size_t) FORWARD_GONE_MAX); i++)
                if (strcmp(f->gone[i], process_id) == 0)
                        return true;

        return false;
}

/* The same for all calls of a record, also when it ends meanwhile. */
static void find_process(OapForward *f, const OapEntity *e) {
        Identity *i = f->registry ? oap_registry_find_entity(f->registry, e) : NULL;
        const char *id = i ? oap_registry_id(i) : NULL;

        if (f->head.process_id[0] != '\0')
                return;

        f->head.is_registered = id;
        if (id)
                (void) snprintf(f->head.process_id, sizeof(f->head.process_id), "%s", id);
        else
                oap_process_id(e->service, e->instance, e->process, f->head.process_id);
}

/* OAP cannot show a task of a process that it has no row of; whoever lives is reported by the registry. */
static bool is_row_missing(OapForward *f) {
        return f->registry && !f->head.is_registered && !was_reported_gone(f, f->head.process_id);
}

static Outcome report_gone(OapForward *f, const OapRecordView *v, usec_t now_usec) {
        int r;

        f->call = (ForwardCall){ .kind = OAP_SPOOL_PROFILE, .is_gone_report = true };
        r = oap_registry_report_gone(f->registry, &v->record.entity, v->record.pid, now_usec, on_answer, f);
        if (r == -EAGAIN || r == -ENOBUFS)
                return wait_until(
                                f,
                                oap_client_retry_usec(
                                                f->client, OAP_CHANNEL_EBPF, METHOD_PROCESSES, now_usec));

        return begin_call(f, OAP_SPOOL_PROFILE, r, now_usec);
}

/* Says in the first message whose data it is: the parts of a message may stand one behind the other. */
static int put_key_before(const OapTaskKey *key, OapSlice *first, uint8_t **ret_data) {
        _cleanup_(oap_bytes_done) OapBytes b = {};
        uint8_t *data;
        int r;

        r = oap_encode_task_key(key, &b);
        if (r < 0)
                return r;

        data = malloc(b.size + first->size + 1);
        if (!data)
                return -ENOMEM;

        memcpy(data, b.data, b.size);
        if (first->size > 0)
                memcpy(data + b.size, first->data, first->size);
        *first = (OapSlice){ data, b.size + first->size };
        *ret_data = data;
        return 0;
}

static Outcome send_profile(OapForward *f, OapRecordView *v, usec_t now_usec, int64_t now_ms) {
        const OapRecord *record = &v->record;
        _cleanup_(freep) uint8_t *data = NULL;
        const char *id = record->is_ours ? oap_task_ids_find(f->ids, record->task, record->target)
                                         : record->task;
        int r;

        if (!id) /* it stood before this one */
                forward_refuse_task(
                                f,
                                record->task,
                                record->target,
                                "its report was dropped while OAP was away",
                                now_ms);
        if (!id || id[0] == '\0') {
                forward_refuse(f, OAP_SPOOL_PROFILE);
                return OUTCOME_DONE;
        }

        find_process(f, &record->entity);
        if (is_row_missing(f))
                return report_gone(f, v, now_usec);

        r = put_key_before(
                        &(const OapTaskKey){ id, f->head.process_id, record->start_ms, record->now_ms },
                        v->messages + f->head.n_passed,
                        &data);
        if (r < 0)
                return wait_until(f, now_usec + MEMORY_RETRY_USEC);

        f->call = (ForwardCall){ .kind = OAP_SPOOL_PROFILE };
        return start(f, OAP_SPOOL_PROFILE, v, now_usec);
}

/* Whether it is the one that was tried before. */
static void recognise(OapForward *f, const OapSpoolRecord *record) {
        uint32_t crc = (uint32_t) crc32(0, record->data, record->size);

        if (f->head.at_ms == record->at_ms && f->head.size == record->size && f->head.crc == crc)
                return;

        f->head = (ForwardHead){ .at_ms = record->at_ms, .size = record->size, .crc = crc };
}

/* Whether the first record has to wait for its turn. */
static bool is_too_early(OapForward *f, usec_t now_usec) {
        usec_t ahead_usec = (LATE_AT_ONCE - 1) * LATE_INTERVAL_USEC;

        if (!f->head.is_late || now_usec + ahead_usec >= f->paced_usec)
                return false;

        f->retry_usec = f->paced_usec - ahead_usec;
        return true;
}

static Outcome send_first(OapForward *f, const OapSpoolRecord *record, usec_t now_usec, int64_t now_ms) {
        _cleanup_(oap_record_view_done) OapRecordView v = {};
        int r;

        r = oap_record_parse(record->kind, record->data, record->size, &v);
        if (r == -EBADMSG) {
                forward_refuse(f, record->kind);
                return OUTCOME_DONE;
        }
        if (r < 0)
                return wait_until(f, now_usec + MEMORY_RETRY_USEC);

        switch (record->kind) {
        case OAP_SPOOL_REPORT:
                return send_report(f, &v, now_usec);
        case OAP_SPOOL_METERS:
                return send_meters(f, &v, now_usec);
        default:
                return send_profile(f, &v, now_usec, now_ms);
        }
}

void forward_send(OapForward *f, usec_t now_usec, int64_t now_ms) {
        OapSpoolRecord record;
        int r;

        for (unsigned i = 0; i < RECORDS_PER_STEP && now_usec >= f->retry_usec; i++) {
                r = oap_spool_peek(f->spool, &record);
                if (r == -ENODATA)
                        return;
                if (r < 0) {
                        if (ratelimit_below(&f->disk_limit, now_usec))
                                log_warning_errno(
                                                r,
                                                "Failed to read the spool for SkyWalking, trying again: %m");
                        f->retry_usec = now_usec + DISK_RETRY_USEC;
                        return;
                }

                recognise(f, &record);
                f->head.is_late = now_ms - record.at_ms >= LATE_MS;
                if (is_too_early(f, now_usec))
                        return;

                if (send_first(f, &record, now_usec, now_ms) == OUTCOME_WAIT)
                        return;
        }
}
