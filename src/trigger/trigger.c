/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/trigger.h"

#include "trigger/busiest.h"

_Static_assert(TRIGGER_BUSIEST_MAX == BUSIEST_SUBJECTS_MAX, "one limit under two names");

struct Trigger {
        Cooldown *cooldown; /* borrowed, outlives us */
        TriggerOps ops;
        usec_t now_usec;
        TriggerCounters counters;

        Busiest busiest;
        size_t n_requests;
        /* What makes two causes one request: a Process or a Unit. Beside the requests, because those are
         * large and this is searched. */
        const void *keys[TRIGGER_REQUESTS_MAX];
        TriggerRequest requests[TRIGGER_REQUESTS_MAX];
};

int trigger_new(Cooldown *cooldown, const TriggerOps *ops, Trigger **ret) {
        Trigger *t;

        assert(cooldown);
        assert(ops && ops->is_running && ops->is_alive && ops->start);
        assert(ret);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        t->cooldown = cooldown;
        t->ops = *ops;

        *ret = t;
        return 0;
}

Trigger *trigger_free(Trigger *t) {
        if (!t)
                return NULL;

        busiest_done(&t->busiest);
        free(t);
        return NULL;
}

const TriggerCounters *trigger_counters(const Trigger *t) {
        assert(t);

        return &t->counters;
}

void trigger_begin(Trigger *t, usec_t now_usec) {
        assert(t);

        t->now_usec = now_usec;
        t->n_requests = 0;
        busiest_clear(&t->busiest);
}

static const char *subject_unit_name(Subject s) {
        return s.unit ? s.unit->name : s.process->unit->name;
}

static const char *subject_process_name(Subject s) {
        return s.process ? s.process->name : "";
}

static double subject_cpu_percent(Subject s) {
        return s.process ? process_cpu_percent(s.process) : unit_cpu_percent(s.unit);
}

static bool is_silent(const Trigger *t, Subject s, ProfileKind kind) {
        return cooldown_left(t->cooldown, subject_unit_name(s), subject_process_name(s), kind, t->now_usec) >
                        0;
}

static const void *subject_key(Subject s) {
        return s.process ? (const void *) s.process : s.unit;
}

static TriggerRequest *find_request(Trigger *t, Subject subject) {
        /* Backwards: the causes of one subject come together. */
        for (size_t i = t->n_requests; i > 0; i--)
                if (t->keys[i - 1] == subject_key(subject))
                        return t->requests + i - 1;

        return NULL;
}

/* NULL: no room, counted. */
static TriggerRequest *add_request(Trigger *t, Subject subject) {
        TriggerRequest *q;

        if (t->n_requests == TRIGGER_REQUESTS_MAX) {
                t->counters.n_over_cap++;
                return NULL;
        }

        t->keys[t->n_requests] = subject_key(subject);
        q = t->requests + t->n_requests++;
        q->subject = subject;
        q->kinds = 0;
        q->duration_usec = q->silence_usec = 0;
        q->n_causes = 0;
        q->n_causes_dropped = 0;
        return q;
}

static ProfileKinds kinds_running(const Trigger *t, Subject s, ProfileKinds kinds) {
        ProfileKinds running = 0;

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                if ((kinds & PROFILE_KIND_BIT(k)) && t->ops.is_running(s, k, t->ops.userdata))
                        running |= PROFILE_KIND_BIT(k);

        return running;
}

static ProfileKinds kinds_silent(const Trigger *t, Subject s, ProfileKinds kinds) {
        ProfileKinds silent = 0;

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                if ((kinds & PROFILE_KIND_BIT(k)) && is_silent(t, s, k))
                        silent |= PROFILE_KIND_BIT(k);

        return silent;
}

static void add_cause(Trigger *t, const Cause *cause) {
        ProfileKinds kinds = cause->policy->kinds;
        TriggerRequest *q = find_request(t, cause->subject);

        kinds &= ~kinds_silent(t, cause->subject, kinds);
        if (kinds == 0) {
                t->counters.n_silent++;
                return;
        }

        kinds &= ~kinds_running(t, cause->subject, kinds);
        if (kinds == 0) {
                t->counters.n_running++;
                return;
        }

        if (!q)
                q = add_request(t, cause->subject);
        if (!q)
                return;

        q->kinds |= kinds;
        q->duration_usec = MAX_OF(q->duration_usec, cause->policy->duration_usec);
        q->silence_usec = MAX_OF(q->silence_usec, cause->policy->silence_usec);
        if (q->n_causes == TRIGGER_CAUSES_MAX)
                q->n_causes_dropped++;
        else
                q->causes[q->n_causes++] = *cause;
}

void trigger_add(Trigger *t, const Cause *cause) {
        assert(t);
        assert(cause && cause->policy && cause->trigger);

        if (cause->trigger->metric != METRIC_SYSTEM_LOAD) {
                add_cause(t, cause);
                return;
        }

        /* The load is the host's, whoever is watched: what is worth a look is decided when all are known. */
        if (busiest_add(&t->busiest, cause, subject_cpu_percent(cause->subject)) < 0)
                t->counters.n_over_cap++;
}

static void add_busiest(Trigger *t) {
        for (size_t i = 0; i < t->busiest.n_policies; i++) {
                const BusiestOfPolicy *p = t->busiest.policies + i;

                for (size_t k = 0; k < p->n_subjects; k++)
                        for (size_t c = 0; c < p->subjects[k].n_causes; c++)
                                add_cause(t, p->subjects[k].causes + c);
        }
}

static void start_silence(Trigger *t, const TriggerRequest *q, ProfileKind kind) {
        const char *unit = subject_unit_name(q->subject), *process = subject_process_name(q->subject);
        usec_t until_usec = t->now_usec + q->silence_usec;
        int r;

        r = cooldown_start(t->cooldown, unit, process, kind, until_usec);
        if (r == -EUSERS) {
                cooldown_forget_expired(t->cooldown, t->now_usec);
                r = cooldown_start(t->cooldown, unit, process, kind, until_usec);
        }
        if (r < 0)
                t->counters.n_not_silenced++;
}

static bool start_request(Trigger *t, TriggerRequest *q) {
        int r;

        /* Asked again: a request before this one may have become a task for the unit. */
        q->kinds &= ~kinds_running(t, q->subject, q->kinds);
        if (q->kinds == 0) {
                t->counters.n_running += q->n_causes + q->n_causes_dropped;
                return false;
        }
        if (q->subject.process && !t->ops.is_alive(q->subject.process, t->ops.userdata)) {
                t->counters.n_dead++;
                return false;
        }

        r = t->ops.start(q, t->ops.userdata);
        if (r == -EBUSY || r == -EEXIST) {
                t->counters.n_busy += r == -EBUSY;
                return false;
        }

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX && q->silence_usec > 0; k++)
                if (q->kinds & PROFILE_KIND_BIT(k))
                        start_silence(t, q, k);

        return r >= 0;
}

unsigned trigger_commit(Trigger *t) {
        unsigned n_started = 0;

        assert(t);

        add_busiest(t);

        for (size_t i = 0; i < t->n_requests; i++)
                if (t->requests[i].subject.unit)
                        n_started += start_request(t, t->requests + i);
        for (size_t i = 0; i < t->n_requests; i++)
                if (t->requests[i].subject.process)
                        n_started += start_request(t, t->requests + i);

        t->n_requests = 0;
        busiest_clear(&t->busiest);
        return n_started;
}
