/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/http-monitor.h"

#include "fake/fake-probe.h"
#include "fake/fake-subjects.h"
#include "monitor/monitor.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <utlist.h>

TestSuite(http_monitor, .timeout = 20);

#define N_PROCESSES 4
#define MS (1000 * 1000ULL)

static const UriRule all = { .kind = URI_RULE_ALL };
static const UriRule orders = { .kind = URI_RULE_EXACT, .text = (char *) "/api/orders" };
static const UriRule pay = { .kind = URI_RULE_EXACT, .text = (char *) "/api/pay" };

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

static void link_unit(Unit *u, Unit *slice) {
        DL_APPEND2(slice->children, u, child_prev, child_next);
}

static void setup(void) {
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

static void teardown(void) {
        w.m = http_monitor_free(w.m);
        cr_expect_not(w.fake.http.armed);
        cr_expect_eq(w.fake.http.n_rules_added, w.fake.http.n_rules_removed);
        w.probe = probe_free(w.probe);
}

static int watch_in(int pid, const UriRule *rules, size_t n, const char *cgroup) {
        const HttpRules compiled = { .n_rules = (unsigned) n };

        return http_monitor_watch(w.m, w.processes + pid, rules, n, &compiled, cgroup);
}

static int watch(int pid, const UriRule *rules, size_t n) {
        return watch_in(pid, rules, n, NULL);
}

/* The process exits, as the target set tells it. */
static void leave(int pid) {
        Process *p = w.processes + pid;

        http_monitor_unwatch(w.m, p);
        DL_DELETE2(p->unit->processes, p, unit_prev, unit_next);
        memset(p, 0xff, sizeof(*p)); /* who looks at it now, crashes */
}

static int end_of(uint64_t second) {
        return http_monitor_tick(w.m, (second + 1) * USEC_PER_SEC + 3000);
}

static Subject process(int pid) {
        return (Subject){ .process = w.processes + pid };
}

static Subject unit(Unit *u) {
        return (Subject){ .unit = u };
}

static double rate(Subject s, const UriRule *rule) {
        return http_monitor_value(w.m, METRIC_HTTP_REQUEST_RATE, s, rule);
}

static uint64_t total(Subject s, const UriRule *rule) {
        HttpSums sums;

        return http_monitor_total(w.m, s, rule, &sums) ? sums.n_total : UINT64_MAX;
}

static uint64_t recent(Subject s, const UriRule *rule, unsigned n) {
        HttpSums sums;

        return http_monitor_recent(w.m, s, rule, n, &sums) ? sums.n_total : UINT64_MAX;
}

Test(http_monitor, the_last_second_of_each_rule_is_its_own, .init = setup, .fini = teardown) {
        const UriRule rules[] = { all, orders };

        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, rules, 2), 1);
        fake_http_requests(&w.fake, 1, 0, 100, 10, 2, 5 * MS);
        fake_http_requests(&w.fake, 1, 1, 100, 4, 1, 2 * MS);
        fake_http_requests(&w.fake, 1, 0, 101, 1, 1, MS);
        cr_assert_eq(end_of(100), 0);

        cr_expect_float_eq(rate(process(1), &all), 10, 1e-9);
        cr_expect_float_eq(rate(process(1), &orders), 4, 1e-9);
        cr_expect_float_eq(http_monitor_value(w.m, METRIC_HTTP_ERROR_RATE, process(1), &orders), 25, 1e-9);
        cr_expect_float_eq(
                        http_monitor_value(w.m, METRIC_HTTP_AVG_RESPONSE_TIME, process(1), &all), 5, 1e-9);
        cr_expect(isnan(rate(process(1), &pay)));
        cr_expect(isnan(rate(process(2), &all)));

        cr_assert_eq(end_of(101), 0);
        cr_expect_float_eq(rate(process(1), &all), 1, 1e-9);
        cr_expect_float_eq(rate(process(1), &orders), 0, 1e-9);
        cr_expect(isnan(http_monitor_value(w.m, METRIC_HTTP_ERROR_RATE, process(1), &orders)));
        cr_expect_eq(total(process(1), &all), 11);
        cr_expect_eq(total(process(1), &orders), 4);
}

