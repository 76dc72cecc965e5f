/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-bed.h"

#include "basic/strv.h"
#include "bus/bus-names.h"
#include "host/clock.h"
#include "oap/oap-registry-private.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

TestSuite(test_bus_oap, .timeout = 30);

static BusBed b;

static void init(void) {
        bus_bed_init(&b);
}

static void done(void) {
        bus_bed_done(&b);
}

static void add_rule(ServiceRules *rules, const char *unit, const char *service, const char *layer) {
        ServiceRule r;

        cr_assert_eq(service_rule_init(&r, "/etc/cprof/cprofd.conf:7"), 0);
        cr_assert_eq(strv_pushf(&r.units, "%s", unit), 0);
        cr_assert_eq(strv_pushf(&r.properties, "unit=%%n"), 0);
        free(r.service);
        r.service = strdup(service);
        free(r.layer);
        r.layer = strdup(layer);
        r.is_unit_scope = strcmp(unit, "db.service") == 0;
        rules->is_given = true;
        cr_assert_eq(service_rules_push(rules, &r), 0);
}

static void name_all(ServiceRules *rules) {
        cr_assert_eq(identity_set_new(b.host.host, rules, NULL, &b.identities), 0);
        cr_assert_eq(identity_set_add_all(b.identities, b.targets), 0);
}

/* One line for each row, and what follows them; the instance, which is this host's, is left out. */
static char *list_services(void) {
        sd_bus_message *reply = bus_bed_call(&b, "ListServices", "");
        const char *t[9];
        char *text = strdup("");
        uint32_t pid, n;
        uint64_t over;
        int r;

        cr_assert_gt(sd_bus_message_enter_container(reply, 'a', CPROF_BUS_SERVICE_SIGNATURE), 0);
        while ((r = sd_bus_message_enter_container(reply, 'r', "ssssusssssa{ss}")) > 0) {
                char *grown;

                cr_assert_gt(sd_bus_message_read(reply, "ssssu", t, t + 1, t + 2, t + 3, &pid), 0);
                cr_assert_gt(sd_bus_message_read(reply, "sssss", t + 4, t + 5, t + 6, t + 7, t + 8), 0);
                cr_assert_gt(asprintf(&grown,
                                      "%s%s %s %s %u %s %s %s '%s' '%s'",
                                      text,
                                      t[0],
                                      t[2],
                                      t[3],
                                      pid,
                                      t[4],
                                      t[5],
                                      t[6],
                                      t[7],
                                      t[8]),
                             0);
                free(text);
                text = grown;
                cr_assert_geq(sd_bus_message_enter_container(reply, 'a', "{ss}"), 0);
                while (sd_bus_message_read(reply, "{ss}", t, t + 1) > 0) {
                        cr_assert_gt(asprintf(&grown, "%s %s=%s", text, t[0], t[1]), 0);
                        free(text);
                        text = grown;
                }
                cr_assert_gt(asprintf(&grown, "%s\n", text), 0);
                free(text);
                text = grown;
                cr_assert_geq(sd_bus_message_exit_container(reply), 0);
                cr_assert_geq(sd_bus_message_exit_container(reply), 0);
        }
        cr_assert_eq(r, 0);
        cr_assert_geq(sd_bus_message_exit_container(reply), 0);
        cr_assert_gt(sd_bus_message_read(reply, "ut", &n, &over), 0);

        char *all;
        cr_assert_gt(asprintf(&all, "%s%u %" PRIu64, text, n, over), 0);
        free(text);
        sd_bus_message_unref(reply);
        return all;
}

static void expect_services(const char *expected) {
        _cleanup_(freep) char *text = list_services();

        cr_expect_str_eq(text, expected, "'%s'", text);
}

Test(test_bus_oap, without_names_they_are_made_for_the_answer_alone, .init = init, .fini = done) {
        expect_services("db postgres GENERAL 20 db.service process default '' ''\n"
                        "web nginx GENERAL 10 web.service process default '' ''\n"
                        "web worker GENERAL 11 web.service process default '' ''\n"
                        "0 0");
        cr_expect_null(target_set_find_process(b.targets, 10)->identity);
}

