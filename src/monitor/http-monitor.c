/* SPDX-License-Identifier: Apache-2.0 */
/* Who is measured. The reading of each second is in http-monitor-tick.c, values are in http-monitor-read.c.
 */
#include "monitor/http-monitor.h"

#include "basic/strv.h"
#include "monitor/http-monitor-private.h"

#include <utlist.h>

#define GONE_MAX 256U /* with requests, kept for recent sums of their units */

int http_monitor_new(Probe *probe, ProbeHttpHook hook, HttpMonitor **ret_monitor) {
        HttpMonitor *m;

        assert(probe);
        assert(ret_monitor);

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;

        m->probe = probe;
        m->hook = hook;
        *ret_monitor = m;
        return 0;
}

void http_process_free(HttpMonitor *m, HttpProcess *e) {
        if (e->is_active)
                DL_DELETE2(m->active, e, active_prev, active_next);
        for (size_t i = 0; e->traffic && i < e->set->n_rules; i++)
                free(e->traffic[i]);
        free(e->traffic);
        http_rule_sets_put(&m->sets, m->probe, e->set);
        strv_free(e->units);
        free(e->cgroup);
        free(e);
}

static void leave_kernel(HttpMonitor *m, HttpProcess *e) {
        if (!e->is_in_kernel)
                return;

        probe_http_unwatch(m->probe, e->pid);
        e->is_in_kernel = false;
        m->n_in_kernel--;
}

/* Out of the table and the list of those that leave. */
static void take_out(HttpMonitor *m, HttpProcess *e) {
        if (!e->process)
                DL_DELETE2(m->leaving, e, leaving_prev, leaving_next);
        HASH_DELETE(hh, m->processes, e);
        leave_kernel(m, e);
}

void http_monitor_disarm_if_idle(HttpMonitor *m) {
        if (!m->is_armed || m->sets)
                return;

        probe_disarm(m->probe, PROBE_USE_HTTP);
        m->is_armed = false;
}

static bool has_traffic(const HttpProcess *e) {
        for (size_t i = 0; e->traffic && i < e->set->n_rules; i++)
                if (e->traffic[i])
                        return true;

        return false;
}

void http_monitor_free_gone(HttpMonitor *m, bool all) {
        HttpProcess *e, *next;

        DL_FOREACH_SAFE2(m->gone, e, next, leaving_next) {
                if (!all && m->n_gone <= GONE_MAX && has_traffic(e) &&
                    m->second < e->gone_second + HTTP_RECENT_SEC_MAX)
                        continue;

                DL_DELETE2(m->gone, e, leaving_prev, leaving_next);
                m->n_gone--;
                http_process_free(m, e);
        }
}

HttpMonitor *http_monitor_free(HttpMonitor *m) {
        HttpProcess *e, *next;

        if (!m)
                return NULL;

        http_monitor_free_gone(m, /* all= */ true);
        HASH_ITER(hh, m->processes, e, next) {
                take_out(m, e);
                http_process_free(m, e);
        }

        http_monitor_disarm_if_idle(m);
        free(m);
        return NULL;
}

void http_monitor_set_hook(HttpMonitor *m, ProbeHttpHook hook) {
        assert(m);

        m->hook = hook;
}

HttpProcess *http_monitor_find(const HttpMonitor *m, const Process *p) {
        HttpProcess *e;

        assert(m);
        assert(p);

        HASH_FIND_INT(m->processes, &p->key.pid, e);
        return e && e->process == p ? e : NULL;
}

static bool is_same(const HttpProcess *e, const UriRule *rules, size_t n, const char *cgroup) {
        if (e->error < 0 || e->exec_id != e->process->exec_id || !http_rule_set_equal(e->set, rules, n))
                return false;
        if (e->hook != PROBE_HTTP_HOOK_CGROUP)
                return true;

        return e->cgroup && cgroup && strcmp(e->cgroup, cgroup) == 0;
}

static int arm(HttpMonitor *m, const char **ret_reason) {
        int r;

        if (m->is_armed)
                return 0;

        r = probe_feature(m->probe, PROBE_FEATURE_HTTP, ret_reason);
        if (r < 0)
                return r;

        r = probe_arm(m->probe, PROBE_USE_HTTP);
        if (r < 0) {
                *ret_reason = "the programs that see HTTP could not be loaded";
                return r;
        }

        m->is_armed = m->was_just_armed = true;
        return 0;
}

static const char *watch_reason(int error) {
        switch (error) {
        case -ENOSPC:
                return "more HTTP rules of processes than HttpRulesMax= allows";
        case -EOPNOTSUPP:
                return "the kernel does not have the hook that HttpHook= asks for";
        case -ENODEV:
                return "it does not listen on a TCP port of its own cgroup, which HttpHook=cgroup needs";
        default:
                return "the kernel refused to measure the process";
        }
}

static void make_gone(HttpMonitor *m, HttpProcess *e) {
        take_out(m, e);
        e->gone_second = m->second;
        DL_APPEND2(m->gone, e, leaving_prev, leaving_next);
        m->n_gone++;
}

