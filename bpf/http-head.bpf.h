/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Header lines. All are skipped but the two that say how long the body is: Content-Length and
 * Transfer-Encoding. */

#include "http-start.bpf.h"

#define HTTP_LINES_MAX 64U  /* looked at in one go */
#define HTTP_VALUE_MAX 256U /* bytes of a value; longer ones are not what they should be */
#define HTTP_NAME_MAX 18U   /* "Transfer-Encoding:" */
#define HTTP_LENGTH_LIMIT ((1ULL << 63) / 10)

enum http_number_state {
        HTTP_NUMBER_NONE,
        HTTP_NUMBER_DIGITS,
        HTTP_NUMBER_OVER, /* blanks after the digits */
};

/* How far a transfer coding was read; below: so many letters of "chunked". */
#define HTTP_CODING_CHUNKED 7U
#define HTTP_CODING_CHUNKED_BLANK 8U
#define HTTP_CODING_OTHER 9U

static __always_inline _Bool http_is_blank(__u8 c) {
        return c == ' ' || c == '\t' || c == '\r';
}

static __always_inline void http_bad_length(struct http_side *s) {
        s->framing |= HTTP_FRAMING_BAD_LENGTH;
}

/* A number of the list is complete. Lists and repeated headers of one and the same number are that number:
 * RFC 9112, 6.3. */
static __always_inline void http_length_end(struct http_side *s, struct http_work *w) {
        if (w->state == HTTP_NUMBER_NONE || (s->framing & HTTP_FRAMING_LENGTH && s->remaining != w->number))
                http_bad_length(s);

        s->remaining = w->number;
        s->framing |= HTTP_FRAMING_LENGTH;
        w->state = HTTP_NUMBER_NONE;
        w->number = 0;
}

/* One byte of Content-Length. */
__noinline int http_length_byte(struct http_side *s, struct http_work *w, __u32 c) {
        if (!s || !w)
                return 0;

        if (c == ',') {
                http_length_end(s, w);
        } else if (http_is_blank(c)) {
                if (w->state == HTTP_NUMBER_DIGITS)
                        w->state = HTTP_NUMBER_OVER;
        } else if (c < '0' || c > '9' || w->state == HTTP_NUMBER_OVER || w->number >= HTTP_LENGTH_LIMIT) {
                http_bad_length(s);
        } else {
                w->number = w->number * 10 + (c - '0');
                w->state = HTTP_NUMBER_DIGITS;
        }
        return 0;
}

/* The list element that was read is complete; empty ones do not count. */
static __always_inline void http_coding_end(struct http_side *s) {
        if (s->coding == 0)
                return;

        s->framing &= ~HTTP_FRAMING_CHUNKED;
        if (s->coding == HTTP_CODING_CHUNKED || s->coding == HTTP_CODING_CHUNKED_BLANK)
                s->framing |= HTTP_FRAMING_CHUNKED;
        s->coding = 0;
}

/* One byte of Transfer-Encoding: whether the last element of the list is "chunked". */
__noinline int http_coding_byte(struct http_side *s, __u32 c) {
        __u64 letters = HTTP_TEXT('c', 'h', 'u', 'n', 'k', 'e', 'd', 0);

        if (!s)
                return 0;

        if (c == ',')
                http_coding_end(s);
        else if (http_is_blank(c) && s->coding >= HTTP_CODING_CHUNKED)
                s->coding = s->coding == HTTP_CODING_OTHER ? HTTP_CODING_OTHER : HTTP_CODING_CHUNKED_BLANK;
        else if (http_is_blank(c))
                s->coding = s->coding == 0 ? 0 : HTTP_CODING_OTHER;
        else if (s->coding < HTTP_CODING_CHUNKED && (c | 0x20) == (letters >> (8 * s->coding & 63) & 0xff))
                s->coding++;
        else
                s->coding = HTTP_CODING_OTHER;
        return 0;
}

