/* SPDX-License-Identifier: Apache-2.0 */
/* What a run that OAP asked for does with its time: it is fed by whatever records its process, and has a
 * recording started when nothing does. */
#include "oap/oap-run-private.h"

#include "basic/log.h"
#include "policy/policy-message.h"
#include "policy/policy.h"

#include <string.h>

/* One run's turn. */
typedef struct Turn {
        OapRuns *runs;
        OapRun *run;
        usec_t now_usec;
        int64_t now_ms;
        Identity *identity; /* NULL: the process is not there */
        const Task *task;   /* of ours, that records it; NULL: none */
} Turn;

ProfileKind oap_target_kind(OapTarget target) {
        return target == OAP_TARGET_ON_CPU ? PROFILE_KIND_ON_CPU : PROFILE_KIND_OFF_CPU;
}

static void begin_profile(Turn *t) {
        char shown[POLICY_VALUE_SHOWN_MAX + 4];

        if (t->run->start_ms != 0)
                return;

        t->run->start_ms = t->now_ms;
        t->runs->counters.n_started++;
        log_info("OAP's task %s has %s of '%s' recorded.",
                 policy_value_shown(t->run->task, shown),
                 profile_kind_to_string(oap_target_kind(t->run->target)),
                 t->run->process);
}

/* Another task of ours records the process by now. */
static void follow(Turn *t) {
        OapRun *run = t->run;
        const Profile *baseline = t->task->profile;
        OapFeed *f = oap_run_feed(run, t->task->id);

        if (!f) {
                /* All of what began since nothing was recorded for the run is the run's. */
                if (t->task->started.monotonic_usec >= run->covered_usec)
                        baseline = NULL;
                if (oap_run_attach(run, t->task->id, baseline, &f) < 0)
                        return; /* tried again */

                begin_profile(t);
        }

        run->covered_usec = t->now_usec;
}

static void retry_later(Turn *t) {
        OapRun *run = t->run;

        run->backoff_usec = run->backoff_usec == 0 ? OAP_RUN_RETRY_MIN_USEC
                                                   : MIN_OF(2 * run->backoff_usec, OAP_RUN_RETRY_MAX_USEC);
        run->retry_usec = t->now_usec + run->backoff_usec;
}

static void say_not_started(Turn *t, int error, const char *message) {
        if (t->run->is_said)
                return;

        t->run->is_said = true;
        log_warning_errno(
                        error,
                        "Failed to record %s of '%s' for a task of OAP's, trying again while it lasts: %s",
                        profile_kind_to_string(oap_target_kind(t->run->target)),
                        t->run->process,
                        message ?: strerror(-error));
}

static void start(Turn *t) {
        _cleanup_(freep) char *message = NULL;
        OapRun *run = t->run;
        usec_t rest_usec = MIN_OF(run->end_usec - t->now_usec, POLICY_DURATION_MAX);
        char id[TASK_ID_MAX];
        OapFeed *f;
        int r;

        /* There is a limit: the oldest feed is named and gone before long. */
        if (rest_usec < OAP_RUN_REST_MIN_USEC || oap_run_n_feeds(run) == OAP_RUN_FEEDS_MAX)
                return;

        /* Recordings that end as soon as they begin are as bad as those that do not begin. */
        retry_later(t);
        r = t->runs->ops.start(
                        t->identity,
                        oap_target_kind(run->target),
                        rest_usec,
                        id,
                        &message,
                        t->runs->ops.userdata);
        if (r >= 0)
                r = oap_run_attach(run, id, NULL, &f);
        if (r < 0) {
                say_not_started(t, r, message);
                return;
        }

        f->is_own = true;
        f->until_usec = t->now_usec + rest_usec;
        begin_profile(t);
        run->covered_usec = t->now_usec;
}

/* A recording for this run ended before its time, and it is not known yet why. */
static bool waits_for_reason(const Turn *t) {
        for (size_t i = 0; i < OAP_RUN_FEEDS_MAX; i++) {
                const OapFeed *f = t->run->feeds + i;

                if (f->ours[0] && f->is_own && !f->is_frozen && t->now_usec < f->until_usec)
                        return true;
        }

        return false;
}

/* The run is over: what records it further is not the run's, unless it ends as well. */
static void end(Turn *t) {
        OapFeed *f = t->task ? oap_run_feed(t->run, t->task->id) : NULL;

        t->run->state = OAP_RUN_ENDING;
        if (!f || !t->task->profile ||
            t->task->started.monotonic_usec + t->task->duration_usec <= t->now_usec + OAP_RUN_GRACE_USEC)
                return;

        if (oap_run_freeze(t->run, f, t->task->profile) < 0)
                log_debug("Out of memory, a task of OAP's gets some seconds more than it asked for.");
}

/* Returns whether it is gone for good. */
static bool is_gone(Turn *t) {
        OapRun *run = t->run;

        if (t->identity) {
                run->gone_usec = 0;
                if (t->identity->pid > 0) /* of a unit: it may have no process just now */
                        run->pid = t->identity->pid;
                return false;
        }

        if (run->gone_usec == 0)
                run->gone_usec = t->now_usec;
        return t->now_usec - run->gone_usec >= OAP_RUN_GONE_USEC;
}

static void turn(Turn *t) {
        OapRun *run = t->run;

        if (t->now_usec >= run->end_usec || is_gone(t)) {
                end(t);
                return;
        }
        if (!t->identity)
                return;

        if (t->task)
                follow(t);
        else if (!waits_for_reason(t) && !run->is_stopped && t->now_usec >= run->retry_usec)
                start(t);
}

/* For its time, then for its process. Returns whether it is over before it began. */
static bool wait_for_begin(Turn *t) {
        OapRun *run = t->run;

        if (t->now_usec >= run->end_usec) {
                t->runs->counters.n_expired++;
                return true;
        }

        if (t->now_usec >= run->begin_usec && t->identity) {
                run->state = OAP_RUN_RUNNING;
                run->covered_usec = t->now_usec;
        }
        return false;
}

static usec_t next_turn(const Turn *t) {
        const OapRun *run = t->run;

        switch (run->state) {
        case OAP_RUN_WAITING:
                return MAX_OF(run->begin_usec, t->now_usec + USEC_PER_SEC);
        case OAP_RUN_RUNNING:
                return MIN_OF(run->end_usec, t->now_usec + USEC_PER_SEC);
        default:
                return USEC_INFINITY;
        }
}

usec_t oap_run_step(OapRuns *r, OapRun *run, usec_t now_usec, int64_t now_ms, bool *ret_over) {
        Turn t = { .runs = r, .run = run, .now_usec = now_usec, .now_ms = now_ms };

        *ret_over = false;
        t.identity = oap_registry_find(r->registry, run->process_id);
        if (t.identity)
                t.task = r->ops.find(t.identity, oap_target_kind(run->target), r->ops.userdata);

        if (run->state == OAP_RUN_WAITING && wait_for_begin(&t)) {
                *ret_over = true;
                return USEC_INFINITY;
        }
        if (run->state == OAP_RUN_RUNNING)
                turn(&t);
        if (run->state == OAP_RUN_ENDING && oap_run_n_feeds(run) == 0) {
                *ret_over = true;
                return USEC_INFINITY;
        }

        return next_turn(&t);
}
