/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured: sums of processes and units, and how well they are measured. */
#include "basic/time-util.h"
#include "monitor/http-monitor-private.h"

#include <math.h>
#include <utlist.h>

#define DEGRADED_MINUTE_SEC 60U
#define DEGRADED_PER_REQUESTS 1000U /* one lost in so many */

/* Sums of one process's rule over the seconds @first…m->second, added to @s. */
static void add_recent(const HttpMonitor *m, const HttpProcess *e, int rule, uint64_t first, HttpSums *s) {
        const HttpTraffic *t = e->traffic[rule];

        for (size_t i = 0; t && i < HTTP_RECENT_SEC_MAX; i++)
                if (t->recent[i].second >= first && t->recent[i].second <= m->second &&
                    t->recent[i].second >= e->since_second)
                        http_sums_add_cell(s, t->recent + i);
}

/* Its number for @e if it counted requests in the last second or before. */
static int measured_rule(const HttpMonitor *m, const HttpProcess *e, const UriRule *rule) {
        return e && e->set && e->since_second <= m->second ? http_rule_set_find(e->set, rule) : -1;
}

static bool was_in_unit(const HttpProcess *e, const Unit *u) {
        if (e->process)
                return process_in_unit(e->process, u);

        for (char **name = e->units; name && *name; name++)
                if (strcmp(*name, u->name) == 0)
                        return true;

        return false;
}

/* Whether any process in the unit is measured by it; ends at the first. */
static bool unit_has_rule(const HttpMonitor *m, const Unit *u, const UriRule *rule) {
        const Process *p;
        const Unit *child;

        DL_FOREACH2(u->processes, p, unit_next)
        if (measured_rule(m, http_monitor_find(m, p), rule) >= 0)
                return true;

        DL_FOREACH2(u->children, child, child_next)
        if (unit_has_rule(m, child, rule))
                return true;

        return false;
}

static bool last_of_unit(const HttpMonitor *m, const Unit *u, const UriRule *rule, HttpSums *s) {
        const HttpProcess *e;
        bool any = false;

        DL_FOREACH2(m->active, e, active_next) {
                int i = measured_rule(m, e, rule);

                if (i < 0 || !was_in_unit(e, u))
                        continue;

                add_recent(m, e, i, m->second, s);
                any = true;
        }

        return any || unit_has_rule(m, u, rule);
}

bool http_monitor_last(const HttpMonitor *m, Subject subject, const UriRule *rule, HttpSums *ret) {
        HttpProcess *e;
        int i;

        assert(m);
        assert(rule);
        assert(ret);

        *ret = (HttpSums){};
        if (!m->second_is_valid)
                return false;
        if (subject.unit)
                return last_of_unit(m, subject.unit, rule, ret);

        e = http_monitor_find(m, subject.process);
        i = measured_rule(m, e, rule);
        if (i < 0)
                return false;

        if (e->is_active)
                add_recent(m, e, i, m->second, ret);
        return true;
}

/* All processes of a unit that are watched now. */
typedef struct UnitSums {
        const HttpMonitor *m;
        const UriRule *rule;
        uint64_t first_second; /* 0: the totals */
        HttpSums *sums;
        bool any;
} UnitSums;

static bool
add_process(const HttpMonitor *m, const Process *p, const UriRule *rule, uint64_t first, HttpSums *s) {
        const HttpProcess *e = http_monitor_find(m, p);
        int i = measured_rule(m, e, rule);

        if (i < 0)
                return false;

        if (first > 0)
                add_recent(m, e, i, first, s);
        else if (e->traffic[i])
                http_sums_add(s, &e->traffic[i]->total);
        return true;
}

static void add_to_unit(Process *p, void *userdata) {
        UnitSums *u = userdata;

        if (add_process(u->m, p, u->rule, u->first_second, u->sums))
                u->any = true;
}

/* What those did in the seconds @first…m->second who are in the unit no more. */
static bool add_left(const HttpProcess *list, UnitSums *u, const Unit *unit) {
        const HttpProcess *e;
        bool any = false;

        DL_FOREACH2(list, e, leaving_next) {
                int i = measured_rule(u->m, e, u->rule);

                if (i < 0 || !was_in_unit(e, unit))
                        continue;

                add_recent(u->m, e, i, u->first_second, u->sums);
                any = true;
        }

        return any;
}