Test(http_monitor,
     a_rate_of_zero_is_a_value_from_the_first_whole_second_on,
     .init = setup,
     .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        cr_expect(isnan(rate(process(1), &all)));
        cr_expect(isnan(rate(unit(&w.nginx), &all)));

        cr_assert_eq(end_of(100), 0);
        cr_expect_float_eq(rate(process(1), &all), 0, 1e-9);
        cr_expect_float_eq(rate(unit(&w.nginx), &all), 0, 1e-9);
        cr_expect_float_eq(rate(unit(&w.root), &all), 0, 1e-9);
        cr_expect(isnan(rate(unit(&w.php), &all)));
}

Test(http_monitor, units_have_what_their_processes_did_up_to_their_end, .init = setup, .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        for (int pid = 1; pid <= 3; pid++)
                cr_assert_eq(watch(pid, &all, 1), 1);
        fake_http_requests(&w.fake, 1, 0, 100, 1, 0, MS);
        fake_http_requests(&w.fake, 2, 0, 100, 10, 0, MS);
        fake_http_requests(&w.fake, 3, 0, 100, 100, 0, MS);
        cr_assert_eq(end_of(100), 0);
        leave(2); /* found gone by the same tick */

        cr_expect_float_eq(rate(unit(&w.nginx), &all), 11, 1e-9);
        cr_expect_float_eq(rate(unit(&w.web), &all), 11, 1e-9);
        cr_expect_float_eq(rate(unit(&w.root), &all), 111, 1e-9);

        /* what it did between the end of that second and its own */
        fake_http_requests(&w.fake, 2, 0, 101, 7, 0, MS);
        cr_assert_eq(end_of(101), 0);
        cr_expect_float_eq(rate(unit(&w.nginx), &all), 7, 1e-9);
        cr_expect_eq(w.fake.http.n_unwatched, 1);

        cr_assert_eq(end_of(102), 0);
        cr_expect_float_eq(rate(unit(&w.nginx), &all), 0, 1e-9);
}

Test(http_monitor,
     the_last_process_of_a_unit_is_summed_although_the_unit_is_asked_later,
     .init = setup,
     .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(3, &all, 1), 1);
        fake_http_requests(&w.fake, 3, 0, 100, 5, 0, MS);
        cr_assert_eq(end_of(100), 0);
        leave(3);
        cr_expect_float_eq(rate(unit(&w.php), &all), 5, 1e-9);
        cr_expect_float_eq(rate(unit(&w.root), &all), 5, 1e-9);

        cr_assert_eq(end_of(101), 0);
        cr_expect(isnan(rate(unit(&w.php), &all)));
        cr_assert_eq(end_of(102), 0);
        cr_expect_not(w.fake.http.armed);
}

Test(http_monitor, processes_with_the_same_rules_share_them, .init = setup, .fini = teardown) {
        const UriRule rules[] = { orders, pay }, others[] = { pay, orders };

        cr_assert_eq(watch(1, rules, 2), 1);
        cr_assert_eq(watch(2, rules, 2), 1);
        cr_expect_eq(w.fake.http.n_rules_added, 1);
        cr_assert_eq(watch(3, others, 2), 1);
        cr_expect_eq(w.fake.http.n_rules_added, 2);

        cr_expect_eq(watch(1, rules, 2), 0); /* nothing new */
        cr_expect_eq(w.fake.http.n_watched, 3);

        http_monitor_unwatch(w.m, w.processes + 1);
        http_monitor_unwatch(w.m, w.processes + 3);
        cr_assert_eq(end_of(100), 0);
        cr_assert_eq(end_of(101), 0);
        cr_expect_eq(w.fake.http.n_rules_removed, 1);
        cr_expect(w.fake.http.armed);
}

Test(http_monitor, other_rules_begin_anew, .init = setup, .fini = teardown) {
        const UriRule rules[] = { orders, pay };
        size_t n;

        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &orders, 1), 1);
        http_monitor_set_tls(w.m, w.processes + 1, true, NULL);
        fake_http_requests(&w.fake, 1, 0, 100, 5, 0, MS);
        cr_assert_eq(end_of(100), 0);
        cr_assert_eq(watch(1, rules, 2), 1);
        cr_expect_eq(w.fake.http.n_unwatched, 0); /* so that TLS stays attached */

        cr_expect(isnan(rate(process(1), &orders)));
        cr_expect_eq(total(process(1), &orders), UINT64_MAX);
        cr_expect_float_eq(rate(unit(&w.nginx), &orders), 5, 1e-9); /* of the second that is over */

        cr_assert_eq(end_of(101), 0);
        cr_expect_float_eq(rate(process(1), &orders), 0, 1e-9);
        cr_expect_eq(total(process(1), &orders), 0);
        cr_assert_not_null(http_monitor_rules(w.m, w.processes + 1, &n));
        cr_expect_eq(n, 2);

        HttpStatus status;
        cr_assert_eq(http_monitor_status(w.m, w.processes + 1, &status), 0);
        cr_expect(status.is_tls_attached);
}

