/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-subjects.h"
#include "oap/oap-meters.h"
#include "policy/watch-set.h"
#include "skywalking.pb-c.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(oap_meters, .timeout = 20);

#define AT(sec) ((usec_t) (sec) *USEC_PER_SEC)
#define CPU METRIC_PROCESS_CPU
#define ERRORS METRIC_HTTP_ERROR_RATE

/* Stands in for target/identity.c: those of a test, by hand. */
struct IdentitySet {
        Identity *first;
};

Identity *identity_set_first(IdentitySet *s) {
        return s->first;
}

static Identity identity(const char *service, const char *instance, const char *process) {
        return (Identity){
                .layer = (char *) "GENERAL",
                .service = (char *) service,
                .instance = (char *) instance,
                .process = (char *) process,
        };
}

static OapMeters *make_meters(void) {
        OapMeters *m = NULL;

        cr_assert_eq(oap_meters_new(&m), 0);
        return m;
}

static void add(OapMeters *m, const Identity *i, Metric metric, const UriRule *uri, double value) {
        cr_assert_eq(oap_meters_add(m, i, metric, uri, value), 0);
}

static const char *label(const Skywalking__V3__MeterSingleValue *v, const char *name) {
        const char *value = "";

        for (size_t i = 0; i < v->n_labels; i++) {
                cr_expect(strcmp(v->labels[i]->name, "service") != 0 &&
                                          strcmp(v->labels[i]->name, "instance") != 0,
                          "item 35: OAP would drop all of it");
                if (strcmp(v->labels[i]->name, name) == 0)
                        value = v->labels[i]->value;
        }

        return value;
}

/* "service/instance@1000: process cpu=1.5 process uri:errors=2; …", in any order within an instance */
static void describe(const OapBytes *bytes, char *text, size_t size) {
        Skywalking__V3__MeterDataCollection *c =
                        skywalking__v3__meter_data_collection__unpack(NULL, bytes->size, bytes->data);

        cr_assert_not_null(c);
        cr_assert_gt(c->n_meterdata, 0);
        (void) snprintf(text,
                        size,
                        "%s/%s@%i:",
                        c->meterdata[0]->service,
                        c->meterdata[0]->serviceinstance,
                        (int) c->meterdata[0]->timestamp);

        for (size_t i = 0; i < c->n_meterdata; i++) {
                const Skywalking__V3__MeterSingleValue *v = c->meterdata[i]->singlevalue;
                size_t n = strlen(text);

                cr_expect_eq(strncmp(v->name, "rover_con_p_", strlen("rover_con_p_")), 0);
                (void) snprintf(text + n,
                                size - n,
                                " %s[%s]%s=%g",
                                v->name + strlen("rover_con_p_"),
                                label(v, "process_name"),
                                label(v, "uri"),
                                v->value);
                cr_expect_str_eq(label(v, "layer"), "GENERAL");
        }

        skywalking__v3__meter_data_collection__free_unpacked(c, NULL);
}

static void expect_taken(OapMeters *m, const char *const *expected) {
        _cleanup_(oap_messages_done) OapMessages messages = {};
        char text[1024];
        size_t n = 0;

        cr_assert_eq(oap_meters_take(m, 1000, &messages), 0);
        for (; expected[n]; n++) {
                cr_assert_lt(n, messages.n);
                describe(messages.items + n, text, sizeof(text));
                cr_expect_str_eq(text, expected[n]);
        }
        cr_expect_eq(messages.n, n);
}

Test(oap_meters, item_35_an_interval_is_the_mean_of_its_seconds) {
        _cleanup_(oap_meters_freep) OapMeters *m = make_meters();
        const Identity i = identity("shop", "host", "php");

        add(m, &i, CPU, NULL, 10);
        add(m, &i, CPU, NULL, 20);
        add(m, &i, CPU, NULL, 60);
        expect_taken(m, (const char *const[]){ "shop/host@1000: process_cpu[php]=30", NULL });
        expect_taken(m, (const char *const[]){ NULL });
        add(m, &i, CPU, NULL, 0);
        expect_taken(m, (const char *const[]){ "shop/host@1000: process_cpu[php]=0", NULL });
}

