/* SPDX-License-Identifier: Apache-2.0 */
/* Which tasks of OAP's are to run, and when by our clock. */
#include "oap/oap-run-private.h"

#include "basic/log.h"
#include "policy/policy-message.h"

#include <string.h>
#include <utlist.h>

/* Farther apart no clocks are: such times are not times. */
#define CLOCK_OFF_MAX_MS (INT64_C(24) * 3600 * 1000)
/* OAP itself keeps a task for three days, unless it is told otherwise. */
#define START_AHEAD_MAX_MS (INT64_C(7) * 24 * 3600 * 1000)
#define CLOCK_SURE_MS (INT64_C(30) * 1000)

/* A task that was not told before is new, rather than new to us, when it is of a process that OAP must have
 * known for long: so old, and so many answers without it. */
#define OLD_PROCESS_USEC (5 * USEC_PER_MINUTE)
#define ANSWERS_ENOUGH 12U
#define USEC_PER_TICK (USEC_PER_SEC / 100) /* USER_HZ */

/* One answer being dealt with. */
typedef struct Accepting {
        OapRuns *runs;
        usec_t now_usec;
        int64_t now_ms;
        int64_t ahead_ms; /* OAP's clock before ours */
        int64_t hold_ms;  /* the cursor stays before what changed then */
} Accepting;

static bool process_is_old(const Identity *i, usec_t now_usec) {
        const Process *p = i ? i->target_process : NULL;
        usec_t started_usec;

        if (!p || p->key.start_ticks > UINT64_MAX / USEC_PER_TICK)
                return false;

        /* By a clock that goes on while the host sleeps: it is at least so old. */
        started_usec = p->key.start_ticks * USEC_PER_TICK;
        return now_usec > started_usec && now_usec - started_usec > OLD_PROCESS_USEC;
}

/* Whether it was made after the answer before this one. */
static bool is_new(const Accepting *a, const OapTask *t) {
        const OapRuns *r = a->runs;

        return r->n_answers > ANSWERS_ENOUGH && t->update_ms > r->newest_ms &&
                        process_is_old(oap_registry_find(r->registry, t->process_id), a->now_usec);
}

static bool is_seen(OapRuns *r, const OapTask *t) {
        const OapSeen *s = oap_seen_find(r->seen, oap_seen_key(t->task_id, t->process_id));

        return s && s->update_ms >= t->update_ms;
}

/* How far OAP's clock is ahead of ours, by all that this answer tells for the first time: what there is was
 * made before now, and what is new was made since the last answer. 0 when that fits; else as little as
 * explains it. Nothing is kept for the next answer: clocks are put right. */
static int64_t clock_ahead(const Accepting *a, const OapTasks *tasks) {
        int64_t min_ms = INT64_MIN, max_ms = INT64_MAX;

        for (size_t i = 0; i < tasks->n_tasks; i++) {
                const OapTask *t = tasks->tasks + i;

                if (t->update_ms - a->now_ms > CLOCK_OFF_MAX_MS || is_seen(a->runs, t))
                        continue;

                min_ms = MAX_OF(min_ms, t->update_ms - a->now_ms);
                if (a->now_ms - t->update_ms <= CLOCK_OFF_MAX_MS && is_new(a, t))
                        max_ms = MIN_OF(max_ms, t->update_ms - a->runs->answered_ms);
        }

        if (min_ms > 0)
                return min_ms;

        /* a little may be what a storage takes to show a task */
        return max_ms > -CLOCK_SURE_MS ? 0 : MAX_OF(max_ms, min_ms);
}

/* "At least so much", until it is known to be more or to be over. */
static void say_ahead(Accepting *a, const OapTasks *tasks) {
        int64_t said_ms = a->runs->said_ahead_ms, by_ms = a->ahead_ms < 0 ? -a->ahead_ms : a->ahead_ms;
        char text[TIMESPAN_TEXT_MAX];

        if (by_ms < CLOCK_SURE_MS) {
                if (tasks->n_tasks > 0)
                        a->runs->said_ahead_ms = 0;
                return;
        }
        if (a->ahead_ms < 0 ? said_ms < 0 : said_ms > a->ahead_ms - CLOCK_SURE_MS)
                return;

        a->runs->said_ahead_ms = a->ahead_ms;
        if (ratelimit_below(&a->runs->log_limit, a->now_usec))
                log_warning("OAP's clock is %s %s this host's: the times of its tasks are taken by its clock.",
                            timespan_format((usec_t) by_ms / 1000 * USEC_PER_SEC, text),
                            a->ahead_ms < 0 ? "behind" : "ahead of");
}

