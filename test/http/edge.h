/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/path-rules.h"
#include "http/transcript.h"

#define EDGE_STEPS_MAX 40U
#define EDGE_LOSSES_MAX 5U
#define REQUEST(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define EVIL REQUEST("/evil")
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define FAILED "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"
#define BAD_REQUEST "HTTP/1.1 400 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

/* What happens, by the first character: < read, > written, + more of the same call, ~ that many bytes
 * written unseen; the connection ends after the last one, but for "…". */
#define GOES_ON "…"

enum {
        RULE_ALL,
        RULE_WS,
        RULE_EVIL,
        RULES,
};

/* One conversation and what has to be counted. */
typedef struct Edge {
        const char *name;
        const char *steps[EDGE_STEPS_MAX];
        struct {
                unsigned n, n_4xx, n_5xx, n_timed;
        } expected[RULES];
        struct {
                unsigned counter, n;
        } losses[EDGE_LOSSES_MAX]; /* of the counters but SEEN_REQUESTS and SEEN_RESPONSES */
} Edge;

#define LOSS(name) CPROF_HTTP_LOSS_##name
#define SEEN(name) CPROF_HTTP_SEEN_##name
#define NOTHING .expected = {}

extern const PathRule edge_rules[RULES];

/* Plays each and compares. */
void edges_check(const Edge *edges, size_t n);
/* The same for one that was put together by the caller; its name and what is expected are @e's. */
void edge_check_transcript(const Edge *e, const Transcript *t, HttpBed *b);
