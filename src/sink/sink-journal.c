/* SPDX-License-Identifier: Apache-2.0 */
/* Says in the journal, as structured entries, which tasks start and how they end. */
#include "sink/sink-journal.h"

#include "basic/strbuf.h"
#include "catalog/messages.h"
#include "monitor/metric.h"
#include "sink/sink.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <syslog.h>

#define POLICY_FIELDS_MAX 8U /* further policies of one task are in its task.json only */

/* A value as policies write it, "97%"; what was measured is told to one decimal. */
static void add_value(StrBuf *b, const TaskCause *c, double value) {
        int metric = c->metric ? metric_from_string(c->metric) : -EINVAL;
        char text[32];

        if (metric >= 0)
                strbuf_add(b, metric_format_value(metric, value, text));
        else
                strbuf_addf(b, "%g", value);
}

/* "nginx.service: nginx (PID 71)" or "nginx.service" */
static void add_target(StrBuf *b, const Task *t) {
        strbuf_add(b, t->unit ?: "?");
        if (t->key.pid > 0)
                strbuf_addf(b, ": %s (PID %i)", t->process ?: "?", (int) t->key.pid);
}

/* " on /api/orders" */
static void add_uri(StrBuf *b, const TaskCause *c) {
        if (c->uri)
                strbuf_addf(b, " on %s", c->uri);
        else if (c->uri_regex)
                strbuf_addf(b, " matching %s", c->uri_regex);
}

/* " has process-cpu 97% (>= 80% in 5 of 10 s) and 2 more causes" */
static void add_cause(StrBuf *b, const Task *t) {
        const TaskCause *c = t->causes;
        const char *metric = c->metric ?: "?";

        if (strcmp(metric, metric_to_string(METRIC_SYSTEM_LOAD)) == 0)
                strbuf_addf(b,
                            " is among the busiest while %s is ",
                            metric); /* the host's, not the target's */
        else
                strbuf_addf(b, " has %s ", metric);

        add_value(b, c, round(c->value * 10) / 10);
        add_uri(b, c);
        strbuf_add(b, " (>= ");
        add_value(b, c, c->threshold);
        strbuf_addf(b, " in %u of %u s)", c->hits, c->period_sec);

        if (t->n_causes > 1)
                strbuf_addf(b, " and %zu more cause%s", t->n_causes - 1, t->n_causes > 2 ? "s" : "");
}

/* Adds MESSAGE= from the text that was put together. */
static void add_message(JournalEntry *e, StrBuf *b) {
        _cleanup_(freep) char *text = NULL;
        int r;

        r = strbuf_finish(b, &text);
        if (r < 0 && e->error >= 0)
                e->error = r;
        if (r >= 0)
                journal_entry_addf(e, "MESSAGE=%s", text);
}

static void add_causes(JournalEntry *e, const Task *t) {
        size_t n_policies = 0;

        for (size_t i = 0; i < t->n_causes && n_policies < POLICY_FIELDS_MAX; i++) {
                const char *policy = t->causes[i].policy;
                bool known = !policy;

                for (size_t k = 0; k < i && !known; k++)
                        known = t->causes[k].policy && strcmp(t->causes[k].policy, policy) == 0;
                if (known)
                        continue;

                journal_entry_addf(e, "CPROF_POLICY=%s", policy);
                n_policies++;
        }

        if (t->n_causes == 0)
                return;

        journal_entry_addf(e, "CPROF_METRIC=%s", t->causes[0].metric ?: "");
        journal_entry_addf(e, "CPROF_VALUE=%.3f", t->causes[0].value);
        journal_entry_addf(e, "CPROF_THRESHOLD=%.3f", t->causes[0].threshold);
        if (t->causes[0].uri)
                journal_entry_addf(e, "CPROF_URI=%s", t->causes[0].uri);
        if (t->causes[0].uri_regex)
                journal_entry_addf(e, "CPROF_URI_REGEX=%s", t->causes[0].uri_regex);
}

/* What journald would add about the process if it were there: joins "journalctl -u UNIT". Only root may say
 * so. */
static void add_object(JournalEntry *e, const Task *t) {
        const char *unit = t->unit ?: "";
        const char *inner = strchr(unit, '/');

        if (t->key.pid > 0)
                journal_entry_addf(e, "OBJECT_PID=%i", (int) t->key.pid);

        journal_entry_addf(e, "OBJECT_SYSTEMD_UNIT=%.*s", (int) strcspn(unit, "/"), unit);
        if (inner) /* "user@1000.service/app.scope" */
                journal_entry_addf(e, "OBJECT_SYSTEMD_USER_UNIT=%s", inner + 1);
}