Test(oap_meters, item_35_seconds_without_a_value_are_left_out) {
        _cleanup_(oap_meters_freep) OapMeters *m = make_meters();
        const Identity i = identity("shop", "host", "php"), idle = identity("idle", "host", "php");
        const UriRule uri = { URI_RULE_EXACT, (char *) "/a" };

        add(m, &i, ERRORS, &uri, NAN);
        add(m, &i, ERRORS, &uri, 50);
        add(m, &i, ERRORS, &uri, NAN);
        add(m, &i, ERRORS, &uri, INFINITY);
        add(m, &idle, ERRORS, &uri, NAN);
        add(m, &i, METRIC_HTTP_P99_RESPONSE_TIME, &uri, 3); /* OAP has none */
        expect_taken(m, (const char *const[]){ "shop/host@1000: http_error_rate[php]/a=50", NULL });
}

Test(oap_meters, item_35_a_message_is_of_one_service_and_instance) {
        _cleanup_(oap_meters_freep) OapMeters *m = make_meters();
        const Identity ids[] = { identity("b", "x", "1"),
                                 identity("a", "y", "1"),
                                 identity("b", "x", "2"),
                                 identity("a", "x", "1") };

        for (size_t i = 0; i < ELEMENTSOF(ids); i++)
                add(m, ids + i, CPU, NULL, (double) i);
        expect_taken(m,
                     (const char *const[]){ "a/x@1000: process_cpu[1]=3",
                                            "a/y@1000: process_cpu[1]=1",
                                            "b/x@1000: process_cpu[1]=0 process_cpu[2]=2",
                                            NULL });
}

Test(oap_meters, who_is_gone_had_its_values_until_then) {
        _cleanup_(oap_meters_freep) OapMeters *m = make_meters();
        char name[] = "php";
        Identity i = identity("shop", "host", name);

        add(m, &i, CPU, NULL, 10);
        strcpy(name, "xxx");
        i = identity("shop", "host", "php"); /* a successor of its name */
        add(m, &i, CPU, NULL, 30);
        expect_taken(m, (const char *const[]){ "shop/host@1000: process_cpu[php]=20", NULL });
}

Test(oap_meters, item_35_rules_that_differ_are_shown_as_rules_that_differ) {
        static const struct {
                UriRule uri;
                const char *label;
        } rows[] = {
                { { URI_RULE_ALL, NULL }, "global" },
                { { URI_RULE_EXACT, (char *) "/a_b" }, "/a_b" },
                { { URI_RULE_EXACT, (char *) "/a,b" }, "/a_b~" },
                { { URI_RULE_EXACT, (char *) "/a|b" }, "/a_b~" },
                { { URI_RULE_REGEX, (char *) "/a_b" }, "~ /a_b" },
                { { URI_RULE_REGEX, (char *) "global" }, "~ ~ global" },
                { { URI_RULE_REGEX, (char *) "~ global" }, "~ global" },
                { { URI_RULE_REGEX, (char *) "^/api/.*" }, "^/api/.*" },
                { { URI_RULE_REGEX, (char *) "x{1,2}|y" }, "x{1_2}_y~" },
                { { URI_RULE_EXACT, (char *) "/a_b~0123abcd" }, "/a_b~0123abcd~" },
                { { URI_RULE_EXACT, (char *) "/\xff" }, "/?~" },
                { { URI_RULE_EXACT, (char *) "/\xfe" }, "/?~" },
        };
        _cleanup_(oap_messages_done) OapMessages messages = {};
        _cleanup_(oap_meters_freep) OapMeters *m = make_meters();
        const Identity i = identity("shop", "host", "php");
        Skywalking__V3__MeterDataCollection *c;

        for (size_t k = 0; k < ELEMENTSOF(rows); k++)
                add(m, &i, ERRORS, &rows[k].uri, (double) k);
        cr_assert_eq(oap_meters_take(m, 1, &messages), 0);
        cr_assert_eq(messages.n, 1);
        c = skywalking__v3__meter_data_collection__unpack(
                        NULL, messages.items[0].size, messages.items[0].data);
        cr_assert(c && c->n_meterdata == ELEMENTSOF(rows));

        for (size_t k = 0; k < c->n_meterdata; k++) {
                const char *shown = label(c->meterdata[k]->singlevalue, "uri");
                const char *expected = rows[(size_t) c->meterdata[k]->singlevalue->value].label;
                size_t n = strlen(expected), n_shown = strlen(shown);

                cr_expect(strncmp(shown, expected, n) == 0 &&
                                          n_shown == n + (expected[n - 1] == '~' ? 8 : 0),
                          "%s, not %s",
                          shown,
                          expected);
                cr_expect_null(strpbrk(shown, "|,"));
                for (size_t j = 0; j < k; j++)
                        cr_expect_str_neq(shown, label(c->meterdata[j]->singlevalue, "uri"));
        }
        skywalking__v3__meter_data_collection__free_unpacked(c, NULL);
}