static int64_t task_end_ms(const Accepting *a, const OapTask *t) {
        return t->start_ms - a->ahead_ms +
                        MIN_OF(t->duration_sec, (int64_t) OAP_RUN_DURATION_MAX_SEC) * 1000;
}

/* It is dealt with. NULL: out of memory, it may be dealt with again. */
static OapSeen *note(Accepting *a, uint64_t key, const OapTask *t) {
        OapSeen *s = oap_seen_add(&a->runs->seen, key, t->update_ms);

        if (!s)
                return NULL;

        s->update_ms = MAX_OF(s->update_ms, t->update_ms);
        s->end_ms = MAX_OF(s->end_ms, task_end_ms(a, t));
        s->duration_sec = MAX_OF(s->duration_sec, t->duration_sec);
        return s;
}

/* Said once per task, whatever number of processes it has. */
static void refuse(Accepting *a, const OapTask *t, const char *reason) {
        uint64_t all = oap_seen_key(t->task_id, "");
        char shown[POLICY_VALUE_SHOWN_MAX + 4];

        a->runs->counters.n_refused++;
        if (oap_seen_find(a->runs->seen, all) || !ratelimit_below(&a->runs->log_limit, a->now_usec))
                return;

        (void) note(a, all, t);
        log_warning("OAP's task %s is refused: %s.", policy_value_shown(t->task_id, shown), reason);
}

/* Why it never can be; NULL: it can. */
static const char *refusal(const Accepting *a, const OapTask *t, char buf[static 256]) {
        char shown[POLICY_VALUE_SHOWN_MAX + 4];

        if (t->target == OAP_TARGET_NETWORK)
                return "this build does not have network profiling";
        if (t->target != OAP_TARGET_ON_CPU && t->target != OAP_TARGET_OFF_CPU) {
                (void) snprintf(buf,
                                256,
                                "there is no target '%s'",
                                policy_value_shown(t->target_text, shown));
                return buf;
        }
        if (!t->is_fixed_time)
                return "its trigger is not FIXED_TIME";
        if (t->duration_sec <= 0)
                return "it has no duration";
        if (t->update_ms - a->now_ms > CLOCK_OFF_MAX_MS)
                return "OAP changed it more than a day in the future";
        if (t->start_ms - a->ahead_ms - a->now_ms > START_AHEAD_MAX_MS)
                return "it begins more than a week from now";

        return NULL;
}

static OapRun *find_run(OapRuns *r, uint64_t key, const OapTask *t) {
        OapRun *run;

        DL_FOREACH(r->runs, run) {
                if (run->task && run->key == key && strcmp(run->task, t->task_id) == 0)
                        return run;
        }

        return NULL;
}

/* The usec_t of a time of our wall clock, no earlier than now. */
static usec_t to_usec(const Accepting *a, int64_t at_ms) {
        return at_ms <= a->now_ms ? a->now_usec : a->now_usec + (usec_t) (at_ms - a->now_ms) * USEC_PER_MSEC;
}

/* A task that runs still is told again: it is as long as it ever was said to be. */
static void extend(Accepting *a, OapRun *run, const OapTask *t) {
        int64_t duration_sec = MIN_OF(t->duration_sec, (int64_t) OAP_RUN_DURATION_MAX_SEC);
        int64_t more_sec = duration_sec - run->duration_sec;

        if (more_sec <= 0)
                return;

        run->duration_sec = duration_sec;
        run->end_ms += more_sec * 1000;
        run->end_usec += (usec_t) more_sec * USEC_PER_SEC;
        if (run->state == OAP_RUN_ENDING && !run->is_stopped && run->end_usec > a->now_usec) {
                run->state = OAP_RUN_RUNNING;
                run->covered_usec = a->now_usec;
                run->gone_usec = 0;
        }
}

