/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <stddef.h>

typedef enum Metric {
        METRIC_PROCESS_CPU,          /* percent of one core over the last second; may exceed 100 */
        METRIC_PROCESS_THREAD_COUNT, /* threads alive at the tick */
        METRIC_SYSTEM_LOAD,          /* 1-minute load average */
        _METRIC_MAX,
        _METRIC_INVALID = -EINVAL,
} Metric;

typedef struct MetricInfo {
        const char *name;
        const char *unit; /* "%", "" */
        double threshold_max;
        const char *expected; /* how a threshold is written: "a percentage such as 80%" */
} MetricInfo;

const MetricInfo *metric_info(Metric m); /* NULL for none */
const char *metric_to_string(Metric m);

/* -EOPNOTSUPP for a metric that exists in cprofd but not in this build (http-error-rate,
 * http-avg-response-time and the other http-* and *-pressure ones of the design), -EINVAL for none at all.
 */
int metric_from_string(const char *name);
const char *const *metric_names(void); /* NULL-terminated, of this build */

/* Threshold text as policies have it: "80%" or "80" for percent, plain numbers else; rounded to 6 decimals.
 * -EINVAL, -ERANGE. */
int metric_parse_threshold(Metric m, const char *text, double *ret);
/* "80%", "2.5": at most 6 decimals, no trailing zeros, so that a threshold reads back the same. "-" for no
 * value. */
const char *metric_format_value(Metric m, double value, char buf[static 32]);
