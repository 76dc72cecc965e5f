/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-bed.h"

#include "bus/bus-names.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(test_bus_http, .timeout = 30);

#define MS (1000 * 1000ULL)
#define POLICY                                                                            \
        "[Policy]\nUnit=web\n[Trigger]\nMetric=http-avg-response-time\nThreshold=250ms\n" \
        "URI=/api\n[Trigger]\nMetric=http-error-rate\nThreshold=5%\nURIRegex=^/img/\n"

typedef struct Sums {
        uint64_t n_total, n_4xx, n_5xx;
        double mean, p50, p95, p99;
} Sums;

typedef struct RuleRow {
        char process[32], uri[64], refused[128];
        uint32_t pid, n_seconds;
        Sums last, recent, total;
} RuleRow;

typedef struct ProcessRow {
        char process[32], hook[16], status[16], reason[128], tls_note[128], counters[256];
        uint32_t pid;
        int tls;
} ProcessRow;

static BusBed b;
static RuleRow rules[16];
static ProcessRow processes[8];
static size_t n_rules, n_processes;
static uint64_t second = 999;

static void init(void) {
        bus_bed_init(&b);
}

static void done(void) {
        bus_bed_done(&b);
}

static void copy_text(char *ret, size_t size, const char *s) {
        cr_assert_lt(snprintf(ret, size, "%s", s), (int) size);
}

#define COPY(field, s) copy_text(field, sizeof(field), s)

static void read_sums(sd_bus_message *m, Sums *s) {
        cr_assert_gt(sd_bus_message_read(
                                     m,
                                     "(tttdddd)",
                                     &s->n_total,
                                     &s->n_4xx,
                                     &s->n_5xx,
                                     &s->mean,
                                     &s->p50,
                                     &s->p95,
                                     &s->p99),
                     0);
}

static void read_rules(sd_bus_message *m) {
        const char *process, *uri, *refused;

        cr_assert_gt(sd_bus_message_enter_container(m, 'a', CPROF_BUS_HTTP_RULE_SIGNATURE), 0);
        for (n_rules = 0; sd_bus_message_enter_container(m, 'r', "sussu(tttdddd)(tttdddd)(tttdddd)") > 0;
             n_rules++) {
                RuleRow *r = rules + n_rules;

                cr_assert_lt(n_rules, ELEMENTSOF(rules));
                cr_assert_gt(sd_bus_message_read(
                                             m, "sussu", &process, &r->pid, &uri, &refused, &r->n_seconds),
                             0);
                COPY(r->process, process);
                COPY(r->uri, uri);
                COPY(r->refused, refused);
                read_sums(m, &r->last);
                read_sums(m, &r->recent);
                read_sums(m, &r->total);
                cr_assert_geq(sd_bus_message_exit_container(m), 0);
        }
        cr_assert_geq(sd_bus_message_exit_container(m), 0);
}

static void read_processes(sd_bus_message *m) {
        const char *process, *hook, *status, *reason, *note, *name;
        uint64_t n;

        cr_assert_gt(sd_bus_message_enter_container(m, 'a', CPROF_BUS_HTTP_PROCESS_SIGNATURE), 0);
        for (n_processes = 0; sd_bus_message_enter_container(m, 'r', "susssbsa{st}") > 0; n_processes++) {
                ProcessRow *p = processes + n_processes;

                cr_assert_lt(n_processes, ELEMENTSOF(processes));
                cr_assert_gt(sd_bus_message_read(
                                             m,
                                             "susssbs",
                                             &process,
                                             &p->pid,
                                             &hook,
                                             &status,
                                             &reason,
                                             &p->tls,
                                             &note),
                             0);
                COPY(p->process, process);
                COPY(p->hook, hook);
                COPY(p->status, status);
                COPY(p->reason, reason);
                COPY(p->tls_note, note);
                p->counters[0] = '\0';
                cr_assert_gt(sd_bus_message_enter_container(m, 'a', "{st}"), 0);
                while (sd_bus_message_read(m, "{st}", &name, &n) > 0)
                        (void) snprintf(p->counters + strlen(p->counters),
                                        sizeof(p->counters) - strlen(p->counters),
                                        "%s=%llu ",
                                        name,
                                        (unsigned long long) n);
                cr_assert_geq(sd_bus_message_exit_container(m), 0);
                cr_assert_geq(sd_bus_message_exit_container(m), 0);
        }
}

static void get_http(const char *unit) {
        sd_bus_message *m = bus_bed_call(&b, "GetHttp", "s", unit);

        cr_assert(!sd_bus_message_is_method_error(m, NULL));
        read_rules(m);
        read_processes(m);
        sd_bus_message_unref(m);
}

/* The second that runs ends. */
static void tick(void) {
        second++;
        cr_assert_eq(http_monitor_tick(b.http, second * USEC_PER_SEC), 0);
        http_watch_sync(b.http_watch, second * USEC_PER_SEC);
}

static void begin(void) {
        bus_bed_succeeds(bus_bed_call(&b, "AddPolicy", "ssb", "slow", POLICY, 0));
        tick();
}

static const RuleRow *rule(uint32_t pid, const char *uri) {
        for (size_t i = 0; i < n_rules; i++)
                if (rules[i].pid == pid && strcmp(rules[i].uri, uri) == 0)
                        return rules + i;

        cr_assert(false, "no row of %u %s", pid, uri);
        abort();
}

