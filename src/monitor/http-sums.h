/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-http.h"

#include "monitor/metric.h"

#include <stdint.h>

/* What one rule counted in a second, or since it began. Histogram as struct cprof_http_cell has it. */
typedef struct HttpSums {
        uint64_t n_total, n_4xx, n_5xx, n_timed, sum_nsec;
        uint64_t buckets[CPROF_HTTP_BUCKETS];
} HttpSums;

/* All pure. */
void http_sums_add_cell(HttpSums *s, const struct cprof_http_cell *cell);
void http_sums_add(HttpSums *s, const HttpSums *other);

/* Milliseconds at which a bucket begins, and the next one. */
double http_bucket_start_ms(unsigned bucket);

/* Response time below which @share (0…1) of the timed ones were, ms, NAN without any. Linear within a
 * bucket; the last one, half a minute and more, has no end: its start is the answer. */
double http_sums_quantile(const HttpSums *s, double share);

/* Mean over the timed ones, ms, NAN without any. */
double http_sums_mean(const HttpSums *s);

/* Of one second, NAN for none. A rate of requests of 0 is a value. */
double http_sums_value(const HttpSums *s, Metric metric);