Test(http_monitor, another_program_is_watched_anew, .init = setup, .fini = teardown) {
        cr_assert_eq(watch(1, &all, 1), 1);
        w.processes[1].exec_id++;
        cr_expect_eq(watch(1, &all, 1), 1);
        cr_expect_eq(w.fake.http.n_watched, 2);
        cr_expect_eq(w.fake.http.n_unwatched, 1);
}

Test(http_monitor,
     a_number_that_is_reused_at_once_has_the_sums_of_its_own,
     .init = setup,
     .fini = teardown) {
        Process again = fake_process(1, "other", &w.php);

        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        fake_http_requests(&w.fake, 1, 0, 100, 5, 0, MS);
        cr_assert_eq(end_of(100), 0);
        leave(1);
        w.processes[1] = again;
        DL_APPEND2(w.php.processes, w.processes + 1, unit_prev, unit_next);
        cr_assert_eq(watch(1, &all, 1), 1);

        cr_expect(isnan(rate(process(1), &all)));
        cr_expect_float_eq(rate(unit(&w.nginx), &all), 5, 1e-9);

        fake_http_requests(&w.fake, 1, 0, 101, 2, 0, MS);
        cr_assert_eq(end_of(101), 0);
        cr_expect_float_eq(rate(process(1), &all), 2, 1e-9);
        cr_expect_float_eq(rate(unit(&w.php), &all), 2, 1e-9);
        cr_expect(isnan(rate(unit(&w.nginx), &all)));
}

Test(http_monitor, a_process_that_moves_is_counted_where_it_is, .init = setup, .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch_in(1, &all, 1, "/sys/fs/cgroup/a"), 1);
        fake_http_requests(&w.fake, 1, 0, 100, 5, 0, MS);
        cr_assert_eq(end_of(100), 0);
        cr_expect_float_eq(rate(unit(&w.nginx), &all), 5, 1e-9);

        w.processes[1].unit = &w.php;
        DL_DELETE2(w.nginx.processes, w.processes + 1, unit_prev, unit_next);
        DL_APPEND2(w.php.processes, w.processes + 1, unit_prev, unit_next);
        cr_expect_eq(watch_in(1, &all, 1, "/sys/fs/cgroup/b"), 0); /* its sockets are seen wherever it is */
        cr_expect_float_eq(rate(unit(&w.php), &all), 5, 1e-9);
        cr_expect(isnan(rate(unit(&w.nginx), &all)));
}

Test(http_monitor,
     who_is_measured_by_its_cgroup_is_watched_anew_in_another,
     .init = setup,
     .fini = teardown) {
        http_monitor_set_hook(w.m, PROBE_HTTP_HOOK_CGROUP);
        cr_assert_eq(watch_in(1, &all, 1, "/sys/fs/cgroup/a"), 1);
        cr_expect_eq(watch_in(1, &all, 1, "/sys/fs/cgroup/a"), 0);
        cr_expect_eq(watch_in(1, &all, 1, "/sys/fs/cgroup/b"), 1);
        cr_expect_str_eq(w.fake.http.processes[fake_http_find(&w.fake, 1)].cgroup, "/sys/fs/cgroup/b");
        cr_expect_eq(w.fake.http.processes[fake_http_find(&w.fake, 1)].wanted, PROBE_HTTP_HOOK_CGROUP);
}