/* Status and reason of the first rule of GetWindows. */
static void get_status(const char *unit, char ret[static 256]) {
        sd_bus_message *m = bus_bed_call(&b, "GetWindows", "s", unit);
        const char *status, *reason, *task;
        uint64_t silence;

        cr_assert(!sd_bus_message_is_method_error(m, NULL));
        cr_assert_gt(sd_bus_message_enter_container(m, 'a', CPROF_BUS_WINDOW_SIGNATURE), 0);
        cr_assert_gt(sd_bus_message_enter_container(m, 'r', "ssussdsuuuadtsss"), 0);
        cr_assert_geq(sd_bus_message_skip(m, "ssussdsuuuad"), 0);
        cr_assert_gt(sd_bus_message_read(m, "tsss", &silence, &status, &reason, &task), 0);
        (void) snprintf(ret, 256, "%s: %s", status, reason);
        sd_bus_message_unref(m);
}

Test(test_bus_http, sums_of_the_unit_come_first_then_those_of_processes, .init = init, .fini = done) {
        begin();
        tick();
        fake_http_requests(&b.fake, 10, 0, second, 10, 1, 20 * MS);
        fake_http_requests(&b.fake, 11, 0, second, 30, 1, 20 * MS);
        tick();
        fake_http_requests(&b.fake, 10, 0, second, 2, 0, 20 * MS);
        tick();
        get_http("web");

        cr_assert_eq(n_rules, 6);
        cr_expect(rules[0].pid == 0 && rules[1].pid == 0 && rules[2].pid != 0);
        cr_expect_str_eq(rules[0].process, "");
        cr_expect_str_eq(rules[0].refused, "");

        cr_expect_eq(rule(0, "/api")->last.n_total, 2);
        cr_expect_eq(rule(0, "/api")->recent.n_total, 42);
        cr_expect_eq(rule(0, "/api")->recent.n_5xx, 2);
        cr_expect_eq(rule(0, "/api")->n_seconds, 3);
        cr_expect_float_eq(rule(0, "/api")->recent.mean, 20, 1e-9);
        cr_expect_float_eq(rule(0, "/api")->recent.p50, 18.432, 2.1);
        cr_expect_eq(rule(10, "/api")->total.n_total, 12);
        cr_expect_eq(rule(11, "/api")->total.n_total, 30);
        cr_expect_eq(rule(11, "/api")->last.n_total, 0);
        cr_expect(isnan(rule(11, "/api")->last.mean));
        cr_expect_eq(rule(10, "~^/img/")->total.n_total, 0);
        cr_expect_str_eq(rule(10, "/api")->process, "nginx");
}

Test(test_bus_http, each_process_says_how_it_is_measured, .init = init, .fini = done) {
        begin();
        fake_http_count(&b.fake, 10, CPROF_HTTP_SEEN_REQUESTS, 5);
        fake_http_count(&b.fake, 10, CPROF_HTTP_SEEN_HTTP2, 1);
        fake_http_count(&b.fake, 11, CPROF_HTTP_SEEN_TLS, 1);
        tick();
        http_monitor_set_tls(
                        b.http, target_set_find_process(b.targets, 11), false, "its TLS library is unknown");
        tick();
        get_http("web.service");

        cr_assert_eq(n_processes, 2);
        for (size_t i = 0; i < n_processes; i++) {
                const ProcessRow *p = processes + i;

                cr_expect_str_eq(p->hook, "socket");
                cr_expect_str_eq(p->status, "degraded");
                cr_expect_not(p->tls);
                if (p->pid == 10) {
                        cr_expect_str_eq(p->reason, "connections of HTTP/2 are not measured");
                        cr_expect_str_eq(p->counters, "requests=5 http2=1 ");
                } else {
                        cr_expect_str_eq(p->reason, "its TLS library is unknown");
                        cr_expect_str_eq(p->tls_note, "its TLS library is unknown");
                        cr_expect_str_eq(p->counters, "tls=1 ");
                }
        }
}

Test(test_bus_http, a_unit_that_no_policy_measures_has_nothing, .init = init, .fini = done) {
        begin();
        get_http("db");
        cr_expect_eq(n_rules, 0);
        cr_expect_eq(n_processes, 0);
        bus_bed_fails(bus_bed_call(&b, "GetHttp", "s", "wep"),
                      CPROF_BUS_ERROR_NO_SUCH_UNIT,
                      "No unit 'wep.service' with processes on this host, did you mean 'web.service'?");
}

Test(test_bus_http, rules_say_when_they_are_degraded_or_impossible, .init = init, .fini = done) {
        char status[256];

        begin();
        tick();
        get_status("web", status);
        cr_expect_str_eq(status, "armed: ");

        fake_http_count(&b.fake, 10, CPROF_HTTP_SEEN_HTTP2, 1);
        fake_http_count(&b.fake, 11, CPROF_HTTP_SEEN_HTTP2, 1);
        tick();
        get_status("web", status);
        cr_expect_str_eq(status, "degraded: connections of HTTP/2 are not measured");

        b.fake.fail[PROBE_FEATURE_HTTP] = -EOPNOTSUPP;
        get_status("web", status);
        cr_expect_str_eq(status, "impossible: made to fail by the test");
}

Test(test_bus_http, who_found_no_place_says_so, .init = init, .fini = done) {
        char status[256];

        b.fake.http.watch_error = -ENOSPC;
        begin();
        tick();
        get_status("web", status);
        cr_expect(strstr(status, "impossible: ") && strstr(status, "HttpRulesMax="), "%s", status);
        get_http("web");
        cr_expect(strstr(rule(0, "/api")->refused, "HttpRulesMax="));
        cr_expect(strstr(rule(10, "/api")->refused, "HttpRulesMax="));
        cr_assert_eq(n_processes, 2);
        cr_expect_str_eq(processes[0].hook, "");
}
