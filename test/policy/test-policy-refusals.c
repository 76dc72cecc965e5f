/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/strbuf.h"
#include "policy/policy.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(policy_refusals, .timeout = 20);

/* The smallest policy, so that a row adds only its subject. */
#define UNIT "[Policy]\nUnit=nginx\n"
#define TRIGGER "[Trigger]\nMetric=process-cpu\nThreshold=80%\n"

static int parse(const char *text, Policy **ret, char **reterr_message) {
        PolicyText t = { .path = "web.policy", .text = text, .length = strlen(text) };

        return policy_parse("web", &t, 1, ret, reterr_message);
}

typedef struct BadRow {
        const char *text;
        const char *message;
        int error; /* 0: -EINVAL */
} BadRow;

static void check_rows(const BadRow *rows, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(freep) char *message = NULL;
                Policy *p = NULL;
                int r;

                r = parse(rows[i].text, &p, &message);
                cr_expect_eq(r, rows[i].error ?: -EINVAL, "row %zu: %i", i, r);
                cr_expect_null(p);
                cr_expect_str_eq(
                                message ?: "(none)", rows[i].message, "row %zu: %s", i, message ?: "(none)");

                r = parse(rows[i].text, &p, NULL);
                cr_expect_eq(r, rows[i].error ?: -EINVAL, "row %zu without message: %i", i, r);
        }
}

Test(policy_refusals, the_text_with_the_error_is_named) {
        _cleanup_(freep) char *message = NULL;
        PolicyText t[] = {
                { .path = "/etc/web.policy", .text = UNIT TRIGGER, .length = strlen(UNIT TRIGGER) },
                { .path = "/run/web.policy.d/a.conf", .text = "\n[Policy]\nScope=hosts\n", .length = 22 },
        };
        Policy *p;

        cr_assert_eq(policy_parse("web", t, 2, &p, &message), -EINVAL);
        cr_expect_str_eq(
                        message,
                        "/run/web.policy.d/a.conf:3: Scope=hosts: unknown scope, expected one of process, unit",
                        "%s",
                        message);
}

