/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(policy_parse, .timeout = 20);

/* The smallest policy, so that a row adds only its subject. */
#define UNIT "[Policy]\nUnit=nginx\n"
#define TRIGGER "[Trigger]\nMetric=process-cpu\nThreshold=80%\n"

static int parse(const char *text, Policy **ret, char **reterr_message) {
        PolicyText t = { .path = "web.policy", .text = text, .length = strlen(text) };

        return policy_parse("web", &t, 1, ret, reterr_message);
}

static Policy *parse_good(const char *text) {
        _cleanup_(freep) char *message = NULL;
        Policy *p = NULL;

        cr_assert_eq(parse(text, &p, &message), 0, "%s", message ?: "no message");
        cr_assert_null(message);
        return p;
}

Test(policy_parse, every_key_is_read) {
        _cleanup_(policy_unrefp) Policy *p = parse_good("# a comment\n"
                                                        "[Policy]\n"
                                                        "Description=The web tier burns CPU\n"
                                                        "Unit=nginx php*.service\n"
                                                        "Unit=user@1000.service/app-*.scope\n"
                                                        "Slice=web\n"
                                                        "Exe=/usr/sbin/nginx /opt/*/bin/php\n"
                                                        "User=www-data 33\n"
                                                        "Profile=on-cpu\n"
                                                        "Duration=1min 30s\n"
                                                        "Silence=1h\n"
                                                        "Scope=process\n"
                                                        "[Trigger]\n"
                                                        "Metric=process-cpu\n"
                                                        "Threshold=80%\n"
                                                        "Period=30s\n"
                                                        "Count=10\n"
                                                        "[Trigger]\n"
                                                        "When=system-load >= 7.5 for 1min\n");

        cr_expect_str_eq(p->name, "web");
        cr_expect_str_eq(p->description, "The web tier burns CPU");
        cr_expect_str_eq(p->units[0], "nginx.service");
        cr_expect_str_eq(p->units[1], "php*.service");
        cr_expect_str_eq(p->units[2], "user@1000.service/app-*.scope");
        cr_expect_null(p->units[3]);
        cr_expect_str_eq(p->slices[0], "web.slice");
        cr_expect_str_eq(p->exes[1], "/opt/*/bin/php");
        cr_expect_str_eq(p->users[1], "33");
        cr_expect_eq(p->kinds, 1U << PROFILE_KIND_ON_CPU);
        cr_expect_eq(p->duration_usec, 90 * USEC_PER_SEC);
        cr_expect_eq(p->silence_usec, USEC_PER_HOUR);
        cr_expect_eq(p->scope, POLICY_SCOPE_PROCESS);

        cr_assert_eq(p->n_triggers, 2);
        cr_expect_eq(p->triggers[0].metric, METRIC_PROCESS_CPU);
        cr_expect_eq(p->triggers[0].threshold, 80);
        cr_expect_eq(p->triggers[0].period_sec, 30);
        cr_expect_eq(p->triggers[0].count, 10);
        cr_expect_eq(p->triggers[1].metric, METRIC_SYSTEM_LOAD);
        cr_expect_eq(p->triggers[1].threshold, 7.5);
        cr_expect_eq(p->triggers[1].period_sec, 60);
        cr_expect_eq(p->triggers[1].count, 60);
}

Test(policy_parse, what_is_not_given_has_its_default) {
        _cleanup_(policy_unrefp) Policy *p = parse_good(UNIT TRIGGER);

        cr_expect_null(p->description);
        cr_expect_null(p->slices[0]);
        cr_expect_eq(p->kinds, 1U << PROFILE_KIND_ON_CPU);
        cr_expect_eq(p->duration_usec, POLICY_DURATION_DEFAULT);
        cr_expect_eq(p->silence_usec, POLICY_SILENCE_DEFAULT);
        cr_expect_eq(p->scope, POLICY_SCOPE_PROCESS);
        cr_expect_eq(p->triggers[0].period_sec, 10);
        cr_expect_eq(p->triggers[0].count, 5);
}

