/* SPDX-License-Identifier: Apache-2.0 */
/* What OAP says of a service, as a policy of ours. */
#include "oap/oap-policy-texts.h"

TestSuite(oap_policy, .timeout = 60);

/* One service "shop" whose ON_CPU items are @items. */
static void shop(const char *items, OapServicePolicies *ret) {
        _cleanup_(freep) char *json = NULL;

        cr_assert_gt(asprintf(&json,
                              "[{\"ServiceName\":\"shop\",\"UUID\":\"9f\",\"Profiling\":{\"ON_CPU\":{%s}}}]",
                              items),
                     0);
        read_policies(json, ret);
}

Test(oap_policy, c10_each_kind_of_item_has_its_metric_and_unit) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(freep) char *refused = NULL, *text = NULL;

        shop("\"HTTP_AVG_RESPONSE_TIME\":{\"Threshold\":\"500\",\"Period\":20,\"Count\":5,"
             "\"URIRegex\":\"^/api/\\u003c?.*\\u0026\"},"
             "\"PROCESS_CPU\":{\"Threshold\":\"+80\",\"Period\":30,\"Count\":10},"
             "\"SYSTEM_LOAD\":{\"Threshold\":\" 4 \",\"Period\":10,\"Count\":10,\"URIList\":[\"/x\"]},"
             "\"PROCESS_THREAD_COUNT\":{\"Threshold\":\"300\",\"Period\":1,\"Count\":1,\"URIRegex\":\"\"},"
             "\"HTTP_ERROR_RATE\":{\"Threshold\":\"5\",\"Period\":60,\"Count\":9,\"URIRegex\":\"ignored(\","
             "\"URIList\":[\"/b\",\"/a\",\"/b\"]}",
             &policies);
        text = format_policy(policies.policies, OAP_TARGET_ON_CPU, &refused);
        cr_expect_str_eq(refused, "");
        cr_expect_str_eq(
                        text,
                        "# What SkyWalking's OAP says, written anew when that changes: do not edit.\n"
                        "[Policy]\n"
                        "Service=shop\n"
                        "Profile=on-cpu\n"
                        "Duration=10min\n"
                        "Silence=20min\n"
                        "Scope=process\n"
                        "\n[Trigger]\nMetric=process-cpu\nThreshold=80%\nPeriod=30s\nCount=10\n"
                        "\n[Trigger]\nMetric=process-thread-count\nThreshold=300\nPeriod=1s\nCount=1\n"
                        "\n[Trigger]\nMetric=system-load\nThreshold=4\nPeriod=10s\nCount=10\n"
                        "\n[Trigger]\nMetric=http-error-rate\nThreshold=5%\nPeriod=1min\nCount=9\nURI=/a\n"
                        "\n[Trigger]\nMetric=http-error-rate\nThreshold=5%\nPeriod=1min\nCount=9\nURI=/b\n"
                        "\n[Trigger]\nMetric=http-avg-response-time\nThreshold=500ms\nPeriod=20s\nCount=5\n"
                        "URIRegex=^/api/<?.*&\n",
                        "%s",
                        text);
        policy_unref(parse_text(text));
}