/* The value that lies in buffer[from … newline). */
__noinline int
http_value(struct http_connection *c, struct http_work *w, __u32 from, __u32 newline, __u32 coded) {
        struct http_side *s;

        if (!c || !w)
                return 0;
        s = http_side_of(c, w);

        for (__u32 i = 0; i < HTTP_VALUE_MAX; i++) {
                if (from + i >= newline)
                        return 0;
                if (coded)
                        http_coding_byte(s, http_byte(w, from + i));
                else
                        http_length_byte(s, w, http_byte(w, from + i));
        }

        if (from + HTTP_VALUE_MAX < newline) {
                s->coding = HTTP_CODING_OTHER;
                http_bad_length(s);
        }
        return 0;
}

static __always_inline _Bool http_is_length(struct http_work *w, __u32 line) {
        return (http_word(w, line) | HTTP_LOWER) == HTTP_TEXT('c', 'o', 'n', 't', 'e', 'n', 't', '-') &&
                        http_byte(w, line + 7) == '-' &&
                        ((http_word(w, line + 8) | HTTP_LOWER) & HTTP_BYTES(6)) ==
                        HTTP_TEXT('l', 'e', 'n', 'g', 't', 'h', 0, 0);
}

static __always_inline _Bool http_is_coding(struct http_work *w, __u32 line) {
        return (http_word(w, line) | HTTP_LOWER) == HTTP_TEXT('t', 'r', 'a', 'n', 's', 'f', 'e', 'r') &&
                        http_byte(w, line + 8) == '-' &&
                        (http_word(w, line + 9) | HTTP_LOWER) ==
                        HTTP_TEXT('e', 'n', 'c', 'o', 'd', 'i', 'n', 'g');
}

/* Content-Length; @from: after the name. A blank before the colon must be refused: RFC 9112, 5.1. */
static __always_inline void
http_length_line(struct http_connection *c, struct http_work *w, __u32 from, __u32 newline) {
        struct http_side *s = http_side_of(c, w);

        if (http_is_blank(http_byte(w, from)))
                http_bad_length(s);
        if (http_byte(w, from) != ':')
                return;

        w->state = HTTP_NUMBER_NONE;
        w->number = 0;
        http_value(c, w, from + 1, newline, 0);
        http_length_end(s, w);
        s->framing |= HTTP_FRAMING_FOLD_LENGTH;
}

static __always_inline void
http_coding_line(struct http_connection *c, struct http_work *w, __u32 from, __u32 newline) {
        struct http_side *s = http_side_of(c, w);

        if (http_byte(w, from) != ':' && !http_is_blank(http_byte(w, from)))
                return;

        http_coding_end(s); /* several headers are one list */
        s->framing |= HTTP_FRAMING_CODED | HTTP_FRAMING_FOLD_CODED;
        http_value(c, w, from + 1, newline, 1);
        if (http_byte(w, from) != ':')
                s->coding = HTTP_CODING_OTHER;
}

/* A folded line, RFC 9112, 5.2: more of the value before it, after a blank. */
static __always_inline void
http_folded_line(struct http_connection *c, struct http_work *w, __u32 line, __u32 newline) {
        struct http_side *s = http_side_of(c, w);

        if (s->framing & HTTP_FRAMING_FOLD_CODED)
                http_value(c, w, line, newline, 1);

        if (s->framing & HTTP_FRAMING_FOLD_LENGTH) {
                w->state = HTTP_NUMBER_OVER; /* nothing but blanks may follow */
                http_value(c, w, line, newline, 0);
        }
}

/* The header line in buffer[line … newline), which begins like one that matters. */
static __always_inline void
http_header(struct http_connection *c, struct http_work *w, __u32 line, __u32 newline) {
        struct http_side *s = http_side_of(c, w);

        if (http_is_blank(http_byte(w, line))) {
                http_folded_line(c, w, line, newline);
                return;
        }

        s->framing &= ~(HTTP_FRAMING_FOLD_LENGTH | HTTP_FRAMING_FOLD_CODED);
        if (http_is_length(w, line))
                http_length_line(c, w, line + 14, newline);
        else if (http_is_coding(w, line))
                http_coding_line(c, w, line + 17, newline);
}

