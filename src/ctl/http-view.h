/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/ctl-bus.h"
#include "ctl/view.h"

#include <jansson.h>

/* The reply of GetHttp. Texts are borrowed from it. */
typedef struct HttpSumsRow {
        uint64_t n_total, n_4xx, n_5xx;
        double mean_ms, p50_ms, p95_ms, p99_ms; /* NAN: none */
} HttpSumsRow;

typedef struct HttpRuleRow {
        const char *process; /* "" = the unit */
        unsigned pid;        /* 0 = the unit */
        const char *uri;     /* "/path", "~regex", "" = all requests */
        const char *refused; /* why it is not measured; "" = it is */
        unsigned n_seconds;  /* of .recent */
        HttpSumsRow last, recent, total;
} HttpRuleRow;

#define HTTP_VIEW_COUNTERS_MAX 32U

typedef struct HttpProcessRow {
        const char *process;
        unsigned pid;
        const char *hook; /* "" = not measured */
        const char *status, *reason;
        bool is_tls_attached;
        const char *tls_note; /* "" = nothing to say */

        struct {
                const char *name;
                uint64_t n;
        } counters[HTTP_VIEW_COUNTERS_MAX]; /* those above zero */
        size_t n_counters;
} HttpProcessRow;

typedef struct HttpView {
        HttpRuleRow *rules; /* those of the unit first */
        size_t n_rules;
        HttpProcessRow *processes;
        size_t n_processes;
} HttpView;

/* *@ret_view is to be given to http_view_done(), also on failure. */
int http_view_read(sd_bus_message *reply, HttpView *ret_view);
void http_view_done(HttpView *v);

/* NULL: out of memory. */
json_t *http_view_to_json(const HttpView *v, const char *unit);

/* "31.4us", "1.23ms", "250ms", "2.50s", "-" for NAN: at most six columns up to a quarter of an hour. */
const char *view_milliseconds(double ms, char buf[static VIEW_TEXT_MAX]);
/* "all requests" for "". */
const char *http_uri_in_words(const char *uri);