Test(test_bus_oap,
     names_that_are_in_force_are_told_with_the_section_that_gave_them,
     .init = init,
     .fini = done) {
        Registration known = { .id = (char *) "0123abcd" }, refused = { .is_alone[LANE_KEEP_ALIVE] = true };
        ServiceRules rules = {};

        add_rule(&rules, "db.service", "base", "NO_SUCH_LAYER");
        add_rule(&rules, "we*.service", "shop", "MESH");
        name_all(&rules);
        target_set_find_process(b.targets, 10)->identity->registration = &known;
        target_set_find_unit(b.targets, "db.service")->identity->registration = &refused;
        fake_host_set_process(&b.host, 30, 3000, "cron", "/usr/sbin/cron", "/system.slice/cron.service");
        bus_bed_refresh(&b);
        expect_services("base db NO_SUCH_LAYER 20 db.service unit /etc/cprof/cprofd.conf:7 '' 'OAP does not know the layer' unit=db.service\n"
                        "shop nginx MESH 10 web.service process /etc/cprof/cprofd.conf:7 '0123abcd' '' unit=web.service\n"
                        "shop worker MESH 11 web.service process /etc/cprof/cprofd.conf:7 '' '' unit=web.service\n"
                        "1 0");
}

/* The value of a key of GetOapStatus's answer as busctl would print it, roughly; NULL: there is none. */
static char *value_text(sd_bus_message *m, const char *contents) {
        char *text = NULL, *grown;
        const char *s, *t, *x[6];
        uint64_t n, k;
        uint32_t u, v;

        cr_assert_gt(sd_bus_message_enter_container(m, 'v', contents), 0);
        if (strcmp(contents, "s") == 0) {
                cr_assert_gt(sd_bus_message_read(m, "s", &s), 0);
                text = strdup(s);
        } else if (strcmp(contents, "t") == 0) {
                cr_assert_gt(sd_bus_message_read(m, "t", &n), 0);
                cr_assert_gt(asprintf(&text, "%" PRIu64, n), 0);
        } else {
                text = strdup("");
                cr_assert_geq(sd_bus_message_enter_container(m, 'a', contents + 1), 0);
                while (sd_bus_message_at_end(m, false) == 0) {
                        if (strcmp(contents, "a{st}") == 0) {
                                cr_assert_gt(sd_bus_message_read(m, "{st}", &s, &n), 0);
                                cr_assert_gt(asprintf(&grown, "%s%s=%" PRIu64 " ", text, s, n), 0);
                        } else if (strcmp(contents, "a(ssuu)") == 0) {
                                cr_assert_gt(sd_bus_message_read(m, "(ssuu)", &s, &t, &u, &v), 0);
                                cr_assert_gt(asprintf(&grown, "%s%s:%s:%u:%u ", text, s, t, u, v), 0);
                        } else {
                                cr_assert_gt(sd_bus_message_read(
                                                             m,
                                                             "(sssssstt)",
                                                             x,
                                                             x + 1,
                                                             x + 2,
                                                             x + 3,
                                                             x + 4,
                                                             x + 5,
                                                             &n,
                                                             &k),
                                             0);
                                cr_assert_gt(asprintf(&grown,
                                                      "%s%s:%s:%s:%s:%s:%s:%" PRIu64 ":%" PRIu64 " ",
                                                      text,
                                                      x[0],
                                                      x[1],
                                                      x[2],
                                                      x[3],
                                                      x[4],
                                                      x[5],
                                                      n,
                                                      k),
                                             0);
                        }
                        free(text);
                        text = grown;
                }
                cr_assert_geq(sd_bus_message_exit_container(m), 0);
        }
        cr_assert_geq(sd_bus_message_exit_container(m), 0);
        return text;
}

static char *get_status(const char *wanted, unsigned *ret_n) {
        sd_bus_message *reply = bus_bed_call(&b, "GetOapStatus", "");
        char *found = NULL;
        unsigned n = 0;

        cr_assert_gt(sd_bus_message_enter_container(reply, 'a', "{sv}"), 0);
        for (; sd_bus_message_enter_container(reply, 'e', "sv") > 0; n++) {
                const char *key, *contents;

                cr_assert_gt(sd_bus_message_read(reply, "s", &key), 0);
                cr_assert_gt(sd_bus_message_peek_type(reply, NULL, &contents), 0);
                if (strcmp(key, wanted) == 0)
                        found = value_text(reply, contents);
                else
                        cr_assert_geq(sd_bus_message_skip(reply, "v"), 0);
                cr_assert_geq(sd_bus_message_exit_container(reply), 0);
        }
        sd_bus_message_unref(reply);
        if (ret_n)
                *ret_n = n;
        return found;
}

static void expect_status(const char *key, const char *expected) {
        _cleanup_(freep) char *text = get_status(key, NULL);

        cr_assert_not_null(text, "no %s", key);
        cr_expect_str_eq(text, expected, "%s is '%s'", key, text);
}

static void expect_property(const char *property, const char *expected) {
        sd_bus_message *reply = bus_bed_get(&b, property);
        const char *s;

        cr_assert_gt(sd_bus_message_read(reply, "s", &s), 0);
        cr_expect_str_eq(s, expected, "%s is '%s'", property, s);
        sd_bus_message_unref(reply);
}