Test(policy_refusals, bad_lines_are_refused_with_what_was_expected) {
        static const BadRow rows[] = {
                { UNIT "nonsense\n" TRIGGER, "web.policy:3: expected 'Key=Value' or '[Section]'" },
                { "Unit=nginx\n", "web.policy:1: assignment before the first section header" },
                { "[Policy\n", "web.policy:1: section header does not end with ']'" },
                { "[Polcy]\nUnit=nginx\n",
                  "web.policy:1: [Polcy]: unknown section, did you mean [Policy]?" },
                { UNIT "[Service]\n",
                  "web.policy:3: [Service]: unknown section, expected one of [Policy], [Trigger]" },
                { "[Policy]\nUnits=nginx\n",
                  "web.policy:2: Units=nginx: unknown key in [Policy], did you mean Unit=?" },
                { "[Policy]\nunit=nginx\n",
                  "web.policy:2: unit=nginx: unknown key in [Policy], did you mean Unit=?" },
                { UNIT "Metric=process-cpu\n",
                  "web.policy:3: Metric=process-cpu: not a key of [Policy], it belongs into [Trigger]" },
                { UNIT "[Trigger]\nScope=unit\n",
                  "web.policy:4: Scope=unit: not a key of [Trigger], it belongs into [Policy]" },
                { UNIT "[Trigger]\nTreshold=80%\n",
                  "web.policy:4: Treshold=80%: unknown key in [Trigger], did you mean Threshold=?" },
                { UNIT "[Trigger]\nXyzzyxyzzy=1\n",
                  "web.policy:4: Xyzzyxyzzy=1: unknown key in [Trigger], expected one of Metric, Threshold, Period, "
                  "Count, URI, URIRegex, When" },
                { "[Policy]\nDescription=a\x1b[31mb\n",
                  "web.policy:2: Description=a?[31mb: control character, expected text" },
                { UNIT "Triggers=2\n",
                  "web.policy:3: Triggers=2: expected nothing: it drops triggers, [Trigger] sections add them" },
                { "[Policy]\nUnit=\xff\n", "web.policy:2: not valid UTF-8" },
        };

        check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(policy_refusals, bad_values_are_refused_with_what_was_expected) {
        static const BadRow rows[] = {
                { UNIT "Duration=0\n", "web.policy:3: Duration=0: expected a time span from 1s to 1h" },
                { UNIT "Duration=2h\n", "web.policy:3: Duration=2h: expected a time span from 1s to 1h" },
                { UNIT "Duration=soon\n",
                  "web.policy:3: Duration=soon: expected a time span from 1s to 1h" },
                { UNIT "Silence=31d\n", "web.policy:3: Silence=31d: expected a time span from 0s to 30d" },
                { UNIT "Silence=-1s\n", "web.policy:3: Silence=-1s: expected a time span from 0s to 30d" },
                { UNIT "Scope=units\n", "web.policy:3: Scope=units: unknown scope, did you mean unit?" },
                { UNIT "Profile=oncpu\n",
                  "web.policy:3: Profile=oncpu: unknown profile, did you mean on-cpu?" },
                { UNIT "Profile=heap\n",
                  "web.policy:3: Profile=heap: unknown profile, expected one of on-cpu, off-cpu" },
                { UNIT "Profile=on-cpu network\n",
                  "web.policy:3: Profile=on-cpu network: this build does not have network (it has on-cpu, off-cpu)",
                  -EOPNOTSUPP },
                { UNIT "Profile=network\n",
                  "web.policy:3: Profile=network: this build does not have network (it has on-cpu, off-cpu)",
                  -EOPNOTSUPP },
        };

        check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(policy_refusals, bad_patterns_are_refused) {
        static const BadRow rows[] = {
                { "[Policy]\nUnit=nginx,php\n",
                  "web.policy:2: Unit=nginx,php: 'nginx,php' is not a unit name or glob such as nginx.service or "
                  "php*.service" },
                { "[Policy]\nUnit=good.service /bad\n",
                  "web.policy:2: Unit=good.service /bad: '/bad' is not a unit name or glob such as nginx.service or "
                  "php*.service" },
                { "[Policy]\nUnit=outer/\n",
                  "web.policy:2: Unit=outer/: 'outer/' is not a unit name or glob such as nginx.service or "
                  "php*.service" },
                { "[Policy]\nUnit=outer/inner\n",
                  "web.policy:2: Unit=outer/inner: 'outer/inner' is not a unit name or glob such as nginx.service or "
                  "php*.service" },
                { "[Policy]\nUnit=backup.timer\n",
                  "web.policy:2: Unit=backup.timer: 'backup.timer' is not watched, expected a service, scope or slice" },
                { "[Policy]\nUnit=php[0-9.service\n",
                  "web.policy:2: Unit=php[0-9.service: 'php[0-9.service' has a '[' without ']'" },
                { "[Policy]\nUnit=php[]\n", "web.policy:2: Unit=php[]: 'php[]' has a '[' without ']'" },
                { "[Policy]\nSlice=web.service\n",
                  "web.policy:2: Slice=web.service: 'web.service' is not a slice name or glob such as web.slice or "
                  "web-*.slice" },
                { "[Policy]\nSlice=web.socket\n",
                  "web.policy:2: Slice=web.socket: 'web.socket' is not a slice" },
                { "[Policy]\nExe=php\n",
                  "web.policy:2: Exe=php: 'php' is not an absolute path or glob such as /usr/bin/php*" },
                { "[Policy]\nUser=www:data\n",
                  "web.policy:2: User=www:data: 'www:data' is not a user name, number or glob such as www-data" },
        };

        check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(policy_refusals, bad_triggers_are_refused_at_the_line_to_blame) {
        static const BadRow rows[] = {
                { "[Policy]\nUnit=nginx\nUnit=php\n\n\n[Trigger]\nMetric=proces-cpu\n",
                  "web.policy:7: Metric=proces-cpu: unknown metric, did you mean process-cpu?" },
                { UNIT "[Trigger]\nMetric=temperature\n",
                  "web.policy:4: Metric=temperature: unknown metric, expected one of process-cpu, "
                  "process-thread-count, system-load, http-error-rate, http-4xx-rate, "
                  "http-avg-response-time, http-p95-response-time, http-p99-response-time, "
                  "http-request-rate, cpu-pressure, io-pressure, memory-pressure" },
                { UNIT "[Trigger]\nMetric=http-errors-rate\n",
                  "web.policy:4: Metric=http-errors-rate: unknown metric, did you mean http-error-rate?" },
                { UNIT "[Trigger]\nThreshold=80%\n[Policy]\n",
                  "web.policy:3: [Trigger]: Metric= is missing" },
                { UNIT "[Trigger]\nMetric=process-cpu\n", "web.policy:3: [Trigger]: Threshold= is missing" },
                { UNIT "\n[Trigger]\n", "web.policy:4: [Trigger]: Metric= is missing" },
                { UNIT "[Trigger]\nThreshold=many\nMetric=process-cpu\n",
                  "web.policy:4: Threshold=many: expected a percentage such as 80%" },
                { UNIT "[Trigger]\nThreshold=900000%\nMetric=process-cpu\n",
                  "web.policy:4: Threshold=900000%: expected a percentage such as 80%, at most 819200%" },
                { UNIT "[Trigger]\nThreshold=5%\nMetric=system-load\n",
                  "web.policy:4: Threshold=5%: expected a load average such as 8 or 2.5" },
                { UNIT TRIGGER "Period=0s\n",
                  "web.policy:6: Period=0s: expected whole seconds from 1s to 10min" },
                { UNIT TRIGGER "Period=1.5s\n",
                  "web.policy:6: Period=1.5s: expected whole seconds from 1s to 10min" },
                { UNIT TRIGGER "Period=11min\n",
                  "web.policy:6: Period=11min: expected whole seconds from 1s to 10min" },
                { UNIT TRIGGER "Count=0\n", "web.policy:6: Count=0: expected a whole number from 1 to 600" },
                { UNIT TRIGGER "Count=2.5\n",
                  "web.policy:6: Count=2.5: expected a whole number from 1 to 600" },
                { UNIT TRIGGER "Count=11\n",
                  "web.policy:6: Count=11: more seconds than the period has (Period=10s, the default)" },
                { UNIT TRIGGER "Count=31\nPeriod=30s\n[Policy]\n",
                  "web.policy:6: Count=31: more seconds than the period has (Period=30s)" },
                { UNIT TRIGGER "When=process-cpu >= 1\n",
                  "web.policy:6: When=process-cpu >= 1: either When= or the other keys, not both in one section" },
                { UNIT "[Trigger]\nWhen=process-cpu >= 1\nCount=2\n",
                  "web.policy:5: Count=2: either When= or the other keys, not both in one section" },
                { UNIT "[Trigger]\nWhen=process-cpu >= 1\nWhen=system-load >= 2\n",
                  "web.policy:5: When=system-load >= 2: a second When= in one section, each needs a [Trigger] of its "
                  "own" },
                { UNIT "[Trigger]\nWhen=proces-cpu >= 80%\n",
                  "web.policy:4: When=proces-cpu >= 80%: proces-cpu: unknown metric, did you mean process-cpu?" },
                { UNIT "[Trigger]\nWhen=process-cpu >= 80% for 11 of 10s\n",
                  "web.policy:4: When=process-cpu >= 80% for 11 of 10s: 11 of 10s: more seconds than the period has" },
        };

        check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void check_refused(const char *text, size_t length, const char *expected) {
        _cleanup_(freep) char *message = NULL;
        PolicyText t = { .path = "web.policy", .text = text, .length = length };
        Policy *p = NULL;

        cr_expect_eq(policy_parse("web", &t, 1, &p, &message), -EINVAL);
        cr_expect_str_eq(message ?: "(none)", expected, "%s", message ?: "(none)");
}

#define EIGHTY_ZEROS "00000000000000000000000000000000000000000000000000000000000000000000000000000000"

Test(policy_refusals, names_of_services) {
        static const BadRow rows[] = {
                { "[Policy]\nService=\"a\n" TRIGGER,
                  "web.policy:2: Service=\"a: a quotation mark is not closed" },
                { "[Policy]\nService=\"a\"b\n" TRIGGER,
                  "web.policy:2: Service=\"a\"b: expected a blank behind the quotation mark" },
                { "[Policy]\nService=a\"b\n" TRIGGER,
                  "web.policy:2: Service=a\"b: a name with a quotation mark in it is written \"in \\\" quotes\"" },
                { "[Policy]\nService=x \"\"\n" TRIGGER, "web.policy:2: Service=x \"\": a name of nothing" },
                { "[Policy]\nService=\"\\x00\"\n" TRIGGER,
                  "web.policy:2: Service=\"\\x00\": in quotes a backslash is written \\\\, a quotation mark \\\", "
                  "another byte \\xHH" },
                { "[Policy]\nService=\"\\n\"\n" TRIGGER,
                  "web.policy:2: Service=\"\\n\": in quotes a backslash is written \\\\, a quotation mark \\\", "
                  "another byte \\xHH" },
                { "[Policy]\nService=\"\\xff\"\n" TRIGGER,
                  "web.policy:2: Service=\"\\xff\": a name is not valid UTF-8" },
                { "[Trigger]\nService=a\n",
                  "web.policy:2: Service=a: not a key of [Trigger], it belongs into [Policy]" },
                { "[Policy]\nServices=a\n" TRIGGER,
                  "web.policy:2: Services=a: unknown key in [Policy], did you mean Service=?" },
        };
        _cleanup_(freep) char *text = NULL;
        StrBuf b = {};

        check_rows(rows, sizeof(rows) / sizeof(rows[0]));

        strbuf_addf(&b, "[Policy]\nService=%0513u\n%s", 0, TRIGGER);
        cr_assert_eq(strbuf_finish(&b, &text), 0);
        check_refused(text,
                      strlen(text),
                      "web.policy:2: Service=" EIGHTY_ZEROS "…: a name is longer than 512 bytes");
}

Test(policy_refusals, what_is_missing_altogether_is_named) {
        static const BadRow rows[] = {
                { "", "web.policy: one of Unit=, Slice=, Exe=, User=, Service= is needed" },
                { "[Policy]\nDescription=x\n" TRIGGER,
                  "web.policy: one of Unit=, Slice=, Exe=, User=, Service= is needed" },
                { UNIT "Unit=\n" TRIGGER,
                  "web.policy: one of Unit=, Slice=, Exe=, User=, Service= is needed" },
                { UNIT "Scope=unit\nExe=/usr/bin/x\n" TRIGGER,
                  "web.policy: Scope=unit: Exe= and User= tell processes apart, not units; use Unit= or Slice=" },
                { UNIT "Scope=unit\nUser=root\n" TRIGGER,
                  "web.policy: Scope=unit: Exe= and User= tell processes apart, not units; use Unit= or Slice=" },
                { UNIT, "web.policy: a [Trigger] section is needed" },
                { UNIT TRIGGER "[Policy]\nTriggers=\n", "web.policy: a [Trigger] section is needed" },
        };

        check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(policy_refusals, what_grows_has_a_limit) {
        _cleanup_(freep) char *big = calloc(1, POLICY_FILE_SIZE_MAX + 1), *text = NULL;
        StrBuf b = {};

        memset(big, '\n', POLICY_FILE_SIZE_MAX + 1);
        check_refused(big, POLICY_FILE_SIZE_MAX + 1, "web.policy: larger than 64 KiB");
        check_refused("[Policy]\nUnit=\0x\n", 17, "web.policy:2: NUL byte, expected text");

        strbuf_add(&b, UNIT);
        for (unsigned i = 0; i <= POLICY_TRIGGERS_MAX; i++)
                strbuf_addf(&b, "[Trigger]\nWhen=process-cpu >= %u\n", i);
        cr_assert_eq(strbuf_finish(&b, &text), 0);
        check_refused(text, strlen(text), "web.policy:131: [Trigger]: more than 64 triggers");
        free(TAKE_PTR(text));

        strbuf_add(&b, "[Policy]\n");
        for (unsigned i = 0; i <= POLICY_PATTERNS_MAX; i++)
                strbuf_addf(&b, "User=%u\n", i);
        cr_assert_eq(strbuf_finish(&b, &text), 0);
        check_refused(text, strlen(text), "web.policy:258: User=256: more than 256 patterns");
        free(TAKE_PTR(text));

        strbuf_add(&b, "[Policy]\n");
        for (unsigned i = 0; i < 200; i++)
                strbuf_addf(&b, "Exe=/%0200u\n", i);
        strbuf_add(&b, TRIGGER);
        cr_assert_eq(strbuf_finish(&b, &text), 0);
        check_refused(text,
                      strlen(text),
                      "web.policy: Unit=, Slice=, Exe=, User= and Service= are longer than 32 KiB together");
        free(TAKE_PTR(text));

        strbuf_addf(&b, "[Policy]\nDescription=%01025d\n", 0);
        cr_assert_eq(strbuf_finish(&b, &text), 0);
        check_refused(text,
                      strlen(text),
                      "web.policy:2: "
                      "Description=00000000000000000000000000000000000000000000000000000000000000000000000000000000…: "
                      "expected a text of at most 1024 bytes");
}

Test(policy_refusals, a_long_value_is_cut_between_characters_in_messages) {
        _cleanup_(freep) char *message = NULL;
        Policy *p = NULL;

        /* 79 bytes and then a character of two */
        cr_assert_eq(parse("[Policy]\nScope="
                           "1234567890123456789012345678901234567890123456789012345678901234567890123456789"
                           "\xc3\xa4xyz\n",
                           &p,
                           &message),
                     -EINVAL);
        cr_expect_str_eq(
                        message,
                        "web.policy:2: Scope="
                        "1234567890123456789012345678901234567890123456789012345678901234567890123456789…: "
                        "unknown scope, expected one of process, unit",
                        "%s",
                        message);
}
