/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/http-sums.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(http_sums, .timeout = 10);

#define NEAR(a, b) cr_expect_float_eq(a, b, 1e-9)

Test(http_sums, buckets_divide_each_power_of_two_of_microseconds_evenly) {
        static const struct {
                unsigned bucket;
                double start_ms;
        } rows[] = {
                { 0, 0 },         { 1, 0.040 },      { 2, 0.048 },      { 3, 0.056 },  { 4, 0.064 },
                { 5, 0.080 },     { 8, 0.128 },      { 20, 1.024 },     { 21, 1.280 }, { 40, 32.768 },
                { 60, 1048.576 }, { 79, 29360.128 }, { 80, 33554.432 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                NEAR(http_bucket_start_ms(rows[i].bucket), rows[i].start_ms);
        for (unsigned i = 1; i < CPROF_HTTP_BUCKETS; i++)
                cr_expect_gt(http_bucket_start_ms(i), http_bucket_start_ms(i - 1));
}

Test(http_sums, quantiles_are_linear_within_a_bucket) {
        HttpSums s = {};

        cr_expect(isnan(http_sums_quantile(&s, 0.5)));

        s.buckets[20] = 100; /* 1.024 … 1.280 ms */
        NEAR(http_sums_quantile(&s, 0), 1.024);
        NEAR(http_sums_quantile(&s, 0.5), 1.152);
        NEAR(http_sums_quantile(&s, 1), 1.280);

        s.buckets[60] = 100; /* 1048.576 … 1310.72 */
        NEAR(http_sums_quantile(&s, 0.5), 1.280);
        NEAR(http_sums_quantile(&s, 0.75), 1048.576 + 262.144 / 2);
        NEAR(http_sums_quantile(&s, 0.95), 1048.576 + 262.144 * 0.9);
}

Test(http_sums, what_takes_half_a_minute_and_more_is_said_to_take_half_a_minute) {
        HttpSums s = { .buckets = { [CPROF_HTTP_BUCKETS - 1] = 3 } };

        NEAR(http_sums_quantile(&s, 0.5), 33554.432);
        NEAR(http_sums_quantile(&s, 1), 33554.432);
}

/* A quantile of uniformly spread times is as near as its bucket is wide. */
Test(http_sums, quantiles_are_within_a_bucket_of_the_truth) {
        HttpSums s = {};

        for (unsigned usec = 0; usec < 114688; usec++) /* the end of a bucket */ {
                unsigned i = 0;

                while (i + 1 < CPROF_HTTP_BUCKETS && http_bucket_start_ms(i + 1) * 1000 <= usec)
                        i++;
                s.buckets[i]++;
        }

        for (double share = 0.01; share < 1; share += 0.01)
                cr_expect_float_eq(http_sums_quantile(&s, share), share * 114.688, 0.01);
}

Test(http_sums, a_second_without_answers_has_a_rate_and_nothing_else) {
        HttpSums s = {};

        for (Metric m = 0; m < _METRIC_MAX; m++)
                if (m == METRIC_HTTP_REQUEST_RATE)
                        NEAR(http_sums_value(&s, m), 0);
                else
                        cr_expect(isnan(http_sums_value(&s, m)), "%s", metric_to_string(m));
}

Test(http_sums, each_metric_is_of_its_own_part) {
        struct cprof_http_cell cell = {
                .n_total = 200,
                .n_4xx = 30,
                .n_5xx = 10,
                .n_timed = 100,
                .sum_ns = 1000000000,
        };
        HttpSums s = {}, twice = {};

        cell.buckets[20] = 100;
        http_sums_add_cell(&s, &cell);
        http_sums_add(&twice, &s);
        http_sums_add(&twice, &s);

        NEAR(http_sums_value(&s, METRIC_HTTP_ERROR_RATE), 5);
        NEAR(http_sums_value(&s, METRIC_HTTP_4XX_RATE), 15);
        NEAR(http_sums_value(&s, METRIC_HTTP_AVG_RESPONSE_TIME), 10);
        NEAR(http_sums_value(&s, METRIC_HTTP_P95_RESPONSE_TIME), 1.024 + 0.256 * 0.95);
        NEAR(http_sums_value(&s, METRIC_HTTP_P99_RESPONSE_TIME), 1.024 + 0.256 * 0.99);
        NEAR(http_sums_value(&s, METRIC_HTTP_REQUEST_RATE), 200);

        NEAR(http_sums_value(&twice, METRIC_HTTP_REQUEST_RATE), 400);
        NEAR(http_sums_value(&twice, METRIC_HTTP_AVG_RESPONSE_TIME), 10);
        NEAR(http_sums_value(&twice, METRIC_HTTP_P95_RESPONSE_TIME), 1.024 + 0.256 * 0.95);
}

/* Answers whose request was not seen have a status and no time. */
Test(http_sums, without_a_timed_answer_there_is_no_time) {
        const HttpSums s = { .n_total = 3, .n_5xx = 3 };

        NEAR(http_sums_value(&s, METRIC_HTTP_ERROR_RATE), 100);
        cr_expect(isnan(http_sums_value(&s, METRIC_HTTP_AVG_RESPONSE_TIME)));
        cr_expect(isnan(http_sums_value(&s, METRIC_HTTP_P99_RESPONSE_TIME)));
}
