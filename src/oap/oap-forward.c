/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into the spool, and what is done from time to time. */
#include "oap/oap-forward.h"

#include "basic/log.h"
#include "oap/oap-forward-private.h"

/* A record's way to the disk: it is in the page cache at once, which survives us, but not a power cut.
 * fdatasync(2) waits for the disk, on the loop: so at most that often, and only while something waits. What
 * a power cut takes is at most what was recorded in that time; the kernel writes it by itself in about the
 * same time. */
#define SYNC_USEC (30 * USEC_PER_SEC)
#define UPKEEP_USEC (60 * USEC_PER_SEC)
#define BODY_SHARE 8U  /* of the room there is: the most a record takes */
#define METER_SHARE 2U /* of it: beyond, values give way to tasks and profiles */
#define IDS_KEPT_MS \
        (24 * 60 * 60 * INT64_C(1000)) /* beyond the age of a record: for a task that runs long */

int oap_forward_new(
                OapClient *client,
                OapRegistry *registry,
                const OapForwardConfig *config,
                const OapForwardEvents *events,
                OapForward **ret_forward) {
        _cleanup_(oap_forward_freep) OapForward *f = NULL;
        int r;

        assert(client);
        assert(config);
        assert(config->report_attempts > 0);
        assert(ret_forward);

        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;

        f->client = client;
        f->registry = registry;
        f->config = *config;
        if (events)
                f->events = *events;
        f->body_max = OAP_RECORD_BODY_MAX;
        if (config->limits.bytes_max / BODY_SHARE < f->body_max)
                f->body_max = (size_t) (config->limits.bytes_max / BODY_SHARE);
        f->refusal_limit = (RateLimit){ .interval_usec = USEC_PER_HOUR, .burst = 5 };
        f->disk_limit = f->refusal_limit;

        r = oap_spool_new(config->directory_fd, &config->limits, &f->spool);
        if (r >= 0)
                r = oap_task_ids_new(config->directory_fd, &f->ids);
        if (r < 0)
                return r;

        *ret_forward = TAKE_PTR(f);
        return 0;
}

OapForward *oap_forward_free(OapForward *f) {
        if (!f)
                return NULL;

        oap_client_forget(f->client, f);
        oap_task_ids_free(f->ids);
        oap_spool_free(f->spool);
        free(f->call.id);
        free(f);
        return NULL;
}

/* What is not sent at once is going to lie there: smaller. */
static bool is_to_wait(const OapForward *f, uint64_t *ret_bytes) {
        OapSpoolStatus status;

        oap_spool_status(f->spool, &status);
        if (ret_bytes)
                *ret_bytes = status.bytes;

        return status.n_records > 0;
}

static int
append(OapForward *f,
       OapSpoolKind kind,
       const OapRecord *record,
       int64_t at_ms,
       const OapBytes *messages,
       size_t n) {
        _cleanup_(oap_bytes_done) OapBytes b = {};
        int r;

        r = oap_record_format(kind, record, messages, n, is_to_wait(f, NULL), &b);
        if (r >= 0)
                r = oap_spool_append(f->spool, kind, at_ms, b.data, b.size);

        return r;
}

/* How many messages from @begin on fit into one record. 0: that one is too large even alone. */
static size_t n_fitting(const OapForward *f, const OapMessages *m, size_t begin, size_t head_size) {
        size_t size = head_size, n = 0;

        while (begin + n < m->n && n < OAP_RECORD_MESSAGES_MAX) {
                const OapBytes *b = m->items + begin + n;

                size += oap_record_message_size(b);
                if (b->size > OAP_MESSAGE_MAX || size > f->body_max)
                        break;
                n++;
        }

        return n;
}

/* As many records as the messages need; each has a time of its own. */
static int
append_all(OapForward *f, OapSpoolKind kind, OapRecord *record, int64_t at_ms, const OapMessages *m) {
        size_t head_size = oap_record_head_size(record);
        int r;

        for (size_t begin = 0; begin < m->n;) {
                size_t n = n_fitting(f, m, begin, head_size);

                if (n == 0) {
                        f->n_too_large++;
                        begin++;
                        continue;
                }

                r = append(f, kind, record, at_ms, m->items + begin, n);
                if (r < 0)
                        return r;

                record->now_ms++;
                begin += n;
        }

        return 0;
}

int oap_forward_report(
                OapForward *f,
                const char *ours,
                OapTarget target,
                const OapEntity *entity,
                pid_t pid,
                int64_t at_ms,
                const OapBytes *message) {
        OapRecord record = { .is_ours = true, .task = ours, .target = target, .pid = pid };

        assert(f);
        assert(ours);
        assert(entity);
        assert(message);

        if (!task_id_is_valid(ours))
                return -EINVAL;

        record.entity = *entity;
        return append(f, OAP_SPOOL_REPORT, &record, at_ms, message, 1);
}

