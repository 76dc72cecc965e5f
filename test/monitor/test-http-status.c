/* SPDX-License-Identifier: Apache-2.0 */
/* How well a process is measured. */
#include "monitor/http-world.h"

TestSuite(http_status, .timeout = 20);

Test(http_status, recent_seconds_are_those_that_were_asked_for, .init = setup, .fini = teardown) {
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

Test(http_status,
     recent_seconds_of_a_unit_have_those_of_workers_that_were_replaced,
     .init = setup,
     .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        cr_assert_eq(watch(2, &all, 1), 1);
        cr_assert_eq(watch(3, &all, 1), 1);
        fake_http_requests(&w.fake, 1, 0, 100, 100, 0, MS);
        cr_assert_eq(end_of(100), 0);
        leave(1);
        fake_http_requests(&w.fake, 2, 0, 101, 10, 0, MS);
        cr_assert_eq(end_of(101), 0);

        cr_expect_eq(recent(unit(&w.nginx), &all, 10), 110);
        cr_expect_eq(recent(unit(&w.root), &all, 10), 110);
        cr_expect_eq(recent(unit(&w.php), &all, 10), 0);
        cr_expect_eq(total(unit(&w.nginx), &all), 10);

        for (unsigned s = 102; s < 110; s++)
                cr_assert_eq(end_of(s), 0);
        cr_expect_eq(recent(unit(&w.nginx), &all, 10), 110);
        cr_assert_eq(end_of(110), 0);
        cr_expect_eq(recent(unit(&w.nginx), &all, 10), 10);
        cr_assert_eq(end_of(111), 0);
        cr_expect_eq(recent(unit(&w.nginx), &all, 10), 0);
}

Test(http_status, idle_processes_are_not_asked_about, .init = setup, .fini = teardown) {
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

Test(http_status,
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

Test(http_status, connections_that_are_not_measured_degrade, .init = setup, .fini = teardown) {
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

Test(http_status, what_cannot_be_measured_says_why_and_is_tried_again, .init = setup, .fini = teardown) {
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

Test(http_status, a_second_that_cannot_be_read_has_no_values, .init = setup, .fini = teardown) {
        cr_assert_eq(end_of(99), 0);
        cr_assert_eq(watch(1, &all, 1), 1);
        fake_http_requests(&w.fake, 1, 0, 100, 3, 0, MS);
        w.fake.http.armed = false; /* then the fake refuses to read */
        cr_expect_eq(end_of(100), -ENOENT);
        w.fake.http.armed = true;
        cr_expect(isnan(rate(process(1), &all)));
        cr_expect_eq(http_monitor_n_missed(w.m), 1);
}
