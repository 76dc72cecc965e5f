/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-command.h"

#include "basic/strv.h"

#include "skywalking.pb-c.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_command, .timeout = 10);

typedef struct Packed {
        uint8_t *bytes;
        size_t size;
} Packed;

static void packed_done(Packed *p) {
        free(p->bytes);
}

/* One command of that name with the arguments "key", "value", …, NULL. */
static Packed pack(const char *name, const char *const *arguments) {
        Skywalking__V3__KeyStringValuePair pairs[16], *list[16];
        Skywalking__V3__Command command = SKYWALKING__V3__COMMAND__INIT, *commands[] = { &command };
        Skywalking__V3__Commands all = SKYWALKING__V3__COMMANDS__INIT;
        Packed p = {};

        for (; arguments[0]; arguments += 2) {
                skywalking__v3__key_string_value_pair__init(pairs + command.n_args);
                pairs[command.n_args].key = (char *) arguments[0];
                pairs[command.n_args].value = (char *) arguments[1];
                list[command.n_args] = pairs + command.n_args;
                command.n_args++;
        }

        command.command = (char *) name;
        command.args = list;
        all.commands = commands;
        all.n_commands = 1;
        p.size = skywalking__v3__commands__get_packed_size(&all);
        p.bytes = malloc(p.size);
        cr_assert(p.bytes);
        (void) skywalking__v3__commands__pack(&all, p.bytes);
        return p;
}

static int read_policies(const char *json, OapServicePolicies *ret, char **reterr_message) {
        _cleanup_(packed_done) Packed p = pack(
                        "ContinuousProfilingPolicyQuery",
                        (const char *const[]){ "SerialNumber", "1", "ServiceWithPolicyJSON", json, NULL });

        return oap_command_policies(p.bytes, p.size, ret, reterr_message);
}

Test(oap_command, a_policy_has_its_items) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        const OapServicePolicy *p;
        const OapCheckItem *i;

        cr_assert_eq(read_policies("[{\"ServiceName\":\"shop\",\"UUID\":\"9f\",\"Profiling\":{\"ON_CPU\":"
                                   "{\"PROCESS_CPU\":{\"Threshold\":\"80\",\"Period\":30,\"Count\":10}},"
                                   "\"NETWORK\":{\"HTTP_AVG_RESPONSE_TIME\":{\"Threshold\":\"500\","
                                   "\"Period\":20,\"Count\":5,\"URIRegex\":\"^/api/.*\"}}}}]",
                                   &policies,
                                   NULL),
                     0);
        cr_assert_eq(policies.n_policies, 1);
        p = policies.policies;
        cr_expect_str_eq(p->service, "shop");
        cr_expect_str_eq(p->uuid, "9f");
        cr_assert_eq(p->n_items, 2);

        i = p->items;
        cr_expect_eq(i->target, OAP_TARGET_ON_CPU);
        cr_expect_str_eq(i->type, "PROCESS_CPU");
        cr_expect_str_eq(i->threshold, "80");
        cr_expect_eq(i->period_sec, 30);
        cr_expect_eq(i->count, 10);
        cr_expect_null(i->uri_regex);

        i = p->items + 1;
        cr_expect_eq(i->target, OAP_TARGET_NETWORK);
        cr_expect_str_eq(i->uri_regex, "^/api/.*");
}

/* Conformance 10. */
Test(oap_command, escapes_of_html_are_decoded_and_unknown_keys_ignored) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        const OapCheckItem *i;

        cr_assert_eq(read_policies("[{\"ServiceName\":\"a\\u0026b\",\"UUID\":\"u\",\"New\":[],\"Profiling\":"
                                   "{\"UNKNOWN\":{\"X\":{}},\"OFF_CPU\":{\"HTTP_ERROR_RATE\":{\"Threshold\":"
                                   "\"5\",\"Period\":3,\"Count\":2,\"Later\":1,\"URIRegex\":"
                                   "\"\\u003ca\\u003e\\u003d\\u0027\",\"URIList\":[\"/x?a\\u003db\"]}}}}]",
                                   &policies,
                                   NULL),
                     0);
        cr_assert_eq(policies.n_policies, 1);
        cr_expect_str_eq(policies.policies[0].service, "a&b");
        cr_assert_eq(policies.policies[0].n_items, 1);
        i = policies.policies[0].items;
        cr_expect_str_eq(i->uri_regex, "<a>='");
        cr_assert_eq(strv_length(i->uris), 1);
        cr_expect_str_eq(i->uris[0], "/x?a=b");
}

Test(oap_command, both_shapes_of_a_removal_have_no_items) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};

        cr_assert_eq(read_policies("[{\"ServiceName\":\"a\",\"UUID\":\"\"},{\"ServiceName\":\"b\","
                                   "\"UUID\":\"12\",\"Profiling\":{}},{\"ServiceName\":\"c\",\"UUID\":"
                                   "\"13\",\"Profiling\":{\"ON_CPU\":{}}}]",
                                   &policies,
                                   NULL),
                     0);
        cr_assert_eq(policies.n_policies, 3);
        for (size_t i = 0; i < 3; i++)
                cr_expect_eq(policies.policies[i].n_items, 0);
        cr_expect_str_eq(policies.policies[0].uuid, "");
        cr_expect_str_eq(policies.policies[1].uuid, "12");
}

