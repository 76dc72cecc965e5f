/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-bed.h"

#include "bus/bus-names.h"
#include "host/clock.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(test_bus_window, .timeout = 30);

#define UNIT_POLICY "[Policy]\nUnit=web\nScope=unit\n[Trigger]\nWhen=process-cpu >= 80% for 5 of 10s\n"
#define VALUES_MAX 64U
#define ROWS_MAX 8U

typedef struct Row {
        char policy[64], process[64], metric[64], uri[64], unit[16], status[16], reason[128],
                        task[TASK_ID_MAX];
        uint32_t pid, period, count, hits;
        double threshold, values[VALUES_MAX];
        size_t n_values;
        uint64_t silence_usec;
} Row;

static BusBed b;
static Row rows[ROWS_MAX];

static void init(void) {
        bus_bed_init(&b);
}

static void done(void) {
        bus_bed_done(&b);
}

static void add_policy(const char *name, const char *text) {
        bus_bed_succeeds(bus_bed_call(&b, "AddPolicy", "ssb", name, text, 0));
}

static void copy_text(char *ret, size_t size, const char *s) {
        cr_assert_lt(snprintf(ret, size, "%s", s), (int) size);
}

#define COPY(field, s) copy_text(field, sizeof(field), s)

static void read_row(sd_bus_message *m, Row *ret) {
        const char *policy, *process, *metric, *uri, *unit, *status, *reason, *task;
        const void *values;
        size_t size;

        cr_assert_gt(sd_bus_message_read(
                                     m,
                                     "ssussdsuuu",
                                     &policy,
                                     &process,
                                     &ret->pid,
                                     &metric,
                                     &uri,
                                     &ret->threshold,
                                     &unit,
                                     &ret->period,
                                     &ret->count,
                                     &ret->hits),
                     0);
        cr_assert_gt(sd_bus_message_read_array(m, 'd', &values, &size), 0);
        cr_assert_leq(size, sizeof(ret->values));
        memcpy(ret->values, values, size);
        ret->n_values = size / sizeof(double);
        cr_assert_gt(sd_bus_message_read(m, "tsss", &ret->silence_usec, &status, &reason, &task), 0);

        COPY(ret->policy, policy);
        COPY(ret->process, process);
        COPY(ret->metric, metric);
        COPY(ret->uri, uri);
        COPY(ret->unit, unit);
        COPY(ret->status, status);
        COPY(ret->reason, reason);
        COPY(ret->task, task);
}

/* Fills rows. */
static void get_windows(const char *unit, size_t n_expected) {
        sd_bus_message *m = bus_bed_call(&b, "GetWindows", "s", unit);
        size_t n = 0;

        cr_assert(!sd_bus_message_is_method_error(m, NULL));
        cr_assert_gt(sd_bus_message_enter_container(m, 'a', CPROF_BUS_WINDOW_SIGNATURE), 0);
        for (; sd_bus_message_enter_container(m, 'r', "ssussdsuuuadtsss") > 0; n++) {
                cr_assert_lt(n, ROWS_MAX);
                read_row(m, rows + n);
                cr_assert_geq(sd_bus_message_exit_container(m), 0);
        }

        cr_assert_eq(n, n_expected, "%s: %zu rows, not %zu", unit, n, n_expected);
        sd_bus_message_unref(m);
}

static const Row *row_of(uint32_t pid) {
        for (size_t i = 0; i < ROWS_MAX; i++)
                if (rows[i].policy[0] && rows[i].pid == pid)
                        return rows + i;

        cr_assert(false, "no row of %u", pid);
        abort();
}

Test(test_bus_window, each_process_has_a_row_for_each_rule, .init = init, .fini = done) {
        const Row *r;

        add_policy("web", BUS_BED_POLICY);
        get_windows("web.service", 2);

        cr_expect_str_eq(row_of(11)->process, "worker");
        r = row_of(10);
        cr_expect_str_eq(r->policy, "web");
        cr_expect_str_eq(r->process, "nginx");
        cr_expect_str_eq(r->metric, "process-cpu");
        cr_expect_str_eq(r->uri, "");
        cr_expect_float_eq(r->threshold, 80.0, 1e-9);
        cr_expect_str_eq(r->unit, "%");
        cr_expect_eq(r->period, 10);
        cr_expect_eq(r->count, 5);
        cr_expect_eq(r->hits, 0);
        cr_expect_eq(r->silence_usec, 0);
        cr_expect_str_eq(r->status, "armed");
        cr_expect_str_eq(r->reason, "");
        cr_expect_str_eq(r->task, "");

        cr_assert_eq(r->n_values, 10);
        for (size_t i = 0; i < 10; i++)
                cr_expect(isnan(r->values[i]), "nothing has been measured");

        get_windows("web", 2);
        get_windows("db", 0);
        get_windows("system.slice", 2);
}

/* The value of a second is its number; those of the second process are negative. */
static double second_value(Metric metric, Subject subject, const UriRule *uri, void *userdata) {
        const double *second = userdata;

        return subject.process->key.pid == 10 ? *second : -*second;
}

static void on_cause(const Cause *cause, void *userdata) {
}