Test(oap_meters, much_is_several_messages_and_too_much_is_counted) {
        _cleanup_(oap_messages_done) OapMessages messages = {};
        _cleanup_(oap_meters_freep) OapMeters *m = make_meters();
        Identity i = identity("shop", "host", "");
        char name[500], text[1000];
        UriRule uri = { URI_RULE_EXACT, text };
        size_t n = 0;

        memset(name, 'n', sizeof(name));
        memset(text, ',', sizeof(text) - 1);
        i.process = name;
        for (unsigned k = 0; k <= OAP_METER_SERIES_MAX / 64; k++)
                for (unsigned j = 0; j < 64; j++) {
                        (void) snprintf(name + 490, 10, "%u", k);
                        (void) snprintf(text + 990, 10, "%u", j);
                        cr_assert_eq(oap_meters_add(m, &i, ERRORS, &uri, 1),
                                     n < OAP_METER_SERIES_MAX ? 0 : -E2BIG);
                        n++;
                }
        cr_expect_eq(oap_meters_n_over_cap(m), 64);

        cr_assert_eq(oap_meters_take(m, 1, &messages), 0);
        cr_expect_eq(messages.n, OAP_METER_SERIES_MAX / 256);
        for (size_t k = 0; k < messages.n; k++)
                cr_expect_lt(messages.items[k].size, OAP_MESSAGE_MAX);
}

/* What windows of process 7 and of its unit have. */
static double fake_value(Metric metric, Subject subject, const UriRule *uri, void *userdata) {
        double second = *(double *) userdata;

        return metric == CPU ? (subject.unit ? 100 : 0) + second : second == 2 ? 7 : NAN;
}

static void on_cause(const Cause *cause, void *userdata) {
}

Test(oap_meters, the_second_that_closed_is_read_from_the_windows) {
        static const char by_process[] =
                        "[Policy]\nUnit=php.service\n[Trigger]\nMetric=process-cpu\nThreshold=80\n"
                        "[Trigger]\nMetric=http-error-rate\nThreshold=80\nURI=/a\n"
                        "[Trigger]\nMetric=http-p99-response-time\nThreshold=1s\n";
        static const char by_unit[] =
                        "[Policy]\nScope=unit\nUnit=php.service\n[Trigger]\nMetric=process-cpu\nThreshold=80\n";
        _cleanup_(oap_meters_freep) OapMeters *m = make_meters();
        _cleanup_(policy_unrefp) Policy *p = fake_policy("p", by_process), *u = fake_policy("u", by_unit);
        Unit root = fake_unit("-.slice", NULL), unit = fake_unit("php.service", &root);
        Process process = fake_process(7, "php", &unit), other = fake_process(8, "php#2", &unit);
        Identity ids[] = { identity("shop", "host", "php"),
                           identity("shop", "host", "all"),
                           identity("shop", "host", "gone") };
        IdentitySet identities = { ids };
        double second = 0;
        WatchSet *set = NULL;
        Monitor monitor;

        ids[0].target_process = &process;
        ids[1].target_unit = &unit;
        ids[0].hh.next = ids + 1;
        ids[1].hh.next = ids + 2;
        monitor_init(&monitor, NULL, NULL);
        cr_assert_eq(watch_set_new(&monitor, &set), 0);
        watch_set_set_source(set, fake_value, &second);
        cr_assert_eq(watch_set_add_policy(set, p), 0);
        cr_assert_eq(watch_set_add_policy(set, u), 0);
        cr_assert_eq(watch_set_add_process(set, &process), 0);
        cr_assert_eq(watch_set_add_process(set, &other), 0);
        cr_assert_eq(watch_set_add_unit(set, &unit), 0);

        for (unsigned slot = 1; slot <= 5; slot++) {
                second = slot;
                process.fresh = slot == 1;
                if (slot != 4) /* slept through */
                        watch_set_tick(set, AT(slot + 1), on_cause, NULL);
                oap_meters_tick(m, &identities, AT(slot + 1) + 900000);
        }
        expect_taken(m,
                     (const char *const[]){
                                     "shop/host@1000: http_error_rate[php]/a=7 process_cpu[php]=3.33333"
                                     " process_cpu[all]=102.75",
                                     NULL });

        watch_set_free(set);
}