int oap_forward_meters(OapForward *f, int64_t at_ms, const OapMessages *messages) {
        OapRecord record = {};
        uint64_t bytes = 0;

        assert(f);
        assert(messages);

        (void) is_to_wait(f, &bytes);
        if (bytes > f->config.limits.bytes_max / METER_SHARE) {
                f->n_shed++;
                return 0;
        }

        return append_all(f, OAP_SPOOL_METERS, &record, at_ms, messages);
}

int oap_forward_profile(OapForward *f, const OapFlush *flush, const OapMessages *messages) {
        OapRecord record;
        const char *id;

        assert(f);
        assert(flush);
        assert(!flush->ours != !flush->task);
        assert(messages);

        record = (OapRecord){ .is_ours = flush->ours,
                              .task = flush->ours ?: flush->task,
                              .target = flush->target,
                              .entity = flush->entity,
                              .pid = flush->pid,
                              .start_ms = flush->start_ms,
                              .now_ms = flush->now_ms };
        id = flush->ours ? oap_task_ids_find(f->ids, flush->ours, flush->target) : NULL;
        if (id && id[0] == '\0')
                return 0; /* it was refused */

        return append_all(f, OAP_SPOOL_PROFILE, &record, flush->now_ms, messages);
}

void forward_done(OapForward *f) {
        int r;

        r = oap_spool_acknowledge(f->spool);
        if (r < 0 && r != -ENODATA)
                log_debug_errno(r, "Failed to note how far the spool was sent, ignoring: %m");
        f->head = (ForwardHead){};
}

void forward_refuse(OapForward *f, OapSpoolKind kind) {
        if (oap_spool_refuse(f->spool) != -ENODATA) /* else it was dropped meanwhile, and counted so */
                f->n_refused[kind]++;
        f->head = (ForwardHead){};
}

void forward_refuse_task(
                OapForward *f, const char *ours, OapTarget target, const char *reason, int64_t now_ms) {
        (void) oap_task_ids_add(f->ids, ours, target, "", now_ms);
        if (f->events.task_refused)
                f->events.task_refused(ours, target, reason, f->events.userdata);
}

static void complain(OapForward *f, int error, const char *what, usec_t now_usec) {
        if (error < 0 && ratelimit_below(&f->disk_limit, now_usec))
                log_warning_errno(error, "Failed to %s the spool for SkyWalking, ignoring: %m", what);
}

static void upkeep(OapForward *f, usec_t now_usec, int64_t now_ms) {
        int64_t age_ms = (int64_t) MIN_OF(f->config.limits.age_max_ms, (uint64_t) INT64_MAX / 4);
        int r;

        if (now_usec < f->next_upkeep_usec)
                return;

        f->next_upkeep_usec = now_usec + UPKEEP_USEC;
        oap_task_ids_prune(f->ids, now_ms - age_ms - IDS_KEPT_MS);
        if (f->call.is_running) /* its record has to stay the first one */
                return;

        r = oap_spool_expire(f->spool, now_ms);
        complain(f, r, "expire", now_usec);
}

static void sync_all(OapForward *f, usec_t now_usec) {
        int r;

        if (now_usec < f->next_sync_usec)
                return;

        f->next_sync_usec = now_usec + SYNC_USEC;
        r = oap_task_ids_sync(f->ids);     /* first: what was acknowledged has its id */
        if (r >= 0 && is_to_wait(f, NULL)) /* what OAP has already may be sent twice after a power cut */
                r = oap_spool_sync(f->spool);
        complain(f, r, "write", now_usec);
}

usec_t oap_forward_step(OapForward *f, usec_t now_usec, int64_t now_ms) {
        usec_t due_usec;

        assert(f);

        if (f->call.is_running && f->call.is_answered)
                forward_settle(f, now_usec, now_ms);
        upkeep(f, now_usec, now_ms);
        sync_all(f, now_usec);
        if (!f->call.is_running)
                forward_send(f, now_usec, now_ms);

        due_usec = MIN_OF(f->next_upkeep_usec, f->next_sync_usec);
        if (!f->call.is_running && is_to_wait(f, NULL))
                due_usec = MIN_OF(due_usec, f->retry_usec);

        return due_usec;
}

const char *oap_forward_task_id(OapForward *f, const char *ours, OapTarget target) {
        const char *id = oap_task_ids_find(f->ids, ours, target);

        return id && id[0] ? id : NULL;
}

void oap_forward_status(const OapForward *f, OapForwardStatus *ret) {
        assert(f);
        assert(ret);

        *ret = (OapForwardStatus){
                .n_resent = f->n_resent,
                .n_collisions = f->n_collisions,
                .n_shed = f->n_shed,
                .n_too_large = f->n_too_large,
        };
        oap_spool_status(f->spool, &ret->spool);
        for (size_t i = 0; i < _OAP_SPOOL_KIND_MAX; i++) {
                ret->n_sent[i] = f->n_sent[i];
                ret->n_refused[i] = f->n_refused[i];
                ret->spool.n_dropped[i] -= f->n_refused[i]; /* to the spool it is the same */
        }
        ret->spool.n_dropped[OAP_SPOOL_METERS] += f->n_shed;
}