Test(policy_parse, period_and_count_complete_each_other) {
        static const struct {
                const char *text;
                unsigned period_sec, count;
        } rows[] = {
                { UNIT TRIGGER, 10, 5 },
                { UNIT TRIGGER "Period=30s\n", 30, 30 },
                { UNIT TRIGGER "Count=3\n", 10, 3 },
                { UNIT TRIGGER "Count=1\nPeriod=1\n", 1, 1 },
                { UNIT TRIGGER "Period=10min\nCount=600\n", 600, 600 },
                { UNIT TRIGGER "Period=30s\nPeriod=\n", 10, 5 },
                { UNIT "[Trigger]\nWhen=process-cpu >= 80%\n", 10, 5 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_(policy_unrefp) Policy *p = parse_good(rows[i].text);

                cr_expect_eq(p->triggers[0].period_sec, rows[i].period_sec, "row %zu", i);
                cr_expect_eq(p->triggers[0].count, rows[i].count, "row %zu", i);
        }
}

Test(policy_parse, an_empty_value_resets) {
        _cleanup_(policy_unrefp) Policy *p =
                        parse_good("[Policy]\n"
                                   "Description=x\nDescription=\n"
                                   "Unit=a b\nUnit=\nUnit=c\n"
                                   "User=root\nUser=\n"
                                   "Duration=1min\nDuration=\n"
                                   "Silence=1min\nSilence=\n"
                                   "Scope=unit\nScope=\n"
                                   "Profile=on-cpu\nProfile=\n"
                                   "[Trigger]\nWhen=system-load >= 1\nWhen=\nCount=9\nCount=\n"
                                   "Metric=system-load\nMetric=process-cpu\n"
                                   "Threshold=1%\nThreshold=\nThreshold=2%\n");

        cr_expect_null(p->description);
        cr_expect_str_eq(p->units[0], "c.service");
        cr_expect_null(p->units[1]);
        cr_expect_null(p->users[0]);
        cr_expect_eq(p->duration_usec, POLICY_DURATION_DEFAULT);
        cr_expect_eq(p->silence_usec, POLICY_SILENCE_DEFAULT);
        cr_expect_eq(p->scope, POLICY_SCOPE_PROCESS);
        cr_expect_eq(p->kinds, 1U << PROFILE_KIND_ON_CPU);
        cr_expect_eq(p->triggers[0].metric, METRIC_PROCESS_CPU);
        cr_expect_eq(p->triggers[0].threshold, 2);
        cr_expect_eq(p->triggers[0].count, 5);
}

Test(policy_parse, later_texts_extend_and_reset_earlier_ones) {
        static const char *const texts[] = {
                UNIT "Duration=1min\n" TRIGGER,
                "[Policy]\nUnit=php-fpm\nDuration=2min\n[Trigger]\nWhen=system-load >= 4\n",
                "[Policy]\nTriggers=\n[Trigger]\nWhen=process-thread-count >= 100 for 1s",
        };
        PolicyText t[3];
        Policy *p;

        for (size_t i = 0; i < 3; i++)
                t[i] = (PolicyText){ .path = "x", .text = texts[i], .length = strlen(texts[i]) };

        cr_assert_eq(policy_parse("web", t, 2, &p, NULL), 0);
        cr_expect_str_eq(p->units[0], "nginx.service");
        cr_expect_str_eq(p->units[1], "php-fpm.service");
        cr_expect_eq(p->duration_usec, 2 * USEC_PER_MINUTE);
        cr_expect_eq(p->n_triggers, 2);
        policy_unref(p);

        cr_assert_eq(policy_parse("web", t, 3, &p, NULL), 0);
        cr_expect_eq(p->n_triggers, 1);
        cr_expect_eq(p->triggers[0].metric, METRIC_PROCESS_THREAD_COUNT);
        policy_unref(p);
}

Test(policy_parse, repeated_words_and_triggers_count_once) {
        _cleanup_(policy_unrefp) Policy *p =
                        parse_good("[Policy]\nUnit=nginx nginx.service\nUnit=nginx\n" TRIGGER
                                   "[Trigger]\nWhen=process-cpu >= 80 for 5 of 10\n");

        cr_expect_null(p->units[1]);
        cr_expect_eq(p->n_triggers, 1);
}

Test(policy_parse, lines_may_be_continued) {
        _cleanup_(policy_unrefp) Policy *p =
                        parse_good("[Policy]\r\nUnit=a \\\n# in between\n  b\r\n" TRIGGER);

        cr_expect_str_eq(p->units[1], "b.service");
}

Test(policy_parse, names_are_checked) {
        static const struct {
                const char *name;
                bool valid;
        } rows[] = {
                { "web", true },        { "web-2.old_x@y:z\\x2d", true },
                { "", false },          { ".web", false },
                { "a/b", false },       { "a b", false },
                { "w\xc3\xa4", false }, { "..", false },
                { "web*", false },      { "web\n", false },
                { NULL, false },
        };
        char name[POLICY_NAME_MAX + 2] = {};

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                cr_expect_eq(policy_name_is_valid(rows[i].name), rows[i].valid, "row %zu", i);

        memset(name, 'a', POLICY_NAME_MAX);
        cr_expect(policy_name_is_valid(name));
        name[POLICY_NAME_MAX] = 'a';
        cr_expect(!policy_name_is_valid(name));
}
