/* SPDX-License-Identifier: Apache-2.0 */
/* The sums: whose, of which second. */
#include "monitor/http-world.h"
#include "monitor/monitor.h"

TestSuite(http_monitor, .timeout = 20);

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
        fake_http_requests(&w.fake, 1, 0, 100, 0, 0, MS);
        cr_assert_eq(end_of(100), 0);
        fake_http_requests(&w.fake, 1, 0, 101, 1, 0, MS);
        fake_http_requests(&w.fake, 1, 0, 102, 10, 0, MS);
        fake_http_requests(&w.fake, 1, 0, 103, 100, 0, MS);
        cr_assert_eq(end_of(103), 0);

        cr_expect_float_eq(rate(process(1), &all), 100, 1e-9);
        cr_expect_eq(total(process(1), &all), 111);
        cr_expect_eq(http_monitor_n_missed(w.m), 2);

        /* the kernel has it no more */
        fake_http_requests(&w.fake, 1, 0, 104, 1000, 0, MS);
        cr_assert_eq(end_of(111), 0);
        cr_expect_float_eq(rate(process(1), &all), 0, 1e-9);
        cr_expect_eq(total(process(1), &all), 111);
        cr_expect_eq(http_monitor_n_missed(w.m), 9);
}

Test(http_monitor, seconds_that_arming_took_are_not_missed, .init = setup, .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        cr_assert_eq(end_of(102), 0);
        cr_expect_eq(http_monitor_n_missed(w.m), 0);
        cr_assert_eq(end_of(104), 0);
        cr_expect_eq(http_monitor_n_missed(w.m), 1);
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