Test(oap_policy, c11_each_item_that_makes_no_sense_is_refused_alone) {
        static const struct {
                const char *item, *refused;
        } rows[] = {
#define CPU(rest) "\"PROCESS_CPU\":{" rest "}"
#define HTTP(rest) "\"HTTP_ERROR_RATE\":{\"Threshold\":\"5\",\"Period\":9,\"Count\":1," rest "}"
#define THRESHOLD(text) CPU("\"Threshold\":\"" text "\",\"Period\":9,\"Count\":1")
                { THRESHOLD(""), "PROCESS_CPU: Threshold=: expected a percentage such as 80%" },
                { THRESHOLD(" + "), "PROCESS_CPU: Threshold= : expected a percentage such as 80%" },
                { THRESHOLD("NaN"), "PROCESS_CPU: Threshold=NaN: expected a percentage such as 80%" },
                { THRESHOLD("inf"), "PROCESS_CPU: Threshold=inf: expected a percentage such as 80%" },
                { THRESHOLD("1e400"), "PROCESS_CPU: Threshold=1e400: expected a percentage such as 80%" },
                { THRESHOLD("-5"), "PROCESS_CPU: Threshold=-5: expected a percentage such as 80%" },
                { THRESHOLD("0x10"), "PROCESS_CPU: Threshold=0x10: expected a percentage such as 80%" },
                { THRESHOLD("819201"),
                  "PROCESS_CPU: Threshold=819201: expected a percentage such as 80%, at most 819200%" },
                { CPU("\"Period\":9,\"Count\":1"),
                  "PROCESS_CPU: Threshold=: expected a percentage such as 80%" },
                { CPU("\"Threshold\":\"80\",\"Period\":0,\"Count\":1"),
                  "PROCESS_CPU: Period=0: expected seconds, 1 at least" },
                { CPU("\"Threshold\":\"80\",\"Period\":-9,\"Count\":1"),
                  "PROCESS_CPU: Period=-9: expected seconds, 1 at least" },
                { CPU("\"Threshold\":\"80\",\"Period\":\"9\",\"Count\":1"),
                  "PROCESS_CPU: Period=-1: expected seconds, 1 at least" },
                { CPU("\"Threshold\":\"80\",\"Period\":9,\"Count\":0"),
                  "PROCESS_CPU: Count=0: expected seconds, 1 at least" },
                { CPU("\"Threshold\":\"80\",\"Period\":5,\"Count\":9"),
                  "PROCESS_CPU: Count=9 is above Period=5" },
                { CPU("\"Threshold\":\"80\",\"Period\":86400,\"Count\":601"),
                  "PROCESS_CPU: Count=601 is more than the longest period has, Period=600" },
                { "\"HTTP_ERROR_RATE\":{\"Threshold\":\"101\",\"Period\":9,\"Count\":1}",
                  "HTTP_ERROR_RATE: Threshold=101: expected a percentage such as 5%, at most 100%" },
                { "\"DISK_FULL\":{\"Threshold\":\"1\",\"Period\":9,\"Count\":1}",
                  "DISK_FULL: not known here" },
                { HTTP("\"URIRegex\":\"a(b\""), "HTTP_ERROR_RATE: URIRegex=a(b: column 2: '(' has no ')'" },
                { HTTP("\"URIRegex\":\"(?=x)\""),
                  "HTTP_ERROR_RATE: URIRegex=(?=x): column 1: '(?=' (lookahead) is not supported" },
                { HTTP("\"URIRegex\":\" /a\""),
                  "HTTP_ERROR_RATE: URIRegex= /a: a blank at an end, and no path has one" },
                { HTTP("\"URIRegex\":\"/a\\n/b\""), "HTTP_ERROR_RATE: URIRegex=/a?/b: control character" },
                { HTTP("\"URIList\":[\"\"]"),
                  "HTTP_ERROR_RATE: URIList=: expected a path, which has no blanks" },
                { HTTP("\"URIList\":[\"/a b\"]"),
                  "HTTP_ERROR_RATE: URIList=/a b: expected a path, which has no blanks" },
                { HTTP("\"URIList\":[\"/a\\t/b\"]"), "HTTP_ERROR_RATE: URIList=/a?/b: control character" },
                { HTTP("\"URIList\":[\"http://h/\"],\"URIRegex\":\"^/a\""),
                  "HTTP_ERROR_RATE: URIList=http://h/: expected paths that begin with '/', without the host, "
                  "not 'http://h/'" },
                { HTTP("\"URIList\":[\"/a?b=c\"]"),
                  "HTTP_ERROR_RATE: URIList=/a?b=c: the query is not part of what is matched, write '/a'" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(oap_service_policies_done) OapServicePolicies policies = {}, with = {};
                _cleanup_(freep) char *refused = NULL, *again = NULL, *text = NULL, *both = NULL,
                                      *line = NULL;

                cr_assert_gt(asprintf(&line, "shop: ON_CPU %s\n", rows[i].refused), 0);
                shop(rows[i].item, &policies);
                text = format_policy(policies.policies, OAP_TARGET_ON_CPU, &refused);
                cr_expect_null(text, "row %zu: %s", i, text);
                cr_expect_str_eq(refused, line, "row %zu: %s", i, refused);

                /* beside a good one */
                cr_assert_gt(asprintf(&both,
                                      "%s,\"SYSTEM_LOAD\":{\"Threshold\":\"4\",\"Period\":10,\"Count\":10}",
                                      rows[i].item),
                             0);
                shop(both, &with);
                free(text);
                text = format_policy(with.policies, OAP_TARGET_ON_CPU, &again);
                cr_expect_str_eq(again, line, "row %zu: %s", i, again);
                cr_assert_not_null(text, "row %zu", i);
                cr_expect_not_null(strstr(text, "Metric=system-load\n"));
                policy_unref(parse_text(text));
        }
}

Test(oap_policy, c11_a_bad_path_leaves_the_others) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(freep) char *refused = NULL, *text = NULL;

        shop(HTTP("\"URIList\":[\"/a\",\"b\",\"/c\"]"), &policies);
        text = format_policy(policies.policies, OAP_TARGET_ON_CPU, &refused);
        cr_expect_str_eq(
                        refused,
                        "shop: ON_CPU HTTP_ERROR_RATE: URIList=b: expected paths that begin with '/', "
                        "without the host, not 'b'\n");
        cr_expect(strstr(text, "URI=/a\n") && strstr(text, "URI=/c\n"), "%s", text);
}