/* Whether the line needs http_header(): it may be one of ours, or come after one. */
static __always_inline _Bool http_may_matter(const struct http_side *s, __u8 first) {
        if (s->framing & (HTTP_FRAMING_TRAILER | HTTP_FRAMING_FOLD_LENGTH | HTTP_FRAMING_FOLD_CODED))
                return !(s->framing & HTTP_FRAMING_TRAILER);
        first |= 0x20;
        return first == 'c' || first == 't';
}

/* The header line at w->at: 0 = it is done, 1 = it is blank, -2 = it is unfinished. */
__noinline int http_header_line(struct http_connection *c, struct http_work *w) {
        __u32 line, newline;

        if (!c || !w)
                return -2;
        line = w->at;
        newline = http_find_newline(w, line);
        if (newline >= w->n)
                return -2;

        w->at = newline + 1;
        if (newline == line || (newline == line + 1 && http_byte(w, line) == '\r'))
                return 1;
        if (http_may_matter(http_side_of(c, w), http_byte(w, line)))
                http_header(c, w, line, newline);
        return 0;
}

/* Header lines from w->at on, as http_header_line(). */
static __always_inline int http_headers(struct http_connection *c, struct http_work *w) {
        for (__u32 i = 0; i < HTTP_LINES_MAX; i++) {
                int r = http_header_line(c, w);

                if (r)
                        return r;
        }
        return 0;
}

/* Whether an unfinished line of @n bytes has to be kept, to be read when it is complete. */
static __always_inline _Bool http_must_keep(const struct http_side *s, struct http_work *w, __u32 n) {
        __u8 first = http_byte(w, w->at);

        if (s->phase == HTTP_PHASE_START || (n == 1 && first == '\r'))
                return 1;
        if (!http_may_matter(s, first))
                return 0;
        return n < HTTP_NAME_MAX || http_is_blank(first) || http_is_length(w, w->at) ||
                        http_is_coding(w, w->at);
}

/* A line that matters is longer than what is kept. -1: it should have been a start line. */
static __always_inline int http_long_line(struct http_connection *c, struct http_work *w) {
        struct http_side *s = http_side_of(c, w);

        if (s->phase == HTTP_PHASE_START)
                return w->direction == HTTP_IN ? http_long_request(c, w) : -1;

        http_count(c->pid, CPROF_HTTP_LOSS_LONG_LINE, 1);
        http_bad_length(s);
        if (s->framing & HTTP_FRAMING_CODED || http_is_coding(w, w->at)) {
                s->framing |= HTTP_FRAMING_CODED;
                s->coding = HTTP_CODING_OTHER;
        }
        s->phase = HTTP_PHASE_SKIP_LINE;
        w->at = w->n;
        return 0;
}

/* The line at w->at goes on beyond the buffer. 0 = go on, -1 = not a start line, -3 = it cannot be kept. */
__noinline int http_unfinished(struct http_connection *c, struct http_work *w) {
        struct http_side *s;
        __u32 n;

        if (!c || !w)
                return -1;
        s = http_side_of(c, w);
        n = w->n - w->at;
        if (n == 0)
                return 0;

        if (w->offset < w->length && w->at > 0 && w->at >= w->n_carried) {
                w->offset -= n; /* the next window begins with this line */
                w->at = w->n = w->n_carried = 0;
                return 0;
        }

        if (!http_must_keep(s, w, n)) {
                s->framing &= ~(HTTP_FRAMING_FOLD_LENGTH | HTTP_FRAMING_FOLD_CODED);
                s->phase = HTTP_PHASE_SKIP_LINE;
                w->at = w->n;
                return 0;
        }
        if (n > CPROF_HTTP_LINE_MAX || w->offset < w->length)
                return http_long_line(c, w);

        if (http_carry_keep(c, w, n) < 0)
                return -3;
        w->at = w->n;
        return 0;
}