void http_monitor_flush_leaving(HttpMonitor *m) {
        HttpProcess *e, *next;

        DL_FOREACH_SAFE2(m->leaving, e, next, leaving_next)
        make_gone(m, e);
}

static int
watch_in_kernel(HttpMonitor *m, HttpProcess *e, const UriRule *rules, size_t n, const HttpRules *compiled) {
        ProbeHttpTarget target = { .pid = e->pid, .cgroup = e->cgroup, .hook = m->hook };
        int r;

        e->reason = NULL;
        r = arm(m, &e->reason);
        if (r < 0)
                return r;

        r = http_rule_sets_get(&m->sets, m->probe, rules, n, compiled, &e->set);
        if (r == -ENOSPC && m->gone) {
                http_monitor_free_gone(m, /* all= */ true); /* their rules are in the kernel still */
                r = http_rule_sets_get(&m->sets, m->probe, rules, n, compiled, &e->set);
        }
        if (r < 0) {
                e->reason = r == -ENOSPC ? "no room for more URI rules in the kernel"
                                         : "the kernel refused its URI rules";
                return r;
        }

        e->traffic = calloc(n, sizeof(e->traffic[0]));
        if (!e->traffic)
                return -ENOMEM;

        target.rules = e->set->id;
        r = probe_http_watch(m->probe, &target, &e->hook);
        if (r == -ENOSPC && m->leaving) {
                http_monitor_flush_leaving(m);
                r = probe_http_watch(m->probe, &target, &e->hook);
        }
        if (r < 0) {
                e->reason = watch_reason(r);
                return r;
        }

        m->n_in_kernel += !e->is_in_kernel;
        e->is_in_kernel = true;
        return 0;
}

void http_monitor_unwatch(HttpMonitor *m, Process *p) {
        HttpProcess *e;

        assert(m);
        assert(p);

        e = http_monitor_find(m, p);
        if (!e)
                return;

        for (const Unit *u = p->unit; u; u = u->slice)
                if (strv_push(&e->units, strdup(u->name)) < 0)
                        break; /* then the outer units miss the rest of its last second */

        e->process = NULL;
        DL_APPEND2(m->leaving, e, leaving_prev, leaving_next);
}

static int make_entry(Process *p, const char *cgroup, HttpProcess **ret_entry) {
        HttpProcess *e;

        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;

        *e = (HttpProcess){ .pid = p->key.pid, .exec_id = p->exec_id, .process = p };
        if (cgroup) {
                e->cgroup = strdup(cgroup);
                if (!e->cgroup) {
                        free(e);
                        return -ENOMEM;
                }
        }

        *ret_entry = e;
        return 0;
}

/* @e takes the place of @old, which was of another process of that number or has other rules. What the same
 * program has in the kernel is kept, because its TLS functions stay attached. */
static void succeed(HttpMonitor *m, HttpProcess *old, HttpProcess *e) {
        if (old->process == e->process && old->exec_id == e->exec_id && old->is_in_kernel) {
                e->is_in_kernel = true;
                e->is_tls_attached = old->is_tls_attached;
                e->tls_note = old->tls_note;
                old->is_in_kernel = false;
        }

        if (old->process)
                http_monitor_unwatch(m, old->process);
        make_gone(m, old);
}

/* What is left of one that could not be watched: the reason. */
static void fail_entry(HttpMonitor *m, HttpProcess *e) {
        m->last_reason = e->reason;
        leave_kernel(m, e);
        free(e->traffic);
        e->traffic = NULL;
        http_rule_sets_put(&m->sets, m->probe, TAKE_PTR(e->set));
        http_monitor_disarm_if_idle(m);
}

int http_monitor_watch(
                HttpMonitor *m,
                Process *p,
                const UriRule *rules,
                size_t n_rules,
                const HttpRules *compiled,
                const char *cgroup) {
        HttpProcess *e, *old;
        int r;

        assert(m);
        assert(p);
        assert(rules);
        assert(compiled);

        HASH_FIND_INT(m->processes, &p->key.pid, old);
        if (old && old->process == p && is_same(old, rules, n_rules, cgroup))
                return 0;

        r = make_entry(p, cgroup, &e);
        if (r < 0)
                return r;

        e->since_second = m->second + 1; /* the tick watches it, as that second begins */
        if (old)
                succeed(m, old, e);

        HASH_ADD_INT(m->processes, pid, e);
        if (!HASH_ADDED(e)) {
                leave_kernel(m, e);
                http_process_free(m, e);
                return -ENOMEM;
        }

        e->error = watch_in_kernel(m, e, rules, n_rules, compiled);
        if (e->error < 0) {
                fail_entry(m, e);
                return e->error;
        }

        return 1;
}

uint64_t http_monitor_n_missed(const HttpMonitor *m) {
        assert(m);

        return m->n_missed;
}

size_t http_monitor_n_watched(const HttpMonitor *m) {
        assert(m);

        return HASH_COUNT(m->processes);
}

size_t http_monitor_n_measured(const HttpMonitor *m) {
        assert(m);

        return m->n_in_kernel;
}

const char *http_monitor_last_reason(const HttpMonitor *m) {
        assert(m);

        return m->last_reason;
}