Test(http_monitor,
     a_second_that_was_slept_through_has_no_value_but_counts,
     .init = setup,
     .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        fake_http_requests(&w.fake, 1, 0, 100, 1, 0, MS);
        fake_http_requests(&w.fake, 1, 0, 101, 10, 0, MS);
        fake_http_requests(&w.fake, 1, 0, 102, 100, 0, MS);
        cr_assert_eq(end_of(102), 0);

        cr_expect_float_eq(rate(process(1), &all), 100, 1e-9);
        cr_expect_eq(total(process(1), &all), 111);
        cr_expect_eq(http_monitor_n_missed(w.m), 2);

        /* the kernel has it no more */
        fake_http_requests(&w.fake, 1, 0, 103, 1000, 0, MS);
        cr_assert_eq(end_of(110), 0);
        cr_expect_float_eq(rate(process(1), &all), 0, 1e-9);
        cr_expect_eq(total(process(1), &all), 111);
        cr_expect_eq(http_monitor_n_missed(w.m), 9);
}

Test(http_monitor, a_tick_within_the_same_second_changes_nothing, .init = setup, .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        fake_http_requests(&w.fake, 1, 0, 100, 3, 0, MS);
        cr_assert_eq(end_of(100), 0);
        cr_assert_eq(end_of(100), 0);
        cr_expect_float_eq(rate(process(1), &all), 3, 1e-9);
        cr_expect_eq(total(process(1), &all), 3);
}

Test(http_monitor, recent_seconds_are_those_that_were_asked_for, .init = setup, .fini = teardown) {
        HttpStatus status;

        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        cr_assert_eq(watch(2, &all, 1), 1);
        for (unsigned i = 0; i < 25; i++) {
                fake_http_requests(&w.fake, 1, 0, 100 + i, 1 + i, 0, MS);
                cr_assert_eq(end_of(100 + i), 0);
        }

        cr_expect_eq(recent(process(1), &all, 1), 25);
        cr_expect_eq(recent(process(1), &all, 3), 25 + 24 + 23);
        cr_expect_eq(recent(process(1), &all, 10), 205);
        cr_expect_eq(recent(unit(&w.nginx), &all, 3), 25 + 24 + 23);
        cr_expect_eq(recent(process(2), &all, 10), 0);
        cr_expect_eq(recent(process(3), &all, 10), UINT64_MAX);
        cr_assert_eq(http_monitor_status(w.m, w.processes + 1, &status), 0);
        cr_expect_eq(status.n_seconds, 10);

        for (unsigned i = 25; i < 40; i++)
                cr_assert_eq(end_of(100 + i), 0);
        cr_expect_eq(recent(process(1), &all, 10), 0);
}

Test(http_monitor, idle_processes_are_not_asked_about, .init = setup, .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        fake_http_count(&w.fake, 1, CPROF_HTTP_LOSS_FRAMING, 3);
        cr_assert_eq(end_of(100), 0);
        cr_expect_eq(w.fake.http.n_read, 1);

        HttpStatus status;
        cr_assert_eq(http_monitor_status(w.m, w.processes + 1, &status), 0);
        cr_expect_eq(status.counters[CPROF_HTTP_LOSS_FRAMING], 3);
        cr_expect(status.is_degraded);
}

static bool is_degraded(void) {
        HttpStatus status;

        cr_assert_eq(http_monitor_status(w.m, w.processes + 1, &status), 0);
        cr_expect_eq(status.is_degraded, status.degraded_reason != NULL);
        return status.is_degraded;
}

Test(http_monitor,
     more_than_one_loss_in_a_thousand_degrades_for_a_minute_or_two,
     .init = setup,
     .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        fake_http_count(&w.fake, 1, CPROF_HTTP_SEEN_REQUESTS, 2000);
        fake_http_count(&w.fake, 1, CPROF_HTTP_LOSS_UNPAIRED_RESPONSE, 2);
        cr_assert_eq(end_of(100), 0);
        cr_expect_not(is_degraded());

        fake_http_count(&w.fake, 1, CPROF_HTTP_LOSS_LONG_LINE, 1);
        fake_http_count(&w.fake, 1, CPROF_HTTP_LOSS_ABORTED_REQUEST, 500); /* a client's decision */
        cr_assert_eq(end_of(101), 0);
        cr_expect(is_degraded());
        cr_assert_eq(end_of(160), 0);
        cr_expect(is_degraded());

        for (unsigned s = 161; s < 290; s++) {
                cr_assert_eq(end_of(s), 0);
                (void) is_degraded();
        }
        cr_expect_not(is_degraded());
}

