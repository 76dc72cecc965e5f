/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-bed.h"

#include "basic/strv.h"
#include "bus/bus-names.h"
#include "cprof-config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(test_bus, .timeout = 30);

static BusBed b;

static void init(void) {
        bus_bed_init(&b);
}

static void done(void) {
        bus_bed_done(&b);
}

static void add_policy(const char *name, const char *text) {
        bus_bed_succeeds(bus_bed_call(&b, "AddPolicy", "ssb", name, text, 0));
}

static void expect_text(const char *property, const char *expected) {
        sd_bus_message *reply = bus_bed_get(&b, property);
        const char *s;

        cr_assert_gt(sd_bus_message_read(reply, "s", &s), 0);
        cr_expect_str_eq(s, expected, "%s", property);
        sd_bus_message_unref(reply);
}

static void expect_count(const char *property, uint32_t expected) {
        sd_bus_message *reply = bus_bed_get(&b, property);
        uint32_t n;

        cr_assert_gt(sd_bus_message_read(reply, "u", &n), 0);
        cr_expect_eq(n, expected, "%s: %u, not %u", property, n, expected);
        sd_bus_message_unref(reply);
}

Test(test_bus, version_and_source_are_those_of_this_program, .init = init, .fini = done) {
        expect_text("Version", CPROF_VERSION);
        expect_text("ProcessSource", "proc");
}

Test(test_bus, counts_are_those_of_now, .init = init, .fini = done) {
        char id[TASK_ID_MAX];

        expect_count("NUnits", 4); /* -.slice, system.slice, web.service, db.service */
        expect_count("NProcesses", 3);
        expect_count("NPolicies", 0);
        expect_count("NRules", 0);
        expect_count("NTasksRunning", 0);

        add_policy("web", BUS_BED_POLICY);
        add_policy("database",
                   "[Policy]\nUnit=db\n[Trigger]\nWhen=process-cpu >= 80%\n[Trigger]\nWhen=system-load >= 4\n");
        add_policy("nobody", "[Policy]\nUnit=nobody\n[Trigger]\nWhen=process-cpu >= 80%\n");
        bus_bed_start(&b, "db", 0, id);
        fake_host_remove_process(&b.host, 11);
        bus_bed_refresh(&b);

        expect_count("NProcesses", 2);
        expect_count("NPolicies", 3);
        expect_count("NRules", 3);
        expect_count("NTasksRunning", 1);
}

Test(test_bus, features_that_are_missing_say_why, .init = init, .fini = done) {
        sd_bus_message *reply;
        const char *name, *reason;
        int available;

        b.fake.fail[PROBE_FEATURE_ON_CPU] = -EOPNOTSUPP;
        reply = bus_bed_get(&b, "KernelFeatures");

        cr_assert_gt(sd_bus_message_enter_container(reply, 'a', CPROF_BUS_FEATURE_SIGNATURE), 0);
        cr_assert_gt(sd_bus_message_read(reply, CPROF_BUS_FEATURE_SIGNATURE, &name, &available, &reason), 0);
        cr_expect_str_eq(name, probe_feature_to_string(PROBE_FEATURE_TASK_ITERATOR));
        cr_expect(available);
        cr_expect_str_eq(reason, "");

        cr_assert_gt(sd_bus_message_read(reply, CPROF_BUS_FEATURE_SIGNATURE, &name, &available, &reason), 0);
        cr_expect_str_eq(name, probe_feature_to_string(PROBE_FEATURE_ON_CPU));
        cr_expect(!available);
        cr_expect_str_eq(reason, "made to fail by the test");

        for (ProbeFeature f = PROBE_FEATURE_ON_CPU + 1; f < _PROBE_FEATURE_MAX; f++) {
                cr_assert_gt(sd_bus_message_read(
                                             reply, CPROF_BUS_FEATURE_SIGNATURE, &name, &available, &reason),
                             0);
                cr_expect_str_eq(name, probe_feature_to_string(f));
                cr_expect(available);
        }
        cr_expect_eq(sd_bus_message_at_end(reply, false), 1);
        sd_bus_message_unref(reply);
}

Test(test_bus, losses_are_counted_by_name, .init = init, .fini = done) {
        static const struct {
                const char *name;
                uint64_t n;
        } expected[] = {
                { "ring-full", 3 },
                { "no-user-stack", 4 },
                { "targets-over-cap", 0 },
                { "watches-over-cap", 0 },
                { "events", 6 },
                { "unwind-files-no-space", 0 },
                { "unwind-files-failed", 0 },
                { "unwind-entries-malformed", 0 },
                { "unwind-entries-over-cap", 0 },
                { "unwind-processes-no-space", 0 },
                { "unwind-mappings-over-cap", 0 },
                { "http-seconds-missed", 0 },
                { "http-tls-refused", 0 },
                { "http-tls-over-cap", 0 },
                { "mappings-over-cap", 0 },
                { "sink-store-failed", 5 },
        };
        sd_bus_message *reply;

        b.fake.counters = (ProbeCounters){
                .n_samples = 100, .n_ring_full = 3, .n_no_user_stack = 4, .n_events_lost = 6
        };
        b.sinks.items[0].n_failed = 5;
        reply = bus_bed_get(&b, "Losses");

        cr_assert_gt(sd_bus_message_enter_container(reply, 'a', "{st}"), 0);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                const char *name;
                uint64_t n;

                cr_assert_gt(sd_bus_message_read(reply, "{st}", &name, &n), 0);
                cr_expect_str_eq(name, expected[i].name);
                cr_expect_eq(n, expected[i].n, "%s", name);
        }
        cr_expect_eq(sd_bus_message_at_end(reply, false), 1);
        sd_bus_message_unref(reply);
}

