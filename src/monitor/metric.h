/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum Metric {
        METRIC_PROCESS_CPU,          /* percent of one core over the last second; may exceed 100 */
        METRIC_PROCESS_THREAD_COUNT, /* threads alive at the tick */
        METRIC_SYSTEM_LOAD,          /* 1-minute load average */

        /* Of the responses that finished in the second, server side; no response, no value. By URI rule. */
        METRIC_HTTP_ERROR_RATE,        /* percent with status 500…599 */
        METRIC_HTTP_4XX_RATE,          /* percent with status 400…499 */
        METRIC_HTTP_AVG_RESPONSE_TIME, /* mean, ms: first byte of the request to last byte of the answer */
        METRIC_HTTP_P95_RESPONSE_TIME, /* ms, from a histogram: from buckets of a quarter of their lower end
                                          at most, linear within */
        METRIC_HTTP_P99_RESPONSE_TIME,
        METRIC_HTTP_REQUEST_RATE, /* responses finished in the second; 0 counts as a value */

        /* Of units only: percent of the second in which some task waited for it; linux
         * Documentation/accounting/psi.rst, "some" */
        METRIC_CPU_PRESSURE,
        METRIC_IO_PRESSURE,
        METRIC_MEMORY_PRESSURE,
        _METRIC_MAX,
        _METRIC_INVALID = -EINVAL,
} Metric;

typedef struct MetricInfo {
        const char *name;
        const char *unit; /* "%", "ms", "/s", "" */
        double threshold_max;
        const char *expected; /* how a threshold is written: "a percentage such as 80%" */
        bool is_http;         /* takes a URI rule */
        bool is_unit_only;    /* has a value with Scope=unit only */
} MetricInfo;

const MetricInfo *metric_info(Metric m); /* NULL for none */
const char *metric_to_string(Metric m);

/* -EINVAL: there is none of that name. */
int metric_from_string(const char *name);
const char *const *metric_names(void); /* NULL-terminated, of this build */

/* Threshold text as policies have it: a number with or without the metric's unit, "80%", "1000/s", "500";
 * times also in seconds, "250ms" or "0.25s". Rounded to 6 decimals. -EINVAL, -ERANGE. */
int metric_parse_threshold(Metric m, const char *text, double *ret);
/* "80%", "2.5": at most 6 decimals, no trailing zeros, so that a threshold reads back the same. "-" for no
 * value. */
const char *metric_format_value(Metric m, double value, char buf[static 32]);