Test(http_monitor, connections_that_are_not_measured_degrade, .init = setup, .fini = teardown) {
        HttpStatus status;

        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        fake_http_count(&w.fake, 1, CPROF_HTTP_SEEN_TLS, 1);
        cr_assert_eq(end_of(100), 0);
        http_monitor_set_tls(w.m, w.processes + 1, false, "Java has TLS of its own");
        cr_assert_eq(http_monitor_status(w.m, w.processes + 1, &status), 0);
        cr_expect(status.is_degraded);
        cr_expect_str_eq(status.degraded_reason, "Java has TLS of its own");

        http_monitor_set_tls(w.m, w.processes + 1, true, NULL);
        fake_http_count(&w.fake, 1, CPROF_HTTP_SEEN_TLS_PLAIN, 1);
        cr_assert_eq(end_of(101), 0);
        cr_expect_not(is_degraded());

        fake_http_count(&w.fake, 1, CPROF_HTTP_SEEN_HTTP2, 1);
        cr_assert_eq(end_of(102), 0);
        cr_assert_eq(http_monitor_status(w.m, w.processes + 1, &status), 0);
        cr_expect(strstr(status.degraded_reason, "HTTP/2"));
}

Test(http_monitor, what_cannot_be_measured_says_why_and_is_tried_again, .init = setup, .fini = teardown) {
        HttpStatus status;

        w.fake.fail[PROBE_FEATURE_HTTP] = -EOPNOTSUPP;
        cr_expect_eq(watch(1, &all, 1), -EOPNOTSUPP);
        cr_assert_eq(http_monitor_status(w.m, w.processes + 1, &status), 0);
        cr_expect_eq(status.error, -EOPNOTSUPP);
        cr_expect_str_eq(status.reason, "made to fail by the test");
        cr_assert_eq(end_of(100), 0);
        cr_expect(isnan(rate(process(1), &all)));

        w.fake.fail[PROBE_FEATURE_HTTP] = 0;
        w.fake.http.watch_error = -ENOSPC;
        cr_expect_eq(watch(1, &all, 1), -ENOSPC);
        cr_assert_eq(http_monitor_status(w.m, w.processes + 1, &status), 0);
        cr_expect(strstr(status.reason, "HttpRulesMax="));
        cr_expect_not(w.fake.http.armed);

        w.fake.http.watch_error = 0;
        w.fake.http.rules_error = -ENOSPC;
        cr_expect_eq(watch(1, &all, 1), -ENOSPC);

        w.fake.http.rules_error = 0;
        cr_expect_eq(watch(1, &all, 1), 1);
        cr_assert_eq(http_monitor_status(w.m, w.processes + 1, &status), 0);
        cr_expect_eq(status.error, 0);
        cr_expect_eq(http_monitor_status(w.m, w.processes + 2, &status), -ENOENT);
}

Test(http_monitor, a_second_that_cannot_be_read_has_no_values, .init = setup, .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        fake_http_requests(&w.fake, 1, 0, 100, 3, 0, MS);
        w.fake.http.armed = false; /* then the fake refuses to read */
        cr_expect_eq(end_of(100), -ENOENT);
        w.fake.http.armed = true;
        cr_expect(isnan(rate(process(1), &all)));
        cr_expect_eq(http_monitor_n_missed(w.m), 1);
}

Test(http_monitor, metrics_of_the_monitor_are_those_of_the_second, .init = setup, .fini = teardown) {
        Monitor monitor;

        monitor_init(&monitor, NULL, NULL);
        cr_expect(isnan(monitor_value(&monitor, METRIC_HTTP_REQUEST_RATE, process(1), &all)));

        monitor.http = w.m;
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &orders, 1), 1);
        fake_http_requests(&w.fake, 1, 0, 100, 4, 1, 300 * MS);
        cr_assert_eq(end_of(100), 0);
        cr_expect_float_eq(monitor_value(&monitor, METRIC_HTTP_ERROR_RATE, process(1), &orders), 25, 1e-9);
        cr_expect_float_eq(
                        monitor_value(&monitor, METRIC_HTTP_AVG_RESPONSE_TIME, unit(&w.web), &orders),
                        300,
                        1e-9);
        cr_expect(isnan(monitor_value(&monitor, METRIC_HTTP_ERROR_RATE, process(1), &all)));

        w.processes[1].fresh = true;
        cr_expect(isnan(monitor_value(&monitor, METRIC_HTTP_ERROR_RATE, process(1), &orders)));
}
