/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "cprof-http.h"
#include "probe/http-rules.h"

#include <stdbool.h>

/* One process that is measured, and connections whose bytes are told to the parser: compiled natively
 * (http-bed-native.c) or running in the kernel (http-bed-bpf.c). */
typedef struct HttpBed HttpBed;

enum {
        BED_IN, /* HTTP_IN */
        BED_OUT,
};

/* What was counted; what rules have beyond the process' own is zero. */
typedef struct BedSums {
        struct cprof_http_cell cells[CPROF_HTTP_RULES_MAX]; /* all seconds and copies, second = 0 */
        uint64_t counters[CPROF_HTTP_COUNTERS_MAX];
} BedSums;

HttpBed *http_bed_new(const HttpRules *rules);
HttpBed *http_bed_free(HttpBed *b);
DEFINE_CLEANUP(HttpBed *, http_bed_free)

/* Whether @at_ns below is the clock that the parser reads; otherwise it has the real one. */
bool http_bed_has_clock(void);

/* One connection at a time is open. Times never go back. @data may be NULL: memory that cannot be read. */
void http_bed_open(HttpBed *b);
void http_bed_feed(
                HttpBed *b, unsigned direction, const void *data, size_t n, bool continued, uint64_t at_ns);
void http_bed_skip(HttpBed *b, unsigned direction, size_t n, uint64_t at_ns);
void http_bed_end(HttpBed *b, uint64_t at_ns);

/* What other connections do that need the memory of our unfinished lines. */
void http_bed_lose_carries(HttpBed *b);

/* The sums since the last call. */
void http_bed_collect(HttpBed *b, BedSums *ret_sums);