static void expect_problems(const char *const *expected) {
        sd_bus_message *reply = bus_bed_get(&b, "Problems");
        const char *s;

        cr_assert_gt(sd_bus_message_enter_container(reply, 'a', "s"), 0);
        for (; *expected; expected++) {
                cr_assert_gt(sd_bus_message_read(reply, "s", &s), 0, "missing: %s", *expected);
                cr_expect_not_null(strstr(s, *expected), "'%s', not '%s'", s, *expected);
        }
        cr_expect_eq(sd_bus_message_at_end(reply, false), 1);
        sd_bus_message_unref(reply);
}

Test(test_bus, problems_are_those_of_settings_and_policies, .init = init, .fini = done) {
        expect_problems((const char *const[]){ NULL });

        cr_assert_eq(strv_pushf(&b.config_problems, "cprofd.conf:3: Foo=1: unknown key"), 0);
        bus_bed_write(&b, "vendor/bad.policy", "[Policy]\nUnits=web\n");
        bus_bed_succeeds(bus_bed_call(&b, "Reload", ""));

        expect_problems((const char *const[]){
                        "cprofd.conf:3: Foo=1: unknown key",
                        "/vendor/bad.policy:2: Units=web: unknown key",
                        NULL,
        });
}

Test(test_bus, problems_with_names_that_are_no_text_can_be_told, .init = init, .fini = done) {
        bus_bed_write(&b, "etc/\xff\xfe.policy", BUS_BED_POLICY);
        cr_assert_eq(strv_pushf(&b.config_problems, "/etc/cprof/cprofd.conf.d/\xc3.conf:3: unknown key"), 0);
        bus_bed_succeeds(bus_bed_call(&b, "Reload", ""));

        expect_problems((const char *const[]){
                        "/etc/cprof/cprofd.conf.d/?.conf:3: unknown key",
                        "/etc/??.policy: not the name of a policy",
                        NULL,
        });
}

Test(test_bus, reload_is_answered_when_it_is_over, .init = init, .fini = done) {
        bus_bed_write(&b, "etc/web.policy", BUS_BED_POLICY);

        bus_bed_succeeds(bus_bed_call(&b, "Reload", ""));
        cr_expect_eq(b.n_reloads, 1);
        expect_count("NPolicies", 1);

        b.reload_error = -ENOMEM;
        bus_bed_fails(bus_bed_call(&b, "Reload", ""),
                      SD_BUS_ERROR_NO_MEMORY,
                      "Failed to reload, everything stays as it was: Cannot allocate memory");
}

Test(test_bus, bad_calls_are_refused_and_the_next_one_works, .init = init, .fini = done) {
        static const struct {
                const char *method, *types, *name;
        } rows[] = {
                { "AddPolicy", "s", SD_BUS_ERROR_INVALID_ARGS },
                { "AddPolicy", "sss", SD_BUS_ERROR_INVALID_ARGS },
                { "GetWindows", "ss", SD_BUS_ERROR_INVALID_ARGS },
                { "GetTask", "", SD_BUS_ERROR_INVALID_ARGS },
                { "StartTask", "ssss", SD_BUS_ERROR_INVALID_ARGS },
                { "ListUnits", "s", SD_BUS_ERROR_INVALID_ARGS },
                { "ListUnit", "", SD_BUS_ERROR_UNKNOWN_METHOD },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                sd_bus_message *reply = bus_bed_call(&b, rows[i].method, rows[i].types, "a", "b", "c", "d");

                cr_expect(sd_bus_message_is_method_error(reply, rows[i].name),
                          "%s(%s)",
                          rows[i].method,
                          rows[i].types);
                sd_bus_message_unref(reply);
                expect_count("NProcesses", 3);
        }
}

