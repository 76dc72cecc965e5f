/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Where a message ends: bodies are counted, not read; of chunks only the sizes are. */

#include "http-head.bpf.h"

#define HTTP_CHUNK_SIZE_LIMIT (1ULL << 56)

/* The message of this direction is complete. */
static __always_inline void http_message_end(struct http_connection *c, struct http_work *w) {
        struct http_side *s = http_side_of(c, w);

        s->phase = HTTP_PHASE_START;
        if (w->direction == HTTP_OUT && c->answering)
                http_finish(c, w, http_now(w));
}

/* The headers of a message are complete and it may have a body: RFC 9112, 6.3. */
static __always_inline void http_body_begins(struct http_connection *c, struct http_work *w) {
        struct http_side *s = http_side_of(c, w);
        __u8 framing;

        http_coding_end(s);
        framing = s->framing;

        if (framing & HTTP_FRAMING_CODED) {
                if (framing & (HTTP_FRAMING_LENGTH | HTTP_FRAMING_BAD_LENGTH | HTTP_FRAMING_OLD))
                        http_count(c->pid, CPROF_HTTP_LOSS_AMBIGUOUS, 1);
                s->remaining = 0;
                s->phase = framing & HTTP_FRAMING_CHUNKED  ? HTTP_PHASE_CHUNK_SIZE
                                : w->direction == HTTP_OUT ? HTTP_PHASE_UNTIL_CLOSE
                                                           : HTTP_PHASE_LOST;
        } else if (framing & HTTP_FRAMING_BAD_LENGTH) {
                s->phase = HTTP_PHASE_LOST;
        } else if (framing & HTTP_FRAMING_LENGTH) {
                s->phase = HTTP_PHASE_BODY;
        } else {
                s->phase = w->direction == HTTP_OUT ? HTTP_PHASE_UNTIL_CLOSE : HTTP_PHASE_START;
        }

        if (s->phase == HTTP_PHASE_BODY && s->remaining == 0)
                http_message_end(c, w);
        if (s->phase == HTTP_PHASE_UNTIL_CLOSE)
                s->time_ns = http_now(w);
}

/* The blank line after headers or trailers. 1: the piece is done. */
static __always_inline int http_head_end(struct http_connection *c, struct http_work *w) {
        struct http_side *s = http_side_of(c, w);
        __u32 status, flags;

        if (s->framing & HTTP_FRAMING_TRAILER) {
                http_message_end(c, w);
                return 0;
        }

        if (w->direction == HTTP_OUT) {
                status = s->status;
                flags = c->current.start_ns & HTTP_PENDING_FLAGS;
                if (status < 200 && status != 101) {
                        s->phase = HTTP_PHASE_START;
                        return 0;
                }
                if (status == 101 || (flags & HTTP_PENDING_CONNECT && status < 300)) {
                        http_message_end(c, w);
                        http_become(c, HTTP_KIND_UPGRADED, CPROF_HTTP_SEEN_UPGRADED);
                        return 1;
                }
                if (flags & HTTP_PENDING_HEAD || status == 204 || status == 304) {
                        http_message_end(c, w);
                        return 0;
                }
        }

        http_body_begins(c, w);
        return s->phase == HTTP_PHASE_LOST ? http_lost(c, w, CPROF_HTTP_LOSS_FRAMING) : 0;
}

static __always_inline void http_counted_end(struct http_connection *c, struct http_work *w) {
        struct http_side *s = http_side_of(c, w);

        if (s->phase == HTTP_PHASE_CHUNK_DATA)
                s->phase = HTTP_PHASE_CHUNK_END;
        else
                http_message_end(c, w);
}

/* Within a body or a chunk. */
__noinline int http_body(struct http_connection *c, struct http_work *w) {
        struct http_side *s;
        __u64 n;

        if (!c || !w)
                return 1;
        s = http_side_of(c, w);

        n = http_min(s->remaining, (__u64) (w->n - w->at));
        w->at += n;
        s->remaining -= n;
        n = http_min(s->remaining, w->length - w->offset);
        if (w->at == w->n) {
                w->offset += n;
                s->remaining -= n;
        }

        if (s->remaining == 0)
                http_counted_end(c, w);
        return 0;
}

static __always_inline void http_chunk_size_end(struct http_side *s) {
        if (s->remaining > 0) {
                s->phase = HTTP_PHASE_CHUNK_DATA;
                return;
        }
        s->phase = HTTP_PHASE_HEADERS;
        s->framing = HTTP_FRAMING_TRAILER;
}

static __always_inline int http_chunk_digit(struct http_side *s, __u32 c) {
        __u32 letter = c | 0x20;

        if (letter >= 'a' && letter <= 'f')
                c = letter - 'a' + 10;
        else if (c >= '0' && c <= '9')
                c -= '0';
        else
                return -1;

        if (s->remaining >= HTTP_CHUNK_SIZE_LIMIT)
                return -1;
        s->remaining = s->remaining << 4 | c;
        s->coding = 1;
        return 0;
}

/* One byte between the data of chunks. -1: it does not belong there. */
__noinline int http_chunk_byte(struct http_side *s, __u32 c) {
        if (!s)
                return -1;

        if (s->phase == HTTP_PHASE_CHUNK_END && c == '\r') {
                s->phase = HTTP_PHASE_CHUNK_END_LF;
                return 0;
        }
        if (s->phase == HTTP_PHASE_CHUNK_END || s->phase == HTTP_PHASE_CHUNK_END_LF) {
                s->phase = HTTP_PHASE_CHUNK_SIZE;
                s->coding = 0;
                return c == '\n' ? 0 : -1;
        }

        /* the size */
        if (c == ';' || http_is_blank(c))
                s->phase = HTTP_PHASE_CHUNK_EXTENSION;
        else if (c == '\n' && s->coding)
                http_chunk_size_end(s);
        else
                return http_chunk_digit(s, c);
        return s->coding ? 0 : -1;
}

/* Between the data of chunks: 0 = go on, -1 = broken. */
__noinline int http_chunk(struct http_connection *c, struct http_work *w) {
        struct http_side *s;

        if (!c || !w)
                return -1;
        s = http_side_of(c, w);

        if (s->phase == HTTP_PHASE_CHUNK_EXTENSION) {
                __u32 newline = http_find_newline(w, w->at);

                w->at = http_min(newline + 1, w->n);
                if (newline < w->n)
                        http_chunk_size_end(s);
                return 0;
        }

        for (__u32 i = 0; i < HTTP_CHUNK_WINDOW; i++) {
                if (w->at >= w->n || s->phase < HTTP_PHASE_CHUNK_SIZE ||
                    s->phase == HTTP_PHASE_CHUNK_EXTENSION || s->phase == HTTP_PHASE_CHUNK_DATA)
                        return 0;
                if (http_chunk_byte(s, http_byte(w, w->at)) < 0)
                        return -1;
                w->at++;
        }
        return 0;
}
