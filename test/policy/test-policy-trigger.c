/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(policy_trigger, .timeout = 10);

Test(policy_trigger, the_short_form_is_read) {
        static const struct {
                const char *text;
                PolicyTrigger expected;
        } rows[] = {
                { "process-cpu >= 80% for 5 of 10s", { METRIC_PROCESS_CPU, 80, 10, 5 } },
                { "process-cpu >= 80 for 5 of 10", { METRIC_PROCESS_CPU, 80, 10, 5 } },
                { "process-cpu>=80% for 10s", { METRIC_PROCESS_CPU, 80, 10, 10 } },
                { "  process-cpu\t>=  80 %  for  5  of  1min 30s  ", { METRIC_PROCESS_CPU, 80, 90, 5 } },
                { "process-thread-count >= 500 for 1s", { METRIC_PROCESS_THREAD_COUNT, 500, 1, 1 } },
                { "system-load >= 2.5 for 600 of 10min", { METRIC_SYSTEM_LOAD, 2.5, 600, 600 } },
                { "system-load >= 0", { METRIC_SYSTEM_LOAD, 0, 10, 5 } },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_(freep) char *message = NULL;
                PolicyTrigger t;
                int r;

                r = policy_trigger_parse(rows[i].text, &t, &message);
                cr_assert_eq(r, 0, "'%s': %s", rows[i].text, message);
                cr_expect_eq(t.metric, rows[i].expected.metric, "'%s'", rows[i].text);
                cr_expect_eq(t.threshold, rows[i].expected.threshold, "'%s'", rows[i].text);
                cr_expect_eq(t.period_sec, rows[i].expected.period_sec, "'%s'", rows[i].text);
                cr_expect_eq(t.count, rows[i].expected.count, "'%s'", rows[i].text);
        }
}

Test(policy_trigger, bad_short_forms_say_which_part_is_wrong) {
        static const struct {
                const char *text, *message;
        } rows[] = {
                { "", "expected a metric, as in 'process-cpu >= 80% for 5 of 10s'" },
                { ">= 80%", "expected a metric, as in 'process-cpu >= 80% for 5 of 10s'" },
                { "proces-cpu >= 80%", "proces-cpu: unknown metric, did you mean process-cpu?" },
                { "http-eror-rate >= 5%", "http-eror-rate: unknown metric, did you mean http-error-rate?" },
                { "process-cpu", "expected '>=' after process-cpu" },
                { "process-cpu > 80%", "expected '>=' after process-cpu" },
                { "process-cpu <= 80%", "expected '>=' after process-cpu" },
                { "process-cpu 80%", "expected '>=' after process-cpu" },
                { "process-cpu >= ", "expected a percentage such as 80%" },
                { "process-cpu >= for 10s", "expected a percentage such as 80%" },
                { "process-cpu >== 80%", "= 80%: expected a percentage such as 80%" },
                { "process-cpu >= high for 10s", "high: expected a percentage such as 80%" },
                { "process-thread-count >= 1.5k", "1.5k: expected a number of threads such as 500" },
                { "process-cpu >= 80% for", "expected whole seconds from 1s to 10min" },
                { "process-cpu >= 80% for 5of10s", "5of10s: expected whole seconds from 1s to 10min" },
                { "process-cpu >= 80% for 5 of", "expected whole seconds from 1s to 10min" },
                { "process-cpu >= 80% for of 10s", "expected a whole number from 1 to 600" },
                { "process-cpu >= 80% for 0 of 10s", "0: expected a whole number from 1 to 600" },
                { "process-cpu >= 80% for 5s of 10s", "5s: expected a whole number from 1 to 600" },
                { "process-cpu >= 80% for 11 of 10s", "11 of 10s: more seconds than the period has" },
                { "process-cpu >= 80% for 11min", "11min: expected whole seconds from 1s to 10min" },
                { "process-cpu >= 80% or system-load >= 1 for 1s",
                  "80% or system-load >= 1: expected a percentage such as 80%" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_(freep) char *message = NULL;
                PolicyTrigger t = { .count = 77 };
                int r;

                r = policy_trigger_parse(rows[i].text, &t, &message);
                cr_expect_eq(r, -EINVAL, "'%s': %i", rows[i].text, r);
                cr_expect_str_eq(message ?: "(none)", rows[i].message, "'%s': %s", rows[i].text, message);
                cr_expect_eq(t.count, 77, "'%s' wrote its result", rows[i].text);
                cr_expect_eq(policy_trigger_parse(rows[i].text, &t, NULL), r);
        }
}

Test(policy_trigger, a_text_without_end_is_refused) {
        _cleanup_(freep) char *message = NULL;
        char text[4097];
        PolicyTrigger t;

        memset(text, ' ', sizeof(text));
        text[sizeof(text) - 1] = '\0';

        cr_expect_eq(policy_trigger_parse(text, &t, &message), -EINVAL);
        cr_expect_str_eq(message, "longer than 4095 bytes");
}

Test(policy_trigger, the_short_form_is_written) {
        static const struct {
                PolicyTrigger trigger;
                const char *expected;
        } rows[] = {
                { { METRIC_PROCESS_CPU, 80, 10, 5 }, "process-cpu >= 80% for 5 of 10s" },
                { { METRIC_PROCESS_CPU, 0.5, 90, 90 }, "process-cpu >= 0.5% for 1min 30s" },
                { { METRIC_SYSTEM_LOAD, 2.5, 600, 1 }, "system-load >= 2.5 for 1 of 10min" },
                { { METRIC_PROCESS_THREAD_COUNT, 500, 1, 1 }, "process-thread-count >= 500 for 1s" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_(freep) char *text = NULL;
                PolicyTrigger t;

                cr_assert_eq(policy_trigger_format(&rows[i].trigger, &text), 0);
                cr_expect_str_eq(text, rows[i].expected);

                cr_assert_eq(policy_trigger_parse(text, &t, NULL), 0);
                cr_expect_eq(t.metric, rows[i].trigger.metric);
                cr_expect_eq(t.threshold, rows[i].trigger.threshold);
                cr_expect_eq(t.period_sec, rows[i].trigger.period_sec);
                cr_expect_eq(t.count, rows[i].trigger.count);
        }
}
