/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/metric.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

TestSuite(metric, .timeout = 10);

Test(metric, each_metric_is_found_by_its_name) {
        const char *const *names = metric_names();
        size_t n = 0;

        for (; names[n]; n++) {
                int m = metric_from_string(names[n]);

                cr_assert(m >= 0 && m < _METRIC_MAX, "%s", names[n]);
                cr_expect_str_eq(metric_to_string(m), names[n]);
                cr_expect_not_null(metric_info(m)->expected);
        }
        cr_expect_eq(n, _METRIC_MAX);

        cr_expect_null(metric_to_string(_METRIC_MAX));
        cr_expect_null(metric_info(_METRIC_INVALID));
}

Test(metric, names_are_exact) {
        static const struct {
                const char *name;
                int expected;
        } rows[] = {
                { "process-cpu", METRIC_PROCESS_CPU },
                { "process-thread-count", METRIC_PROCESS_THREAD_COUNT },
                { "system-load", METRIC_SYSTEM_LOAD },
                { "http-error-rate", METRIC_HTTP_ERROR_RATE },
                { "http-4xx-rate", METRIC_HTTP_4XX_RATE },
                { "http-avg-response-time", METRIC_HTTP_AVG_RESPONSE_TIME },
                { "http-p95-response-time", METRIC_HTTP_P95_RESPONSE_TIME },
                { "http-p99-response-time", METRIC_HTTP_P99_RESPONSE_TIME },
                { "http-request-rate", METRIC_HTTP_REQUEST_RATE },
                { "cpu-pressure", METRIC_CPU_PRESSURE },
                { "memory-pressure", METRIC_MEMORY_PRESSURE },
                { "io-pressure", METRIC_IO_PRESSURE },
                { "http-latency", -EINVAL },
                { "Process-CPU", -EINVAL },
                { "process_cpu", -EINVAL },
                { "process-cpu ", -EINVAL },
                { "http-", -EINVAL },
                { "", -EINVAL },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                cr_expect_eq(metric_from_string(rows[i].name), rows[i].expected, "'%s'", rows[i].name);
}

Test(metric, thresholds_are_read_in_the_unit_of_the_metric) {
        static const struct {
                Metric metric;
                const char *text;
                int expected;
                double value;
        } rows[] = {
                { METRIC_PROCESS_CPU, "80%", 0, 80 },
                { METRIC_PROCESS_CPU, "80", 0, 80 },
                { METRIC_PROCESS_CPU, "80 %", 0, 80 },
                { METRIC_PROCESS_CPU, "0", 0, 0 },
                { METRIC_PROCESS_CPU, "0.5%", 0, 0.5 },
                { METRIC_PROCESS_CPU, "1600%", 0, 1600 },
                { METRIC_PROCESS_CPU, "819200%", 0, 819200 },
                { METRIC_PROCESS_CPU, "819201%", -ERANGE, 0 },
                { METRIC_PROCESS_CPU, "%", -EINVAL, 0 },
                { METRIC_PROCESS_CPU, "80%%", -EINVAL, 0 },
                { METRIC_PROCESS_CPU, "-1%", -EINVAL, 0 },
                { METRIC_PROCESS_CPU, "80,5%", -EINVAL, 0 },
                { METRIC_PROCESS_CPU, "1e2", -EINVAL, 0 },
                { METRIC_PROCESS_CPU, "inf", -EINVAL, 0 },
                { METRIC_PROCESS_CPU, "nan", -EINVAL, 0 },
                { METRIC_PROCESS_CPU, "", -EINVAL, 0 },
                { METRIC_PROCESS_CPU, "0.1234567890123456789012345678901234567890", -EINVAL, 0 },
                { METRIC_PROCESS_THREAD_COUNT, "500", 0, 500 },
                { METRIC_PROCESS_THREAD_COUNT, "500%", -EINVAL, 0 },
                { METRIC_PROCESS_THREAD_COUNT, "4194305", -ERANGE, 0 },
                { METRIC_SYSTEM_LOAD, "2.5", 0, 2.5 },
                { METRIC_SYSTEM_LOAD, "2.5s", -EINVAL, 0 },
                { METRIC_HTTP_ERROR_RATE, "5%", 0, 5 },
                { METRIC_HTTP_ERROR_RATE, "101%", -ERANGE, 0 },
                { METRIC_HTTP_4XX_RATE, "5ms", -EINVAL, 0 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "250ms", 0, 250 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "250", 0, 250 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "250 ms", 0, 250 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "1.5s", 0, 1500 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "1.5 s", 0, 1500 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "0.0000005s", 0, 0.0005 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "3600s", 0, 3600e3 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "3601s", -ERANGE, 0 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "3600001ms", -ERANGE, 0 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "ms", -EINVAL, 0 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "s", -EINVAL, 0 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "250mss", -EINVAL, 0 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "250us", -EINVAL, 0 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "1min", -EINVAL, 0 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, "250%", -EINVAL, 0 },
                { METRIC_HTTP_P95_RESPONSE_TIME, "0.25s", 0, 250 },
                { METRIC_HTTP_P99_RESPONSE_TIME, "2s", 0, 2000 },
                { METRIC_HTTP_REQUEST_RATE, "1000/s", 0, 1000 },
                { METRIC_HTTP_REQUEST_RATE, "1000", 0, 1000 },
                { METRIC_HTTP_REQUEST_RATE, "1000 /s", 0, 1000 },
                { METRIC_HTTP_REQUEST_RATE, "1000s", -EINVAL, 0 },
                { METRIC_HTTP_REQUEST_RATE, "/s", -EINVAL, 0 },
                { METRIC_CPU_PRESSURE, "100%", 0, 100 },
                { METRIC_IO_PRESSURE, "100.1%", -ERANGE, 0 },
                { METRIC_MEMORY_PRESSURE, "20", 0, 20 },
                { _METRIC_INVALID, "1", -EINVAL, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                double v = -1;

                cr_expect_eq(metric_parse_threshold(rows[i].metric, rows[i].text, &v),
                             rows[i].expected,
                             "'%s'",
                             rows[i].text);
                cr_expect_eq(v, rows[i].expected < 0 ? -1 : rows[i].value, "'%s' is %f", rows[i].text, v);
        }
}

Test(metric, values_are_written_without_needless_digits) {
        static const struct {
                Metric metric;
                double value;
                const char *expected;
        } rows[] = {
                { METRIC_PROCESS_CPU, 80, "80%" },
                { METRIC_PROCESS_CPU, 0, "0%" },
                { METRIC_PROCESS_CPU, 100, "100%" },
                { METRIC_PROCESS_CPU, 0.1, "0.1%" },
                { METRIC_PROCESS_CPU, 100.0 / 3, "33.333333%" },
                { METRIC_PROCESS_CPU, -0.0000001, "0%" },
                { METRIC_HTTP_AVG_RESPONSE_TIME, 1500, "1500ms" },
                { METRIC_HTTP_P99_RESPONSE_TIME, 0.25, "0.25ms" },
                { METRIC_HTTP_REQUEST_RATE, 1000, "1000/s" },
                { METRIC_IO_PRESSURE, 20, "20%" },
                { METRIC_SYSTEM_LOAD, 2.5, "2.5" },
                { METRIC_SYSTEM_LOAD, -1.5, "-1.5" },
                { METRIC_SYSTEM_LOAD, 1e300, "1e+300" },
                { METRIC_PROCESS_THREAD_COUNT, 4194304, "4194304" },
                { METRIC_PROCESS_THREAD_COUNT, NAN, "-" },
                { METRIC_PROCESS_THREAD_COUNT, INFINITY, "-" },
                { _METRIC_INVALID, 1, "1" },
        };
        char buf[32];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                cr_expect_str_eq(
                                metric_format_value(rows[i].metric, rows[i].value, buf),
                                rows[i].expected,
                                "row %zu: %s",
                                i,
                                buf);
}

Test(metric, a_threshold_reads_back_as_the_same_number) {
        unsigned long long seed = 1;

        for (unsigned i = 0; i < 20000; i++) {
                char text[32], buf[32];
                double v, again;

                seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
                (void) snprintf(text,
                                sizeof(text),
                                "%llu.%0*llu",
                                (seed >> 33) % 819200,
                                (int) (1 + i % 15),
                                (seed >> 20) % 10);

                cr_assert_eq(metric_parse_threshold(METRIC_PROCESS_CPU, text, &v), 0, "%s", text);
                cr_assert_eq(metric_parse_threshold(
                                             METRIC_PROCESS_CPU,
                                             metric_format_value(METRIC_PROCESS_CPU, v, buf),
                                             &again),
                             0);
                cr_assert_eq(v, again, "%s became %s", text, buf);
        }
}