Test(test_bus_window, values_end_with_the_last_second_that_is_over, .init = init, .fini = done) {
        usec_t now_sec = clock_monotonic_usec() / USEC_PER_SEC, before_sec, after_sec;
        char text[256];
        double second;
        const Row *r;

        (void) snprintf(text,
                        sizeof(text),
                        "[Policy]\nUnit=web\n[Trigger]\nWhen=process-thread-count >= %u for 5 of 10s\n",
                        (unsigned) now_sec - 4);
        add_policy("ten", text);
        add_policy("sixty", "[Policy]\nUnit=web\n[Trigger]\nWhen=process-thread-count >= 1 for 60s\n");
        bus_bed_refresh(&b);

        /* Some seconds more, so that it does not matter when the call comes. */
        watch_set_set_source(b.watches, second_value, &second);
        for (usec_t sec = now_sec - 30; sec < now_sec + 20; sec++) {
                second = (double) sec;
                watch_set_tick(b.watches, (sec + 1) * USEC_PER_SEC, on_cause, NULL);
        }

        before_sec = (clock_monotonic_usec() - 100 * USEC_PER_MSEC) / USEC_PER_SEC - 1;
        get_windows("web", 4);
        after_sec = (clock_monotonic_usec() - 100 * USEC_PER_MSEC) / USEC_PER_SEC - 1;

        for (size_t i = 0; i < 4; i++) {
                double last, sign = rows[i].pid == 10 ? 1 : -1;

                r = rows + i;
                cr_assert_eq(r->n_values, r->period);
                last = r->values[r->n_values - 1] * sign;
                cr_expect_geq(last, (double) before_sec);
                cr_expect_leq(last, (double) after_sec);
                for (size_t j = 0; j < 10; j++)
                        cr_expect_float_eq(r->values[r->n_values - 1 - j] * sign, last - (double) j, 1e-9);

                if (r->period == 10 && r->pid == 10)
                        cr_expect_eq(r->hits, (unsigned) (last - (double) (now_sec - 4)) + 1, "%u", r->hits);
                if (r->pid == 11)
                        cr_expect_eq(r->hits, 0);
        }
}

Test(test_bus_window,
     without_the_task_iterator_rules_of_processes_are_degraded,
     .init = init,
     .fini = done) {
        add_policy("web", BUS_BED_POLICY);
        add_policy("load", "[Policy]\nUnit=db\n[Trigger]\nWhen=system-load >= 4\n");
        b.fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP;

        get_windows("web", 2);
        cr_expect_str_eq(row_of(10)->status, "degraded");
        cr_expect_str_eq(row_of(10)->reason, "made to fail by the test");

        get_windows("db", 1);
        cr_expect_str_eq(rows[0].status, "armed", "the load is that of the host");
        cr_expect_str_eq(rows[0].reason, "");
}

Test(test_bus_window, without_the_sampler_every_rule_is_impossible, .init = init, .fini = done) {
        add_policy("web", BUS_BED_POLICY);
        add_policy("load", "[Policy]\nUnit=db\n[Trigger]\nWhen=system-load >= 4\n");
        b.fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP;
        b.fake.fail[PROBE_FEATURE_ON_CPU] = -EPERM;

        get_windows("web", 2);
        cr_expect_str_eq(row_of(11)->status, "impossible");
        cr_expect_str_eq(row_of(11)->reason, "made to fail by the test");
        get_windows("db", 1);
        cr_expect_str_eq(rows[0].status, "impossible");
}

Test(test_bus_window, without_one_of_its_kinds_a_rule_is_degraded, .init = init, .fini = done) {
        add_policy("both", "[Policy]\nUnit=db\nProfile=on-cpu off-cpu\n[Trigger]\nWhen=system-load >= 4\n");

        get_windows("db", 1);
        cr_expect_str_eq(rows[0].status, "armed");

        b.fake.fail[PROBE_FEATURE_OFF_CPU] = -EPERM;
        get_windows("db", 1);
        cr_expect_str_eq(rows[0].status, "degraded");
        cr_expect_str_eq(rows[0].reason, "made to fail by the test");

        b.fake.fail[PROBE_FEATURE_ON_CPU] = -EPERM;
        get_windows("db", 1);
        cr_expect_str_eq(rows[0].status, "impossible");
}

Test(test_bus_window, a_unit_without_cpu_accounting_is_degraded, .init = init, .fini = done) {
        add_policy("unit", UNIT_POLICY);
        bus_bed_refresh(&b);

        get_windows("web", 1);
        cr_expect_str_eq(rows[0].process, "", "the row is of the unit");
        cr_expect_eq(rows[0].pid, 0);
        cr_expect_str_eq(rows[0].status, "degraded");
        cr_expect_eq(strncmp(rows[0].reason, "no CPU accounting for this cgroup", 33),
                     0,
                     "%s",
                     rows[0].reason);

        bus_bed_write(&b, "sys/fs/cgroup/system.slice/web.service/cpu.stat", "usage_usec 1000\n");
        bus_bed_refresh(&b);
        get_windows("web", 1);
        cr_expect_str_eq(rows[0].status, "armed");
}