static bool
sum_up(const HttpMonitor *m, Subject subject, const UriRule *rule, uint64_t first, HttpSums *ret) {
        UnitSums u = { .m = m, .rule = rule, .first_second = first, .sums = ret };

        *ret = (HttpSums){};
        if (subject.process)
                return add_process(m, subject.process, rule, first, ret);

        unit_for_each_process(NULL, subject.unit, add_to_unit, &u);
        if (first > 0) {
                u.any |= add_left(m->leaving, &u, subject.unit);
                u.any |= add_left(m->gone, &u, subject.unit);
        }
        return u.any;
}

bool http_monitor_recent(
                const HttpMonitor *m,
                Subject subject,
                const UriRule *rule,
                unsigned n_seconds,
                HttpSums *ret) {
        assert(m);
        assert(rule);
        assert(ret);
        assert(n_seconds > 0 && n_seconds <= HTTP_RECENT_SEC_MAX);

        return sum_up(m, subject, rule, m->second >= n_seconds ? m->second - n_seconds + 1 : 1, ret);
}

bool http_monitor_total(const HttpMonitor *m, Subject subject, const UriRule *rule, HttpSums *ret) {
        assert(m);
        assert(rule);
        assert(ret);

        return sum_up(m, subject, rule, 0, ret);
}

double http_monitor_value(const HttpMonitor *m, Metric metric, Subject subject, const UriRule *rule) {
        HttpSums s;

        return http_monitor_last(m, subject, rule, &s) ? http_sums_value(&s, metric) : NAN;
}

void http_process_read_counters(const HttpMonitor *m, HttpProcess *e) {
        if (!e->is_in_kernel || e->last.second == m->second)
                return;

        if (probe_http_counters(m->probe, e->pid, e->last.counters) < 0)
                return; /* those of before stay */

        e->last.second = m->second;
        if (e->last.second - e->middle.second >= DEGRADED_MINUTE_SEC) {
                e->base = e->middle;
                e->middle = e->last;
        }
}

static uint64_t since_base(const HttpProcess *e, unsigned counter) {
        uint64_t now = e->last.counters[counter], then = e->base.counters[counter];

        return now > then ? now - then : 0;
}

static bool loses(const HttpProcess *e) {
        uint64_t n_lost = 0, n_requests;

        for (unsigned i = 0; i < CPROF_HTTP_LOSSES_DEGRADING; i++)
                n_lost += since_base(e, i);
        n_requests = MAX_OF(
                        since_base(e, CPROF_HTTP_SEEN_REQUESTS), since_base(e, CPROF_HTTP_SEEN_RESPONSES));

        return n_lost * DEGRADED_PER_REQUESTS > n_requests;
}

static const char *degraded_reason(const HttpProcess *e) {
        const uint64_t *counters = e->last.counters;

        if (counters[CPROF_HTTP_SEEN_HTTP2] > 0)
                return "connections of HTTP/2 are not measured";
        if (counters[CPROF_HTTP_SEEN_TLS] > 0 && counters[CPROF_HTTP_SEEN_TLS_PLAIN] == 0)
                return e->tls_note ?: "connections of TLS are not measured: its library is not known";
        if (loses(e))
                return "more than 0.1 % of the requests of the last minute were not seen whole";

        return NULL;
}

int http_monitor_status(const HttpMonitor *m, const Process *p, HttpStatus *ret) {
        HttpProcess *e;

        assert(m);
        assert(p);
        assert(ret);

        e = http_monitor_find(m, p);
        if (!e)
                return -ENOENT;

        http_process_read_counters(m, e);
        *ret = (HttpStatus){
                .error = e->error,
                .reason = e->reason,
                .hook = e->hook,
                .is_tls_attached = e->is_tls_attached,
                .tls_note = e->tls_note,
                .degraded_reason = degraded_reason(e),
        };
        if (e->since_second <= m->second)
                ret->n_seconds = (unsigned) MIN_OF(
                                m->second - e->since_second + 1, (uint64_t) HTTP_RECENT_SEC_MAX);
        ret->is_degraded = ret->degraded_reason;
        memcpy(ret->counters, e->last.counters, sizeof(ret->counters));
        return 0;
}

const UriRule *http_monitor_rules(const HttpMonitor *m, const Process *p, size_t *ret_n) {
        const HttpProcess *e = http_monitor_find(m, p);

        assert(ret_n);

        *ret_n = e && e->set ? e->set->n_rules : 0;
        return *ret_n > 0 ? e->set->rules : NULL;
}

void http_monitor_set_tls(HttpMonitor *m, Process *p, bool is_attached, const char *note) {
        HttpProcess *e = http_monitor_find(m, p);

        if (!e)
                return;

        e->is_tls_attached = is_attached;
        e->tls_note = note;
}