/* A name cut in the middle of a character would make a message that no bus takes. */
Test(test_bus, long_texts_come_back_cut_but_as_text, .init = init, .fini = done) {
        static const struct {
                const char *method, *types;
        } rows[] = {
                { "CheckPolicy", "ss" }, { "GetPolicy", "s" },   { "RemovePolicy", "s" },
                { "GetWindows", "s" },   { "GetTask", "s" },     { "StopTask", "s" },
                { "DeleteTask", "s" },   { "GetProfile", "ss" },
        };
        char text[2][300];

        for (unsigned shift = 0; shift < 2; shift++) {
                memset(text[shift], 'x', shift);
                for (unsigned i = 0; i < 148; i++)
                        memcpy(text[shift] + shift + 2 * i, "\xc3\xa9", 3);
        }

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (unsigned shift = 0; shift < 2; shift++) {
                        sd_bus_message *reply = bus_bed_call(
                                        &b, rows[i].method, rows[i].types, text[shift], text[shift]);
                        const sd_bus_error *e = sd_bus_message_get_error(reply);

                        cr_expect_not_null(e, "%s", rows[i].method);
                        if (e)
                                cr_expect_lt(strlen(e->message), 200, "%s: %s", rows[i].method, e->message);
                        sd_bus_message_unref(reply);
                }

        for (unsigned shift = 0; shift < 2; shift++) {
                sd_bus_message *reply =
                                bus_bed_call(&b, "StartTask", "sstu", "web", text[shift], UINT64_C(0), 0U);

                cr_expect(sd_bus_message_is_method_error(reply, SD_BUS_ERROR_INVALID_ARGS));
                sd_bus_message_unref(reply);
        }
        expect_count("NProcesses", 3);
}

Test(test_bus, signals_tell_of_policies, .init = init, .fini = done) {
        add_policy("web", BUS_BED_POLICY);
        add_policy("web", BUS_BED_POLICY "[Trigger]\nWhen=system-load >= 4\n");
        add_policy("web", BUS_BED_POLICY "[Trigger]\nWhen=system-load >= 4\n"); /* the same again */
        bus_bed_succeeds(bus_bed_call(&b, "RemovePolicy", "s", "web"));
        bus_bed_flush(&b);

        cr_expect_str_eq(b.signals, "PolicyAdded web\nPolicyChanged web\nPolicyRemoved web\n");
}

Test(test_bus, signals_tell_of_tasks, .init = init, .fini = done) {
        char id[TASK_ID_MAX], expected[256];

        bus_bed_start(&b, "web", 0, id);
        bus_bed_succeeds(bus_bed_call(&b, "StopTask", "s", id));
        bus_bed_flush(&b);
        (void) snprintf(expected, sizeof(expected), "TaskStarted %s web.service on-cpu\n", id);
        cr_expect_str_eq(b.signals, expected, "the end is told when the evidence is there");

        bus_bed_finish(&b);
        bus_bed_flush(&b);
        (void) snprintf(expected,
                        sizeof(expected),
                        "TaskStarted %s web.service on-cpu\nTaskFinished %s web.service stopped stopped by request\n",
                        id,
                        id);
        cr_expect_str_eq(b.signals, expected);
}

typedef struct UnitRow {
        const char *name, *description, *state;
        uint32_t n_processes, n_threads;
        double cpu;
        uint32_t n_rules;
        const char *status, *reason;
} UnitRow;

/* The reply holds the texts of the row. */
static sd_bus_message *find_unit(const char *name, UnitRow *ret) {
        sd_bus_message *reply = bus_bed_call(&b, "ListUnits", "");

        cr_assert_gt(sd_bus_message_enter_container(reply, 'a', CPROF_BUS_UNIT_SIGNATURE), 0);
        while (sd_bus_message_read(
                               reply,
                               CPROF_BUS_UNIT_SIGNATURE,
                               &ret->name,
                               &ret->description,
                               &ret->state,
                               &ret->n_processes,
                               &ret->n_threads,
                               &ret->cpu,
                               &ret->n_rules,
                               &ret->status,
                               &ret->reason) > 0)
                if (strcmp(ret->name, name) == 0)
                        return reply;

        cr_assert(false, "no %s", name);
        abort();
}

Test(test_bus, units_are_listed_with_what_watches_them, .init = init, .fini = done) {
        UnitRow row;

        add_policy("web", BUS_BED_POLICY);
        sd_bus_message_unref(find_unit("db.service", &row));
        cr_expect_eq(row.n_processes, 1);
        cr_expect_eq(row.n_rules, 0);

        sd_bus_message *reply = find_unit("web.service", &row);
        cr_expect_eq(row.n_processes, 2);
        cr_expect_eq(row.n_threads, 2);
        cr_expect(isnan(row.cpu), "before the second pass there is no use of CPU");
        cr_expect_eq(row.n_rules, 2, "one for each process");
        cr_expect_str_eq(row.status, "armed");
        cr_expect_str_eq(row.reason, "");
        sd_bus_message_unref(reply);

        bus_bed_refresh(&b);
        b.fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP;
        reply = find_unit("web.service", &row);
        cr_expect_float_eq(row.cpu, 0.0, 0.001);
        cr_expect_str_eq(row.status, "degraded");
        cr_expect_str_eq(row.reason, "made to fail by the test");
        sd_bus_message_unref(reply);

        reply = find_unit("db.service", &row);
        cr_expect_str_eq(row.status, "", "nothing watches it");
        sd_bus_message_unref(reply);

        reply = find_unit("system.slice", &row);
        cr_expect_eq(row.n_processes, 3, "those of the units below");
        sd_bus_message_unref(reply);
}
