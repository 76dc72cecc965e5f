/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Start lines: a request goes into the ring of those that wait, an answer takes the first out of it. */

#include "http-lost.bpf.h"
#include "http-uri.bpf.h"

#define HTTP_EXCESS_FLAGGED 64U /* bits of excess_heads */

#define HTTP_FRAMING_LENGTH (1U << 0)     /* Content-Length is in `remaining` */
#define HTTP_FRAMING_BAD_LENGTH (1U << 1) /* it is no number, or two that differ */
#define HTTP_FRAMING_CODED (1U << 2)      /* Transfer-Encoding */
#define HTTP_FRAMING_CHUNKED (1U << 3)    /* the last coding that is complete is "chunked" */
#define HTTP_FRAMING_OLD (1U << 4)        /* HTTP/1.0 */
#define HTTP_FRAMING_TRAILER (1U << 5)    /* what is read is a trailer */
#define HTTP_FRAMING_FOLD_LENGTH \
        (1U << 6) /* the last header was Content-Length: a folded line belongs to it */
#define HTTP_FRAMING_FOLD_CODED (1U << 7) /* the same of Transfer-Encoding */
#define HTTP_FRAMING_FOLDS (HTTP_FRAMING_FOLD_LENGTH | HTTP_FRAMING_FOLD_CODED)

/* A start line was recognised. */
static __always_inline void http_begin(struct http_connection *c, struct http_work *w, __u8 minor) {
        struct http_side *s = http_side_of(c, w);

        if (c->doubt[w->direction & 1] == HTTP_DOUBT_RESYNC)
                http_count(c->pid, CPROF_HTTP_LOSS_RESYNC, 1);
        c->doubt[w->direction & 1] = HTTP_DOUBT_NONE;
        c->kind = HTTP_KIND_HTTP;

        s->remaining = 0;
        s->coding = 0;
        s->framing = minor == '0' ? HTTP_FRAMING_OLD : 0;
}

/* More requests wait than there is room for: what remains of them is their number, and which are HEAD and
 * CONNECT, as answers to these have no body. */
static __always_inline void http_wait_in_excess(struct http_connection *c, __u32 flags) {
        __u32 i;

        http_count(c->pid, CPROF_HTTP_LOSS_PENDING_FULL, 1);
        if (c->n_excess == c->n_excess_answered) {
                c->excess_first = c->n_excess;
                c->excess_heads = 0;
                c->excess_connect = 0;
        }

        i = c->n_excess - c->excess_first;
        if (flags & HTTP_PENDING_HEAD && i >= HTTP_EXCESS_FLAGGED) {
                http_become(c, HTTP_KIND_OTHER, CPROF_HTTP_LOSS_FRAMING);
                return;
        }
        if (flags & HTTP_PENDING_HEAD)
                c->excess_heads |= 1ULL << (i & (HTTP_EXCESS_FLAGGED - 1));
        if (flags & HTTP_PENDING_CONNECT)
                c->excess_connect = i + 1;
        c->n_excess++;
}

static __always_inline void http_wait(struct http_connection *c, struct http_work *w, __u64 rules) {
        struct http_pending *pending = &c->pending[c->tail % CPROF_HTTP_PENDING];

        if (c->n_excess != c->n_excess_answered || c->tail - c->head >= CPROF_HTTP_PENDING) {
                http_wait_in_excess(c, w->flags);
                return;
        }

        pending->start_ns = (c->sides[HTTP_IN].time_ns & ~(__u64) HTTP_PENDING_FLAGS) | w->flags;
        pending->rules = rules;
        barrier();
        c->tail++;
}

/* Whether the target, which is longer than what is matched, has more than that before its query. */
__noinline int http_uri_is_cut(struct http_work *w) {
        __u32 at;

        if (!w)
                return 0;
        at = w->target;

        for (__u32 i = 0; i < CPROF_HTTP_URI_MAX; i += 8) {
                __u64 word = http_word(w, at + i);

                if (http_bytes_equal(word, '?') | http_bytes_equal(word, '#') | http_bytes_equal(word, ' '))
                        return 0;
        }
        return 1;
}

