/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/http-sums.h"

#include <assert.h>
#include <math.h>

void http_sums_add_cell(HttpSums *s, const struct cprof_http_cell *cell) {
        assert(s);
        assert(cell);

        s->n_total += cell->n_total;
        s->n_4xx += cell->n_4xx;
        s->n_5xx += cell->n_5xx;
        s->n_timed += cell->n_timed;
        s->sum_nsec += cell->sum_ns;
        for (unsigned i = 0; i < CPROF_HTTP_BUCKETS; i++)
                s->buckets[i] += cell->buckets[i];
}

void http_sums_add(HttpSums *s, const HttpSums *other) {
        assert(s);
        assert(other);

        s->n_total += other->n_total;
        s->n_4xx += other->n_4xx;
        s->n_5xx += other->n_5xx;
        s->n_timed += other->n_timed;
        s->sum_nsec += other->sum_nsec;
        for (unsigned i = 0; i < CPROF_HTTP_BUCKETS; i++)
                s->buckets[i] += other->buckets[i];
}

/* Each power of two of microseconds has buckets of the same width; the first bucket begins at 0. */
double http_bucket_start_ms(unsigned bucket) {
        unsigned octave = CPROF_HTTP_BUCKET_FIRST_LOG2 + bucket / CPROF_HTTP_BUCKETS_PER_OCTAVE;
        double part = (double) (bucket % CPROF_HTTP_BUCKETS_PER_OCTAVE) / CPROF_HTTP_BUCKETS_PER_OCTAVE;

        if (bucket == 0)
                return 0;

        return ldexp(1 + part, (int) octave) / 1000;
}

double http_sums_quantile(const HttpSums *s, double share) {
        uint64_t n = 0, below = 0;
        double rank;

        assert(s);
        assert(share >= 0 && share <= 1);

        for (unsigned i = 0; i < CPROF_HTTP_BUCKETS; i++)
                n += s->buckets[i];
        if (n == 0)
                return NAN;

        rank = share * (double) n;
        for (unsigned i = 0; i < CPROF_HTTP_BUCKETS - 1; i++) {
                double start = http_bucket_start_ms(i), end = http_bucket_start_ms(i + 1);

                if (s->buckets[i] > 0 && rank <= (double) (below + s->buckets[i]))
                        return start + (end - start) * (rank - (double) below) / (double) s->buckets[i];

                below += s->buckets[i];
        }

        return http_bucket_start_ms(CPROF_HTTP_BUCKETS - 1);
}

double http_sums_mean(const HttpSums *s) {
        assert(s);

        return s->n_timed > 0 ? (double) s->sum_nsec / (double) s->n_timed / 1e6 : NAN;
}

static double percent(uint64_t n, uint64_t of) {
        return of > 0 ? 100.0 * (double) n / (double) of : NAN;
}

double http_sums_value(const HttpSums *s, Metric metric) {
        assert(s);

        switch (metric) {
        case METRIC_HTTP_ERROR_RATE:
                return percent(s->n_5xx, s->n_total);
        case METRIC_HTTP_4XX_RATE:
                return percent(s->n_4xx, s->n_total);
        case METRIC_HTTP_AVG_RESPONSE_TIME:
                return http_sums_mean(s);
        case METRIC_HTTP_P95_RESPONSE_TIME:
                return http_sums_quantile(s, 0.95);
        case METRIC_HTTP_P99_RESPONSE_TIME:
                return http_sums_quantile(s, 0.99);
        case METRIC_HTTP_REQUEST_RATE:
                return (double) s->n_total;
        default:
                return NAN;
        }
}