Test(oap_policy, c11_a_period_that_is_too_long_is_cut_and_said) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(freep) char *refused = NULL, *text = NULL;

        shop(CPU("\"Threshold\":\"80\",\"Period\":86400,\"Count\":600"), &policies);
        text = format_policy(policies.policies, OAP_TARGET_ON_CPU, &refused);
        cr_expect_str_eq(
                        refused,
                        "shop: ON_CPU PROCESS_CPU: Period=86400 is cut to the longest there is, 600\n");
        cr_expect_not_null(strstr(text, "Period=10min\nCount=600\n"), "%s", text);
}

Test(oap_policy, c11_cpu_may_be_above_100) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(freep) char *refused = NULL, *text = NULL;

        shop(THRESHOLD("250"), &policies);
        text = format_policy(policies.policies, OAP_TARGET_ON_CPU, &refused);
        cr_expect_str_eq(refused, "");
        cr_expect_not_null(strstr(text, "Threshold=250%\n"), "%s", text);
}

Test(oap_policy, targets_have_texts_of_their_own_and_network_is_refused_once) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(freep) char *on = NULL, *off = NULL, *network = NULL, *refused = NULL;

        read_policies("[{\"ServiceName\":\"order desk\",\"UUID\":\"9f\",\"Profiling\":{"
                      "\"ON_CPU\":{},"
                      "\"OFF_CPU\":{" HTTP(
                                      "\"URIList\":[]") "},"
                                                        "\"UNKNOWN\":{" THRESHOLD(
                                                                        "80") "},"
                                                                              "\"NETWORK\":{" THRESHOLD("80") "," HTTP(
                                                                                              "\"URIRegex\":\"^/a\"") "}}}]",
                      &policies);
        on = format_policy(policies.policies, OAP_TARGET_ON_CPU, &refused);
        cr_expect_null(on);
        cr_expect_str_eq(refused, "");
        free(TAKE_PTR(refused));

        off = format_policy(policies.policies, OAP_TARGET_OFF_CPU, &refused);
        cr_assert_not_null(off);
        cr_expect_not_null(strstr(off, "Service=\"order desk\"\nProfile=off-cpu\n"), "%s", off);
        cr_expect_null(strstr(off, "URI"), "%s", off);
        cr_expect_str_eq(refused, "");
        free(TAKE_PTR(refused));

        network = format_policy(policies.policies, OAP_TARGET_NETWORK, &refused);
        cr_expect_null(network);
        cr_expect_str_eq(refused, "order desk: NETWORK: NETWORK profiling is not built\n");
}