static int make_run(Accepting *a, const OapTask *t, uint64_t key, const Identity *i, const OapSeen *before) {
        _cleanup_(oap_run_freep) OapRun *run = NULL;
        int r;

        r = oap_run_new(t->target, i, &run);
        if (r < 0)
                return r;

        run->task = strdup(t->task_id);
        run->process_id = strdup(t->process_id);
        if (!run->task || !run->process_id)
                return -ENOMEM;

        run->key = key;
        run->duration_sec = MIN_OF(t->duration_sec, (int64_t) OAP_RUN_DURATION_MAX_SEC);
        run->begin_usec = to_usec(a, t->start_ms - a->ahead_ms);
        run->end_usec = to_usec(a, task_end_ms(a, t));
        run->end_ms = task_end_ms(a, t);
        if (before) {
                run->start_ms = before->start_ms;
                run->last_ms = before->last_ms;
        }

        oap_runs_add(a->runs, TAKE_PTR(run));
        return 0;
}

static bool has_room(Accepting *a) {
        if (a->runs->n_runs < OAP_RUNS_MAX) {
                a->runs->is_full = false;
                return true;
        }

        if (!a->runs->is_full)
                log_warning("OAP asks for more than %u recordings at a time: some wait.", OAP_RUNS_MAX);
        a->runs->is_full = true;
        return false;
}

/* Whether the cursor may move past it. */
static bool accept_one(Accepting *a, const OapTask *t) {
        uint64_t key = oap_seen_key(t->task_id, t->process_id);
        OapRun *run = find_run(a->runs, key, t);
        OapSeen *seen = oap_seen_find(a->runs->seen, key);
        const char *reason;
        char buf[256];
        Identity *i;

        if (run) {
                extend(a, run, t);
                return note(a, key, t);
        }
        if (seen && t->duration_sec <= seen->duration_sec)
                return true;

        reason = refusal(a, t, buf);
        if (reason) {
                refuse(a, t, reason);
                return note(a, key, t);
        }
        if (task_end_ms(a, t) <= a->now_ms) {
                a->runs->counters.n_expired++;
                return note(a, key, t);
        }

        i = oap_registry_find(a->runs->registry, t->process_id);
        if (!i || !has_room(a) || make_run(a, t, key, i, seen) < 0)
                return false; /* asked for again until it is over */

        return note(a, key, t);
}

/* Commands that can't be read are told again and again: only more of them are news. */
static void count_unreadable(OapRuns *r, const OapTasks *tasks) {
        size_t n = tasks->n_refused;

        if (n > r->n_unreadable) {
                r->counters.n_refused += n - r->n_unreadable;
                log_warning("%zu of OAP's tasks can't be read.", n);
        }
        r->n_unreadable = n;
}

void oap_runs_accept(OapRuns *r, const OapTasks *tasks, usec_t now_usec, int64_t now_ms) {
        Accepting a = { .runs = r, .now_usec = now_usec, .now_ms = now_ms, .hold_ms = INT64_MAX };
        int64_t newest_ms = r->newest_ms;

        a.ahead_ms = clock_ahead(&a, tasks);
        say_ahead(&a, tasks);

        for (size_t i = 0; i < tasks->n_tasks; i++) {
                const OapTask *t = tasks->tasks + i;

                if (!accept_one(&a, t))
                        a.hold_ms = MIN_OF(a.hold_ms, t->update_ms - 1);
                if (t->update_ms - now_ms <= CLOCK_OFF_MAX_MS)
                        newest_ms = MAX_OF(newest_ms, t->update_ms);
        }

        count_unreadable(r, tasks);
        r->newest_ms = newest_ms;
        /* What is held is told again each time, but for an answer that OAP's own trouble made empty. */
        if (tasks->n_tasks > 0)
                r->cursor_ms = MIN_OF(newest_ms, a.hold_ms);
}