/* A request line: w->target and w->flags are set, the target ends at w->number. */
__noinline int http_request(struct http_connection *c, struct http_work *w, __u32 minor) {
        struct cprof_http_process *p;
        __u64 rules = 0;
        __u32 pid;

        if (!c || !w)
                return 0;
        pid = c->pid;
        http_begin(c, w, minor);

        p = bpf_map_lookup_elem(&http_processes, &pid);
        if (p) {
                rules = http_uri_rules(w, p);
                http_count_slot(p->slot, CPROF_HTTP_SEEN_REQUESTS, 1);
                if (w->number - w->target > CPROF_HTTP_URI_MAX && http_uri_is_cut(w))
                        http_count_slot(p->slot, CPROF_HTTP_LOSS_LONG_URI, 1);
        }
        http_wait(c, w, rules);
        return 0;
}

/* A request line that is longer than what is kept of a line. Its beginning is enough, as the end of the URI
 * is not matched; only must it look like one on a connection that had none before. */
static __always_inline int http_long_request(struct http_connection *c, struct http_work *w) {
        int method = http_method(w);
        __u8 first;

        if (method <= 0)
                return -1;
        w->target = w->at + method;
        w->flags = http_method_flags(w, method);
        first = http_byte(w, w->target);
        if (first != '/' && (c->kind == HTTP_KIND_UNDECIDED || first <= ' '))
                return -1;

        w->number = w->n;
        w->buffer[w->n & (HTTP_BUFFER - 1)] = '\n'; /* ends the URI */
        http_request(c, w, '1');
        http_side_of(c, w)->phase = HTTP_PHASE_SKIP_LINE;
        w->at = w->n;
        return 0;
}

/* The first byte of a request is there, or more of it. 0 = go on, -1 = this is no request line, -2 = the
 * line is unfinished. */
__noinline int http_start_in(struct http_connection *c, struct http_work *w) {
        int end;

        if (!c || !w)
                return -1;
        if (w->at >= w->n_carried) /* the line begins in this piece */
                c->sides[HTTP_IN].time_ns = http_now(w);

        end = http_request_line(w);
        if (end < 0)
                return -1;
        if (end == 0)
                return -2;

        http_request(c, w, http_byte(w, (__u32) w->number + HTTP_VERSION_LENGTH));
        c->sides[HTTP_IN].phase = HTTP_PHASE_HEADERS;
        w->at = end;
        return 0;
}

/* After a loss, with more than one request waiting, nobody knows whose answer comes next. */
static __always_inline void http_forget_waiting(struct http_connection *c) {
        if (c->tail - c->head + c->n_excess - c->n_excess_answered <= 1)
                return;
        c->head = c->tail;
        c->n_excess_answered = c->n_excess;
}

static __always_inline void http_pair(struct http_connection *c) {
        __u32 i = c->n_excess_answered - c->excess_first;

        c->answering = 1;
        if (c->head != c->tail) {
                c->current = c->pending[c->head % CPROF_HTTP_PENDING];
                barrier();
                c->head++;
                return;
        }

        c->current.rules = c->current.start_ns = 0;
        if (c->n_excess != c->n_excess_answered) {
                if (i < HTTP_EXCESS_FLAGGED && c->excess_heads >> i & 1)
                        c->current.start_ns = HTTP_PENDING_HEAD;
                if (i + 1 == c->excess_connect)
                        c->current.start_ns = HTTP_PENDING_CONNECT;
                c->n_excess_answered++;
                return;
        }

        /* its request was missed, so nothing is known about how either ends; that is no loss of ours when
         * the connection was there before we were */
        http_count(c->pid,
                   c->tail == 0 && c->n_excess == 0 ? CPROF_HTTP_LOSS_JOINED
                                                    : CPROF_HTTP_LOSS_UNPAIRED_RESPONSE,
                   1);
        c->doubt[HTTP_IN] = c->doubt[HTTP_OUT] = HTTP_DOUBT_MISSED;
}

/* As http_start_in(), of a status line. */
__noinline int http_start_out(struct http_connection *c, struct http_work *w) {
        int status;

        if (!c || !w)
                return -1;
        status = http_status_line(w);
        if (status < 0)
                return -1;
        if (status == 0)
                return -2;

        if (c->doubt[HTTP_OUT] == HTTP_DOUBT_RESYNC)
                http_forget_waiting(c);
        http_begin(c, w, http_byte(w, w->at + 7));
        c->sides[HTTP_OUT].status = status;
        if (status >= 200 || status == 101)
                http_pair(c);

        /* what follows looks like a header that says nothing: the last digit, a reason */
        c->sides[HTTP_OUT].phase = HTTP_PHASE_HEADERS;
        w->at += HTTP_STATUS_PREFIX - 1;
        return 0;
}
