/* SPDX-License-Identifier: Apache-2.0 */
/* The reading of each second. */
#include "monitor/http-monitor-private.h"

#include <utlist.h>

static void on_sums(pid_t pid, unsigned rule, const struct cprof_http_cell *sums, void *userdata) {
        HttpMonitor *m = userdata;
        HttpTraffic *t;
        HttpProcess *e;

        HASH_FIND_INT(m->processes, &pid, e);
        if (!e || !e->traffic || rule >= e->set->n_rules || sums->n_total == 0)
                return;

        t = e->traffic[rule];
        if (!t) {
                t = e->traffic[rule] = calloc(1, sizeof(*t));
                if (!t)
                        return;
        }

        http_sums_add_cell(&t->total, sums);
        t->recent[m->reading % HTTP_RECENT_SEC_MAX] = *sums;
        t->recent[m->reading % HTTP_RECENT_SEC_MAX].second = m->reading;
        if (!e->is_active) {
                e->is_active = true;
                DL_APPEND2(m->active, e, active_prev, active_next);
        }
}

/* The seconds after the last one that was read up to @second; those that the kernel has no more are missed.
 */
static int read_seconds(HttpMonitor *m, uint64_t second) {
        uint64_t first = m->second > 0 ? m->second + 1 : second;
        const uint64_t n_kept = CPROF_HTTP_SECONDS - 1;
        int r = 0;

        m->n_missed += m->was_just_armed ? 0 : second - first;
        m->was_just_armed = false;
        if (second - first >= n_kept)
                first = second - n_kept + 1;

        for (m->reading = first; m->reading <= second; m->reading++)
                r = probe_http_read(m->probe, m->reading, on_sums, m);
        return r;
}

static void end_second(HttpMonitor *m) {
        HttpProcess *e, *next;

        http_monitor_free_gone(m, /* all= */ !m->processes);
        DL_FOREACH_SAFE2(m->active, e, next, active_next) {
                DL_DELETE2(m->active, e, active_prev, active_next);
                e->is_active = false;
        }
}

int http_monitor_tick(HttpMonitor *m, usec_t slot_end_usec) {
        uint64_t second = slot_end_usec / USEC_PER_SEC;
        HttpProcess *e;
        int r = 0;

        assert(m);

        if (second == 0 || --second <= m->second)
                return 0;

        end_second(m);
        if (m->is_armed)
                r = read_seconds(m, second);
        m->second_is_valid = r >= 0;
        m->n_missed += r < 0;
        m->second = second;

        DL_FOREACH2(m->active, e, active_next)
        http_process_read_counters(m, e);
        http_monitor_flush_leaving(m);
        http_monitor_disarm_if_idle(m);
        return r;
}