/* Conformance 11: one bad item or service leaves the others. */
Test(oap_command, what_is_bad_ends_where_it_is) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};

        cr_assert_eq(read_policies("[{\"UUID\":\"1\"},7,{\"ServiceName\":\"a\",\"UUID\":\"2\",\"Profiling\":"
                                   "{\"ON_CPU\":{\"PROCESS_CPU\":{\"Threshold\":80,\"Period\":1,\"Count\":1},"
                                   "\"SYSTEM_LOAD\":{\"Threshold\":\"1e400\",\"Period\":\"x\",\"Count\":-3},"
                                   "\"PROCESS_THREAD_COUNT\":[]},\"OFF_CPU\":5}},"
                                   "{\"ServiceName\":\"b\",\"UUID\":\"3\",\"Profiling\":[]},"
                                   "{\"ServiceName\":\"n\\u0000l\",\"UUID\":\"4\"}]",
                                   &policies,
                                   NULL),
                     0);
        cr_assert_eq(policies.n_policies, 1);
        cr_expect_eq(policies.n_refused, 4);
        cr_expect_eq(policies.policies[0].n_refused, 3);
        cr_assert_eq(policies.policies[0].n_items, 1, "numbers are judged later");
        cr_expect_str_eq(policies.policies[0].items[0].threshold, "1e400");
        cr_expect_eq(policies.policies[0].items[0].period_sec, -1);
}

Test(oap_command, what_is_no_list_is_refused_with_the_place) {
        static const struct {
                const char *json, *message;
        } rows[] = {
                { "", "no JSON" },
                { "{", "no JSON" },
                { "{}", "no list" },
                { "[1,]", "at byte 4" },
                { "[\"\\ud800\"]", "no JSON" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
                _cleanup_(freep) char *message = NULL;

                cr_expect_eq(read_policies(rows[i].json, &policies, &message), -EBADMSG, "%s", rows[i].json);
                cr_expect(message && strstr(message, rows[i].message), "%s: %s", rows[i].json, message);
        }
}

Test(oap_command, no_command_is_no_news) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(oap_tasks_done) OapTasks tasks = {};

        cr_expect_eq(oap_command_policies("", 0, &policies, NULL), 0);
        cr_expect_eq(policies.n_policies, 0);
        cr_expect_eq(oap_command_tasks("", 0, &tasks, NULL), 0);
        cr_expect_eq(tasks.n_tasks, 0);
}

/* Conformance 21. */
Test(oap_command, a_report_is_answered_by_exactly_one_task_id) {
        _cleanup_(packed_done) Packed good =
                        pack("ContinuousProfilingReportTask",
                             (const char *const[]){ "SerialNumber", "x", "TaskId", "abc", NULL });
        _cleanup_(packed_done) Packed none =
                        pack("ContinuousProfilingReportTask", (const char *const[]){ "TaskId", "", NULL });
        _cleanup_(packed_done) Packed other = pack("Other", (const char *const[]){ "TaskId", "abc", NULL });
        _cleanup_(freep) char *id = NULL;
        char *unset = NULL;

        cr_assert_eq(oap_command_task_id(good.bytes, good.size, &id, NULL), 0);
        cr_expect_str_eq(id, "abc");
        cr_expect_eq(oap_command_task_id(none.bytes, none.size, &unset, NULL), -EBADMSG);
        cr_expect_eq(oap_command_task_id(other.bytes, other.size, &unset, NULL), -EBADMSG);
        cr_expect_eq(oap_command_task_id("", 0, &unset, NULL), -EBADMSG);
        cr_expect_eq(oap_command_task_id("\xff\xff", 2, &unset, NULL), -EBADMSG);
        cr_expect_null(unset);
}

static int read_task(const char *target, const char *duration, OapTasks *ret) {
        _cleanup_(packed_done) Packed p =
                        pack("EBPFProfilingTaskQuery",
                             (const char *const[]){ "TaskId",
                                                    "t",
                                                    "ProcessId",
                                                    "p",
                                                    "TaskUpdateTime",
                                                    "1700000000001",
                                                    "TriggerType",
                                                    "FIXED_TIME",
                                                    "TargetType",
                                                    target,
                                                    "TaskStartTime",
                                                    "1700000000000",
                                                    "ExtensionConfigJSON",
                                                    "null",
                                                    duration ? "FixedTriggerDuration" : NULL,
                                                    duration,
                                                    NULL });

        return oap_command_tasks(p.bytes, p.size, ret, NULL);
}

/* Conformance 25. */
Test(oap_command, a_task_of_an_operator_is_read) {
        _cleanup_(oap_tasks_done) OapTasks tasks = {}, unknown = {}, bad = {}, none = {};

        cr_assert_eq(read_task("OFF_CPU", "60", &tasks), 0);
        cr_assert_eq(tasks.n_tasks, 1);
        cr_expect_str_eq(tasks.tasks[0].task_id, "t");
        cr_expect_str_eq(tasks.tasks[0].process_id, "p");
        cr_expect_eq(tasks.tasks[0].target, OAP_TARGET_OFF_CPU);
        cr_expect_eq(tasks.tasks[0].update_ms, 1700000000001);
        cr_expect_eq(tasks.tasks[0].start_ms, 1700000000000);
        cr_expect_eq(tasks.tasks[0].duration_sec, 60);
        cr_expect(tasks.tasks[0].is_fixed_time);

        cr_assert_eq(read_task("GPU", "60", &unknown), 0);
        cr_assert_eq(unknown.n_tasks, 1);
        cr_expect_eq(unknown.tasks[0].target, _OAP_TARGET_INVALID);
        cr_expect_str_eq(unknown.tasks[0].target_text, "GPU");

        cr_assert_eq(read_task("ON_CPU", "-1", &bad), 0);
        cr_expect_eq(bad.n_tasks, 0);
        cr_expect_eq(bad.n_refused, 1);

        cr_assert_eq(read_task("ON_CPU", NULL, &none), 0);
        cr_expect_eq(none.n_refused, 1);
}