Test(test_bus_oap, without_an_oap_the_status_is_that_it_is_off, .init = init, .fini = done) {
        unsigned n;
        char *state = get_status("State", &n);

        cr_expect_str_eq(state, "off");
        cr_expect_eq(n, 1);
        free(state);
        expect_property("OapState", "off");
        expect_property("OapAddress", "");
}

Test(test_bus_oap, the_status_has_all_parts, .init = init, .fini = done) {
        OapConfig config = { .addresses = { (char *) "oap:11800" },
                             .spool_bytes = 1000,
                             .spool_age_usec = 7 };
        const OapPolicyInfo policies[] = { { "shop", "u-1", 3, 1 }, { "b\xff", "", 0, 0 } };
        OapRunInfo runs[] = {
                { "t1", "", OAP_TARGET_OFF_CPU, { "GENERAL", "shop", "host", "nginx" }, 5, 6 }
        };
        BusOapStatus s = {
                .config = &config,
                .client = { .state = OAP_STATE_AWAY,
                            .since_usec = 1,
                            .last_error = "connection refused",
                            .n_queued = 2,
                            .n_calls = 44,
                            .retry_usec = 11 },
                .registry = { .n_registered = 5, .n_waiting = 1, .n_layer_refused = 2, .n_reports = 9 },
                .forward = { .spool = { .n_records = 3,
                                        .bytes = 77,
                                        .oldest_ms = 8,
                                        .n_dropped = { 1, 2, 3 } },
                             .n_sent = { 4, 5, 6 },
                             .n_refused = { 7, 8, 9 } },
                .policies = policies,
                .n_policies = 2,
                .runs = runs,
                .n_runs = 1,
                .tasks.n_expired = 6,
                .n_policy_queries = 12,
                .now_usec = 10,
        };

        b.oap = &s;
        expect_status("State", "away");
        expect_status("Address", "oap:11800");
        expect_status("EbpfAddress", "");
        expect_status("Peer", "");
        expect_status("LastError", "connection refused");
        expect_status("RetryUSec", "1");
        expect_status("CallsQueued", "2");
        expect_status("SpoolRecords", "3");
        expect_status("SpoolBytes", "77");
        expect_status("SpoolMaxUse", "1000");
        expect_status("SpoolMaxAgeUSec", "7");
        expect_status("SpoolOldestUSec", "8000");
        expect_status("SpoolDropped", "report=1 meters=2 profile=3 ");
        expect_status("SpoolSent", "report=4 meters=5 profile=6 ");
        expect_status("SpoolRefused", "report=7 meters=8 profile=9 ");
        expect_status("ProcessesRegistered", "5");
        expect_status("ProcessesWaiting", "1");
        expect_status("ProcessesLayerRefused", "2");
        expect_status("Policies", "shop:u-1:3:1 b?::0:0 ");
        expect_status("Runs", "t1::OFF_CPU:shop:host:nginx:5000:6000 ");
        expect_status("Counters",
                      "calls=44 calls-failed=0 bytes-sent=0 bytes-received=0 reports=9 keep-alives=0 "
                      "policy-queries=12 task-queries=0 tasks-started=0 tasks-expired=6 tasks-refused=0 "
                      "records-resent=0 ids-given-twice=0 messages-too-large=0 spool-bytes-damaged=0 meters-over-cap=0 ");
        expect_property("OapState", "away");
        expect_property("OapAddress", "oap:11800");

        strcpy(s.client.peer, "10.0.0.1:11800");
        expect_status("Peer", "10.0.0.1:11800");
        expect_property("OapAddress", "10.0.0.1:11800");

        s.problem = "a bad address";
        expect_status("State", "failed");
        expect_status("LastError", "a bad address");
}

Test(test_bus_oap, since_is_an_instant_of_the_wall_clock, .init = init, .fini = done) {
        OapConfig config = {};
        BusOapStatus s = { .config = &config };
        _cleanup_(freep) char *text = NULL;
        usec_t before;

        s.client.since_usec = clock_monotonic_usec();
        before = clock_realtime_usec();
        b.oap = &s;
        text = get_status("SinceUSec", NULL);
        cr_assert_not_null(text);
        cr_expect_leq(strtoull(text, NULL, 10), before + USEC_PER_MINUTE);
        cr_expect_geq(strtoull(text, NULL, 10), before - USEC_PER_MINUTE);
}

Test(test_bus_oap, a_change_is_told, .init = init, .fini = done) {
        bus_emit_oap_changed(b.bus);
        bus_bed_flush(&b);
        cr_expect_str_eq(b.signals, "PropertiesChanged " CPROF_BUS_INTERFACE "\n");
}
