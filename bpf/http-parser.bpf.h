/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* HTTP/1.x as bytes pass: finds requests and their answers, matches URIs and sums up, whatever the pieces
 * are cut into. One source for all hooks, and for tests natively.
 *
 * Before the include, a program defines how bytes of the current piece are copied:
 *
 *         HTTP_READ(work, destination, length, offset)   0 or a negative errno; length is 1 … HTTP_WINDOW
 *
 * and, if that needs the program's context,
 *
 *         HTTP_CONTEXT         a parameter with its comma: struct __sk_buff *skb,
 *         HTTP_CONTEXT_PASS    the same as an argument:    skb,
 *
 * Usage: w = http_claim(); w->address, w->length, w->direction = …; http_feed(c, w); http_release(w);
 * several pieces of one call with continued = 1 from the second on. */

#include "http-body.bpf.h"

#define HTTP_STEPS_MAX 1024U /* states passed in one piece */

/* Line ends before a start line are ignored: RFC 9112, 2.2. */
static __always_inline int http_start(struct http_connection *c, struct http_work *w) {
        __u8 first = http_byte(w, w->at);

        if (first == '\r' || first == '\n') {
                w->at++;
                return 0;
        }
        return w->direction == HTTP_IN ? http_start_in(c, w) : http_start_out(c, w);
}

static __always_inline void http_skip_line(struct http_connection *c, struct http_work *w) {
        __u32 newline = http_find_newline(w, w->at);

        w->at = http_min(newline + 1, w->n);
        if (newline < w->n)
                http_side_of(c, w)->phase = HTTP_PHASE_HEADERS;
}

/* What made an attempt fail, by its result. */
static __always_inline __u32 http_why(struct http_connection *c, struct http_work *w, int r) {
        if (r == -3)
                return CPROF_HTTP_LOSS_CARRY;
        if (w->direction == HTTP_IN && http_side_of(c, w)->phase == HTTP_PHASE_START)
                return CPROF_HTTP_LOSS_BAD_REQUEST;
        return CPROF_HTTP_LOSS_FRAMING;
}

/* The phases that read bytes. As http_step(). */
static __always_inline int http_read_on(HTTP_CONTEXT struct http_connection *c, struct http_work *w) {
        struct http_side *s = http_side_of(c, w);
        int r;

        if (w->at >= w->n) {
                r = http_fill(HTTP_CONTEXT_PASS c,
                              w,
                              s->phase < HTTP_PHASE_BODY ? HTTP_WINDOW : HTTP_CHUNK_WINDOW);
                if (r < 0)
                        return http_lost(c, w, r == -2 ? CPROF_HTTP_LOSS_CARRY : CPROF_HTTP_LOSS_FAULT);
        }

        switch (s->phase) {
        case HTTP_PHASE_START:
                r = http_start(c, w);
                break;
        case HTTP_PHASE_HEADERS:
                r = http_headers(c, w);
                if (r == 1)
                        return http_head_end(c, w);
                break;
        case HTTP_PHASE_SKIP_LINE:
                http_skip_line(c, w);
                return 0;
        default:
                r = http_chunk(c, w);
        }

        if (r == -2)
                r = http_unfinished(c, w);
        return r < 0 ? http_lost(c, w, http_why(c, w, r)) : 0;
}

/* One state of the machine. 0 = go on, 1 = the piece is done. */
__noinline int http_step(HTTP_CONTEXT struct http_connection *c, struct http_work *w) {
        struct http_side *s;
        int r;

        if (!c || !w)
                return 1;
        s = http_side_of(c, w);

        switch (s->phase) {
        case HTTP_PHASE_BODY:
        case HTTP_PHASE_CHUNK_DATA:
                r = http_body(c, w);
                break;
        case HTTP_PHASE_UNTIL_CLOSE:
                s->time_ns = http_now(w);
                return 1;
        case HTTP_PHASE_LOST:
                return 1;
        default:
                r = http_read_on(HTTP_CONTEXT_PASS c, w);
        }

        return r || (w->at >= w->n && w->offset >= w->length);
}

