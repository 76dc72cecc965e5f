/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-probe.h"
#include "fake/fake-subjects.h"
#include "monitor/http-monitor.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <utlist.h>

/* A monitor of four processes on a fake probe. */

#define N_PROCESSES 4
#define MS (1000 * 1000ULL)

_unused_ static const UriRule all = { .kind = URI_RULE_ALL };
_unused_ static const UriRule orders = { .kind = URI_RULE_EXACT, .text = (char *) "/api/orders" };
_unused_ static const UriRule pay = { .kind = URI_RULE_EXACT, .text = (char *) "/api/pay" };

/* root > web.slice > nginx.service: processes 1 and 2; root > php.service: process 3; process 4 is in root.
 */
typedef struct World {
        FakeProbe fake;
        Probe *probe;
        HttpMonitor *m;
        Unit root, web, nginx, php;
        Process processes[N_PROCESSES + 1];
} World;

static World w;

static inline void link_unit(Unit *u, Unit *slice) {
        DL_APPEND2(slice->children, u, child_prev, child_next);
}

static inline void setup(void) {
        Unit *const units[] = { NULL, &w.nginx, &w.nginx, &w.php, &w.root };

        memset(&w, 0, sizeof(w));
        w.root = fake_unit("-.slice", NULL);
        w.web = fake_unit("web.slice", &w.root);
        w.nginx = fake_unit("nginx.service", &w.web);
        w.php = fake_unit("php.service", &w.root);
        link_unit(&w.web, &w.root);
        link_unit(&w.php, &w.root);
        link_unit(&w.nginx, &w.web);

        for (int pid = 1; pid <= N_PROCESSES; pid++) {
                w.processes[pid] = fake_process(pid, "server", units[pid]);
                DL_APPEND2(units[pid]->processes, w.processes + pid, unit_prev, unit_next);
        }

        cr_assert_eq(fake_probe_new(&w.fake, &w.probe), 0);
        cr_assert_eq(http_monitor_new(w.probe, PROBE_HTTP_HOOK_AUTO, &w.m), 0);
}

static inline void teardown(void) {
        w.m = http_monitor_free(w.m);
        cr_expect_not(w.fake.http.armed);
        cr_expect_eq(w.fake.http.n_rules_added, w.fake.http.n_rules_removed);
        w.probe = probe_free(w.probe);
}

static inline int watch_in(int pid, const UriRule *rules, size_t n, const char *cgroup) {
        const HttpRules compiled = { .n_rules = (unsigned) n };

        return http_monitor_watch(w.m, w.processes + pid, rules, n, &compiled, cgroup);
}

static inline int watch(int pid, const UriRule *rules, size_t n) {
        return watch_in(pid, rules, n, NULL);
}

/* The process exits, as the target set tells it. */
static inline void leave(int pid) {
        Process *p = w.processes + pid;

        http_monitor_unwatch(w.m, p);
        DL_DELETE2(p->unit->processes, p, unit_prev, unit_next);
        memset(p, 0xff, sizeof(*p)); /* who looks at it now, crashes */
}

static inline int end_of(uint64_t second) {
        return http_monitor_tick(w.m, (second + 1) * USEC_PER_SEC + 3000);
}

static inline Subject process(int pid) {
        return (Subject){ .process = w.processes + pid };
}

static inline Subject unit(Unit *u) {
        return (Subject){ .unit = u };
}

static inline double rate(Subject s, const UriRule *rule) {
        return http_monitor_value(w.m, METRIC_HTTP_REQUEST_RATE, s, rule);
}

static inline uint64_t total(Subject s, const UriRule *rule) {
        HttpSums sums;

        return http_monitor_total(w.m, s, rule, &sums) ? sums.n_total : UINT64_MAX;
}

static inline uint64_t recent(Subject s, const UriRule *rule, unsigned n) {
        HttpSums sums;

        return http_monitor_recent(w.m, s, rule, n, &sums) ? sums.n_total : UINT64_MAX;
}