#define PRESSURE "sys/fs/cgroup/system.slice/web.service/io.pressure"

Test(test_bus_window, a_unit_without_pressure_accounting_has_impossible_rules, .init = init, .fini = done) {
        add_policy("unit",
                   "[Policy]\nUnit=web\nScope=unit\n[Trigger]\nWhen=io-pressure >= 20% for 5 of 10s\n");
        get_windows("web", 1);
        cr_expect_str_eq(rows[0].status, "armed", "not known before the first second");

        bus_bed_refresh(&b);
        get_windows("web", 1);
        cr_expect_str_eq(rows[0].metric, "io-pressure");
        cr_expect_str_eq(rows[0].status, "impossible");
        cr_expect_str_eq(rows[0].reason, "the kernel does not account pressure (CONFIG_PSI, psi=1)");

        bus_bed_write(&b, "proc/pressure/cpu", "");
        bus_bed_refresh(&b);
        get_windows("web", 1);
        cr_expect_str_eq(rows[0].status, "impossible");
        cr_expect_str_eq(rows[0].reason, "pressure is not accounted for this cgroup (cgroup.pressure)");

        bus_bed_write(&b, PRESSURE, "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n");
        bus_bed_refresh(&b);
        get_windows("web", 1);
        cr_expect_str_eq(rows[0].status, "armed");
        cr_expect_str_eq(rows[0].reason, "");
}

Test(test_bus_window, each_uri_has_a_row, .init = init, .fini = done) {
        add_policy("slow",
                   "[Policy]\nUnit=web\n[Trigger]\nWhen=http-avg-response-time >= 0.25s for 10 of 30s on "
                   "/api/orders /api/pay\n[Trigger]\nWhen=http-error-rate >= 5% matching ^/x\n");
        get_windows("web", 6);
        cr_expect_str_eq(rows[0].metric, "http-avg-response-time");
        cr_expect_str_eq(rows[0].uri, "/api/orders");
        cr_expect_str_eq(rows[0].unit, "ms");
        cr_expect_eq(rows[0].threshold, 250);
        cr_expect_eq(rows[0].n_values, 30);
        cr_expect_str_eq(rows[1].uri, "/api/pay");
        cr_expect_str_eq(rows[2].uri, "~^/x");
}

Test(test_bus_window, silence_is_that_of_the_process, .init = init, .fini = done) {
        add_policy("web", BUS_BED_POLICY);
        cr_assert_eq(cooldown_start(b.cooldown,
                                    "web.service",
                                    "nginx",
                                    PROFILE_KIND_ON_CPU,
                                    clock_monotonic_usec() + USEC_PER_HOUR),
                     0);

        get_windows("web", 2);
        cr_expect_leq(row_of(10)->silence_usec, USEC_PER_HOUR);
        cr_expect_gt(row_of(10)->silence_usec, USEC_PER_HOUR - USEC_PER_MINUTE);
        cr_expect_eq(row_of(11)->silence_usec, 0);
}

Test(test_bus_window, the_task_is_the_one_that_covers_the_row, .init = init, .fini = done) {
        char process[TASK_ID_MAX], unit[TASK_ID_MAX];

        add_policy("web", BUS_BED_POLICY);
        bus_bed_start(&b, "db", 0, unit);
        get_windows("web", 2);
        cr_expect_str_eq(row_of(10)->task, "");

        bus_bed_start(&b, "web", 11, process);
        get_windows("web", 2);
        cr_expect_str_eq(row_of(10)->task, "");
        cr_expect_str_eq(row_of(11)->task, process);

        bus_bed_succeeds(bus_bed_call(&b, "StopTask", "s", process));
        get_windows("web", 2);
        cr_expect_str_eq(row_of(11)->task, "");

        bus_bed_start(&b, "web", 0, unit);
        get_windows("web", 2);
        cr_expect_str_eq(row_of(10)->task, unit);
        cr_expect_str_eq(row_of(11)->task, unit);
}

Test(test_bus_window, an_unknown_unit_is_refused_with_the_nearest_one, .init = init, .fini = done) {
        static const struct {
                const char *unit, *error, *message;
        } refusals[] = {
                { "wep",
                  CPROF_BUS_ERROR_NO_SUCH_UNIT,
                  "No unit 'wep.service' with processes on this host, did you mean 'web.service'?" },
                { "systen.slice",
                  CPROF_BUS_ERROR_NO_SUCH_UNIT,
                  "No unit 'systen.slice' with processes on this host, did you mean 'system.slice'?" },
                { "something-else.scope",
                  CPROF_BUS_ERROR_NO_SUCH_UNIT,
                  "No unit 'something-else.scope' with processes on this host." },
                { "", NULL, "'' is no unit name." },
                { "w*", CPROF_BUS_ERROR_NO_SUCH_UNIT, "No unit 'w*' with processes on this host." },
        };

        for (size_t i = 0; i < ELEMENTSOF(refusals); i++)
                bus_bed_fails(bus_bed_call(&b, "GetWindows", "s", refusals[i].unit),
                              refusals[i].error,
                              refusals[i].message);
}