static void add_task(JournalEntry *e, const Task *t, const char *message_id, int priority) {
        char kinds[PROFILE_KINDS_TEXT_MAX];

        journal_entry_addf(e, "MESSAGE_ID=%s", message_id);
        journal_entry_addf(e, "PRIORITY=%i", priority);
        journal_entry_addf(e, "CPROF_TASK_ID=%s", t->id);
        journal_entry_addf(e, "CPROF_UNIT=%s", t->unit ?: "");
        if (t->key.pid > 0)
                journal_entry_addf(e, "CPROF_PROCESS=%s", t->process ?: "");
        journal_entry_addf(e, "CPROF_PROFILE=%s", profile_kinds_to_string(t->kinds, kinds));
        journal_entry_addf(e, "CPROF_STATE=%s", task_state_to_string(t->state));
        add_causes(e, t);
        add_object(e, t);
}

void journal_entry_for_start(JournalEntry *e, const Task *t) {
        _cleanup_(strbuf_done) StrBuf b = {};
        char duration[TIMESPAN_TEXT_MAX], kinds[PROFILE_KINDS_TEXT_MAX];

        assert(e);
        assert(t);

        add_target(&b, t);
        if (t->n_causes > 0)
                add_cause(&b, t);
        strbuf_addf(&b,
                    "%s recording %s for %s%s (task %s).",
                    t->n_causes > 0 ? ";" : ":",
                    profile_kinds_to_string(t->kinds, kinds),
                    timespan_format(t->duration_usec, duration),
                    t->n_causes > 0 ? "" : " on request",
                    t->id);

        add_message(e, &b);
        add_task(e, t, CPROF_MESSAGE_TASK_STARTED, LOG_NOTICE);
}

void journal_entry_for_thinned(JournalEntry *e, const Task *t, const char *text) {
        _cleanup_(strbuf_done) StrBuf b = {};

        assert(e);
        assert(t);
        assert(text);

        add_target(&b, t);
        strbuf_addf(&b, ": %s (task %s).", text, t->id);

        add_message(e, &b);
        add_task(e, t, CPROF_MESSAGE_TASK_THINNED, LOG_NOTICE);
        journal_entry_addf(e, "CPROF_THINNED=%s", text);
}

/* How long it ran, to the second unless it was shorter. */
static const char *format_run_time(const Task *t, char buf[static TIMESPAN_TEXT_MAX]) {
        usec_t run = t->ended.monotonic_usec - MIN_OF(t->started.monotonic_usec, t->ended.monotonic_usec);

        if (run >= USEC_PER_SEC)
                run = (run + USEC_PER_SEC / 2) / USEC_PER_SEC * USEC_PER_SEC;
        else
                run -= run % USEC_PER_MSEC;

        return timespan_format(run, buf);
}

static void add_failure_text(StrBuf *b, const Task *t) {
        char kinds[PROFILE_KINDS_TEXT_MAX];

        strbuf_addf(b, "Recording %s of ", profile_kinds_to_string(t->kinds, kinds));
        add_target(b, t);
        strbuf_addf(b, " failed: %s.", t->reason ?: "unknown reason");
        if (t->n_samples > 0)
                strbuf_addf(b, " %" PRIu64 " samples were kept.", t->n_samples);
        strbuf_addf(b, " See \"cprofctl task info %s\".", t->id);
}

static void add_count(StrBuf *b, uint64_t n, const char *what) {
        if (n > 0)
                strbuf_addf(b, "%" PRIu64 " %s%s", n, what, n == 1 ? "" : "s");
        else
                strbuf_addf(b, "no %ss", what);
}

/* "2970 samples and 12 waits" */
static void add_amounts(StrBuf *b, const Task *t) {
        bool on_cpu = t->kinds & PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU);
        bool off_cpu = t->kinds & PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU);

        if (on_cpu)
                add_count(b, t->n_samples, "sample");
        if (on_cpu && off_cpu)
                strbuf_add(b, " and ");
        if (off_cpu)
                add_count(b, t->offcpu.n_switches, "wait");
}

static void add_result_text(StrBuf *b, const Task *t) {
        char run_time[TIMESPAN_TEXT_MAX];

        strbuf_add(b, "Recorded ");
        add_amounts(b, t);
        strbuf_add(b, " of ");
        add_target(b, t);
        strbuf_addf(b, " in %s", format_run_time(t, run_time));

        if (t->state == TASK_STATE_STOPPED || (t->reason && strcmp(t->reason, "duration reached") != 0))
                strbuf_addf(b, " (%s)", t->reason ?: "stopped");
        if (t->n_samples == 0 && (t->kinds & PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU)))
                strbuf_add(b, ": it did not run on a CPU");
        else if (t->hottest && *t->hottest)
                strbuf_addf(b, "; hottest: %s", t->hottest);

        strbuf_addf(b, ". See \"cprofctl task info %s\".", t->id);
}