/* Bytes may have been missed before: whether this piece, which should be within a body, is a message. */
static __always_inline void
http_look_for_start(HTTP_CONTEXT struct http_connection *c, struct http_work *w) {
        struct http_side *s = http_side_of(c, w);
        int r;

        if (http_fill(HTTP_CONTEXT_PASS c, w, HTTP_WINDOW) < 0) {
                http_lost(c, w, CPROF_HTTP_LOSS_FAULT);
                return;
        }
        if (w->direction == HTTP_IN)
                r = http_request_line(w);
        else if (c->head == c->tail && c->n_excess == c->n_excess_answered)
                return; /* nothing waits for an answer */
        else
                r = http_status_line(w);
        if (r <= 0)
                return;

        if (w->direction == HTTP_OUT && c->answering)
                http_finish(c, w, HTTP_UNTIMED);
        s->phase = HTTP_PHASE_START;
        c->doubt[w->direction & 1] = HTTP_DOUBT_RESYNC;
}

/* Before the first step: 1 = nothing to do. */
static __always_inline int http_piece_begins(HTTP_CONTEXT struct http_connection *c, struct http_work *w) {
        struct http_side *s = http_side_of(c, w);
        __u8 *doubt = &c->doubt[w->direction & 1];

        if (w->continued) /* and what began the call was no message */
                return s->phase == HTTP_PHASE_LOST ||
                                (c->kind == HTTP_KIND_UNDECIDED && s->n_foreign > 0 && s->carry == 0);

        if (s->phase == HTTP_PHASE_LOST) {
                s->phase = HTTP_PHASE_START;
                *doubt = HTTP_DOUBT_RESYNC;
        } else if (*doubt == HTTP_DOUBT_MISSED && s->phase >= HTTP_PHASE_BODY) {
                http_look_for_start(HTTP_CONTEXT_PASS c, w);
        }
        return 0;
}

/* One piece. */
__noinline int http_feed(HTTP_CONTEXT struct http_connection *c, struct http_work *w) {
        struct http_side *s;

        if (!c || !w || w->length == 0 || !http_wanted(c))
                return 0;
        s = http_side_of(c, w);
        w->offset = 0;
        w->at = w->n = w->n_carried = 0;

        /* most pieces of large bodies */
        if ((s->phase == HTTP_PHASE_BODY || s->phase == HTTP_PHASE_CHUNK_DATA) && w->length < s->remaining &&
            c->doubt[w->direction & 1] == HTTP_DOUBT_NONE) {
                s->remaining -= w->length;
                return 0;
        }
        if (http_piece_begins(HTTP_CONTEXT_PASS c, w))
                return 0;

        for (__u32 i = 0; i < HTTP_STEPS_MAX; i++)
                if (http_step(HTTP_CONTEXT_PASS c, w))
                        return 0;

        http_lost(c, w, CPROF_HTTP_LOSS_STEPS);
        return 0;
}

/* @bytes moved in w->direction without being seen: nothing is lost within a body. */
__noinline int http_skip(struct http_connection *c, struct http_work *w, __u64 bytes) {
        struct http_side *s;

        if (!c || !w || bytes == 0 || c->kind != HTTP_KIND_HTTP)
                return 0;
        s = http_side_of(c, w);
        w->at = w->n = 0;
        w->length = w->offset = 0;

        if ((s->phase == HTTP_PHASE_BODY || s->phase == HTTP_PHASE_CHUNK_DATA) && bytes <= s->remaining) {
                s->remaining -= bytes;
                if (s->remaining == 0)
                        http_counted_end(c, w);
        } else if (s->phase == HTTP_PHASE_UNTIL_CLOSE) {
                s->time_ns = http_now(w);
        } else if (s->phase != HTTP_PHASE_LOST) {
                http_lost(c, w, CPROF_HTTP_LOSS_UNSEEN);
        }
        return 0;
}

/* The connection is gone: an answer without length ends with its last write. */
__noinline int http_end(struct http_connection *c, struct http_work *w) {
        __u32 waiting;

        if (!c || !w)
                return 0;
        w->direction = HTTP_IN;
        http_carry_drop(c, w);
        w->direction = HTTP_OUT;
        http_carry_drop(c, w);

        if (c->kind == HTTP_KIND_HTTP && c->answering) {
                if (c->sides[HTTP_OUT].phase == HTTP_PHASE_UNTIL_CLOSE) {
                        http_finish(c, w, c->sides[HTTP_OUT].time_ns);
                } else {
                        http_count(c->pid, CPROF_HTTP_LOSS_TRUNCATED_RESPONSE, 1);
                        http_finish(c, w, HTTP_UNTIMED);
                }
        }

        waiting = c->tail - c->head + c->n_excess - c->n_excess_answered;
        if (c->kind == HTTP_KIND_HTTP && waiting > 0)
                http_count(c->pid, CPROF_HTTP_LOSS_ABORTED_REQUEST, waiting);
        c->kind = HTTP_KIND_OTHER; /* what comes after the end is not looked at */
        return 0;
}