Test(oap_policy, lists_that_are_too_long_are_cut_and_said_in_one_line) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(freep) char *refused = NULL, *text = NULL, *items = NULL;
        _cleanup_(policy_unrefp) Policy *p = NULL;
        _cleanup_(strbuf_done) StrBuf b = {};

        strbuf_add(&b, "\"HTTP_ERROR_RATE\":{\"Threshold\":\"5\",\"Period\":9,\"Count\":1,\"URIList\":[");
        for (unsigned i = 0; i < OAP_URIS_MAX; i++)
                strbuf_addf(&b, "%s\"/path/%03u\"", i > 0 ? "," : "", i);
        strbuf_add(&b, "]}");
        cr_assert_eq(strbuf_finish(&b, &items), 0);
        shop(items, &policies);
        text = format_policy(policies.policies, OAP_TARGET_ON_CPU, &refused);
        cr_expect_str_eq(
                        refused,
                        "shop: ON_CPU HTTP_ERROR_RATE: URIList: 192 paths more than a policy has room for, "
                        "a regular expression may say the same\n");
        p = parse_text(text);
        cr_expect_eq(p->n_triggers, POLICY_TRIGGERS_MAX);
        cr_expect_str_eq(p->triggers[0].uri.text, "/path/000");
}

Test(oap_policy, a_mebibyte_of_bad_paths_is_a_few_lines) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(freep) char *refused = NULL, *text = NULL, *items = NULL;
        _cleanup_(strbuf_done) StrBuf b = {};

        strbuf_add(&b, "\"HTTP_ERROR_RATE\":{\"Threshold\":\"5\",\"Period\":9,\"Count\":1,\"URIList\":[");
        for (unsigned i = 0; i < OAP_URIS_MAX; i++)
                strbuf_addf(&b, "%s\"/%04096u\"", i > 0 ? "," : "", i);
        strbuf_add(&b, "]}");
        cr_assert_eq(strbuf_finish(&b, &items), 0);
        shop(items, &policies);
        text = format_policy(policies.policies, OAP_TARGET_ON_CPU, &refused);
        cr_expect_null(text);
        cr_expect_leq(strlen(refused), 8192);
        cr_expect_not_null(strstr(refused, "shop: ON_CPU: 240 more like these\n"), "%s", refused);
}

Test(oap_policy, expressions_that_are_too_much_together_lose_the_last_ones) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(freep) char *refused = NULL, *text = NULL;
        _cleanup_(policy_unrefp) Policy *p = NULL;

        shop("\"HTTP_ERROR_RATE\":{\"Threshold\":\"5\",\"Period\":9,\"Count\":1,\"URIRegex\":\"a.{9}b.{9}c.{9}d\"},"
             "\"HTTP_AVG_RESPONSE_TIME\":{\"Threshold\":\"5\",\"Period\":9,\"Count\":1,\"URIRegex\":\"^/ok\"}",
             &policies);
        text = format_policy(policies.policies, OAP_TARGET_ON_CPU, &refused);
        cr_assert_not_null(text);
        p = parse_text(text);
        cr_expect_eq(p->n_triggers, 1);
        cr_expect_str_eq(p->triggers[0].uri.text, "^/ok");
        cr_expect_not_null(strstr(refused, "URIRegex=a.{9}b.{9}c.{9}d: "), "%s", refused);
}