static void add_percent(JournalEntry *e, const char *name, double percent) {
        if (percent >= 0) /* known */
                journal_entry_addf(e, "%s=%.2f", name, percent);
}

static void add_oap_ids(JournalEntry *e, const Task *t) {
        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                if (t->oap[k].id)
                        journal_entry_addf(e, "CPROF_OAP_TASK_ID=%s", t->oap[k].id);
}

/* How good the record is and what it cost. */
static void add_quality(JournalEntry *e, const Task *t) {
        add_percent(e, "CPROF_COMPLETE_PERCENT", task_quality_complete_percent(t));
        add_percent(e, "CPROF_NAMED_PERCENT", task_quality_named_percent(t));
        add_percent(e, "CPROF_COST_PERCENT", task_cost_percent(t));

        if (t->kinds & PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU)) {
                journal_entry_addf(e, "CPROF_WAITS=%" PRIu64, t->offcpu.n_switches);
                journal_entry_addf(e, "CPROF_WAIT_USEC=%" PRIu64, t->offcpu.offcpu_nsec / NSEC_PER_USEC);
        }
        if (t->n_before_samples > 0)
                journal_entry_addf(e, "CPROF_SAMPLES_BEFORE=%" PRIu64, t->n_before_samples);
        if (t->left_out)
                journal_entry_addf(e, "CPROF_LEFT_OUT=%s", t->left_out);
        if (t->thinned)
                journal_entry_addf(e, "CPROF_THINNED=%s", t->thinned);
}

void journal_entry_for_end(JournalEntry *e, const Task *t) {
        _cleanup_(strbuf_done) StrBuf b = {};
        bool failed;

        assert(e);
        assert(t);

        failed = t->state == TASK_STATE_FAILED;
        if (failed)
                add_failure_text(&b, t);
        else
                add_result_text(&b, t);

        add_message(e, &b);
        add_task(e,
                 t,
                 failed ? CPROF_MESSAGE_TASK_FAILED : CPROF_MESSAGE_TASK_ENDED,
                 failed ? LOG_WARNING : LOG_NOTICE);
        journal_entry_addf(e, "CPROF_REASON=%s", t->reason ?: "");
        journal_entry_addf(e, "CPROF_SAMPLES=%" PRIu64, t->n_samples);
        add_oap_ids(e, t);
        add_quality(e, t);
}

void journal_entry_for_oap(
                JournalEntry *e, const Task *t, ProfileKind kind, const char *id, const char *refused) {
        _cleanup_(strbuf_done) StrBuf b = {};

        assert(e);
        assert(t);
        assert(!id != !refused);

        strbuf_add(&b, id ? "SkyWalking has the " : "SkyWalking does not get the ");
        strbuf_addf(&b, "%s record of ", profile_kind_to_string(kind));
        add_target(&b, t);
        strbuf_addf(&b, id ? " as its task %s" : ": %s", id ?: refused);
        strbuf_addf(&b, " (task %s).", t->id);

        add_message(e, &b);
        add_task(e,
                 t,
                 id ? CPROF_MESSAGE_OAP_TASK_KNOWN : CPROF_MESSAGE_OAP_TASK_REFUSED,
                 id ? LOG_NOTICE : LOG_WARNING);
        if (id)
                journal_entry_addf(e, "CPROF_OAP_TASK_ID=%s", id);
        else
                journal_entry_addf(e, "CPROF_REASON=%s", refused);
}

int sink_journal_oap(const Task *t, ProfileKind kind, const char *id, const char *refused) {
        _cleanup_(journal_entry_done) JournalEntry e = {};

        journal_entry_for_oap(&e, t, kind, id, refused);
        return journal_entry_send(&e);
}

static int journal_task_started(void *self, const Task *t) {
        _cleanup_(journal_entry_done) JournalEntry e = {};

        journal_entry_for_start(&e, t);
        return journal_entry_send(&e);
}

static int journal_task_thinned(void *self, const Task *t, const char *text) {
        _cleanup_(journal_entry_done) JournalEntry e = {};

        journal_entry_for_thinned(&e, t, text);
        return journal_entry_send(&e);
}

static int journal_task_ended(void *self, const Task *t, const TaskEvidence *evidence) {
        _cleanup_(journal_entry_done) JournalEntry e = {};

        journal_entry_for_end(&e, t);
        return journal_entry_send(&e);
}

const SinkOps sink_journal_ops = {
        .name = "journal",
        .task_started = journal_task_started,
        .task_thinned = journal_task_thinned,
        .task_ended = journal_task_ended,
};
