/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Header lines. All are skipped but the two that say how long the body is: Content-Length and
 * Transfer-Encoding. */

#include "http-start.bpf.h"

#define HTTP_SCAN_MAX 424U  /* words and lines passed in one go; a full buffer has 416 words */
#define HTTP_LINES_MAX 64U  /* looked at in one go */
#define HTTP_VALUE_MAX 256U /* bytes of a value; longer ones are not what they should be */
#define HTTP_NAME_MAX 18U   /* "Transfer-Encoding:" */
#define HTTP_LENGTH_LIMIT ((1ULL << 63) / 10)

/* in small letters, as the next 6 and 9 bytes of the names are compared, too */
#define HTTP_CONTENT HTTP_TEXT('c', 'o', 'n', 't', 'e', 'n', 't', '-')
#define HTTP_TRANSFER HTTP_TEXT('t', 'r', 'a', 'n', 's', 'f', 'e', 'r')

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

/* Most values of Content-Length: a blank, up to 7 digits, the end of the line. All digits at once: they lie
 * in a word, the first lowest, before them as many '0' as are missing. */
static __always_inline _Bool http_short_number(struct http_work *w, __u32 from, __u32 newline) {
        __u64 zeros = 0x3030303030303030ULL, word, n;

        from += http_byte(w, from) == ' ';
        newline -= http_byte(w, newline - 1) == '\r';
        n = newline - from;
        if (n < 1 || n > 7)
                return 0;

        word = http_word(w, from) << (64 - 8 * n) | zeros >> (8 * n);
        if (((word & 0xf0f0f0f0f0f0f0f0ULL) ^ zeros) |
            (((word + 0x0606060606060606ULL) & 0xf0f0f0f0f0f0f0f0ULL) ^ zeros))
                return 0;

        word = (word & 0x0f0f0f0f0f0f0f0fULL) * (10 << 8 | 1) >> 8;    /* pairs of digits */
        word = (word & 0x00ff00ff00ff00ffULL) * (100 << 16 | 1) >> 16; /* fours */
        w->number = (word & 0x0000ffff0000ffffULL) * (10000ULL << 32 | 1) >> 32;
        w->state = HTTP_NUMBER_DIGITS;
        return 1;
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
        return (http_word(w, line) | HTTP_LOWER) == HTTP_CONTENT && http_byte(w, line + 7) == '-' &&
                        ((http_word(w, line + 8) | HTTP_LOWER) & HTTP_BYTES(6)) ==
                        HTTP_TEXT('l', 'e', 'n', 'g', 't', 'h', 0, 0);
}

static __always_inline _Bool http_is_coding(struct http_work *w, __u32 line) {
        return (http_word(w, line) | HTTP_LOWER) == HTTP_TRANSFER && http_byte(w, line + 8) == '-' &&
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
        if (!http_short_number(w, from + 1, newline))
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

/* The header line from w->line to w->newline. */
__noinline int http_header(struct http_connection *c, struct http_work *w) {
        struct http_side *s;
        __u32 line;

        if (!c || !w)
                return 0;
        s = http_side_of(c, w);
        line = w->line;
        if (s->framing & HTTP_FRAMING_TRAILER)
                return 0;

        if (http_is_blank(http_byte(w, line))) {
                http_folded_line(c, w, line, w->newline);
                return 0;
        }

        s->framing &= ~HTTP_FRAMING_FOLDS;
        if (http_is_length(w, line))
                http_length_line(c, w, line + 14, w->newline);
        else if (http_is_coding(w, line))
                http_coding_line(c, w, line + 17, w->newline);
        return 0;
}

/* 0: the line at @at is one to look at: blank, folded, or with a name that begins like ours (or, seldom, its
 * product overflows to 0). Of one that is cut off nobody knows, it stays unfinished anyway. No jumps: they
 * are what the verifier would have to follow in each round of http_next_header(). */
static __always_inline __u64 http_is_passed(struct http_work *w, __u32 at) {
        __u64 word = http_word(w, at) | HTTP_LOWER;
        __u64 length = (word ^ HTTP_CONTENT) | ((http_byte(w, at + 8) | 0x20) ^ 'l');
        __u64 is_blank = ((__u64) http_byte(w, at) - (' ' + 1)) >> 63;

        return (word ^ HTTP_TRANSFER) * length & (is_blank - 1);
}

/* Finds the next line to look at from w->at on, and puts it into w->line and w->newline. 0: there is none
 * that is finished; w->at is where the unfinished one begins. Lines that say nothing are passed. */
__noinline int http_next_header(struct http_work *w) {
        __u32 at;

        if (!w)
                return 0;
        at = w->line = w->at;
        w->is_passed = http_is_passed(w, at);
        w->has_passed = 0;

        for (__u32 i = 0; i < HTTP_SCAN_MAX; i++) {
                __u64 newlines;

                if (at >= w->n)
                        break;
                newlines = http_newlines(http_word(w, at));
                if (newlines == 0) {
                        at += 8;
                        continue;
                }
                at += http_first_byte(newlines) + 1;
                if (at > w->n)
                        break;

                w->at = at;
                w->newline = at - 1;
                if (w->is_passed == 0)
                        return 1;
                w->has_passed = 1;
                w->line = at;
                w->is_passed = http_is_passed(w, at);
        }
        return 0;
}

/* Header lines from w->at on. 1 = they ended with a blank line, -2 = the last line is unfinished, 0 = go on;
 * w->at is after the last finished line. */
static __always_inline int http_headers(struct http_connection *c, struct http_work *w) {
        for (__u32 i = 0; i < HTTP_LINES_MAX; i++) {
                int r = http_next_header(w);

                if (w->has_passed)
                        http_side_of(c, w)->framing &= ~HTTP_FRAMING_FOLDS;
                if (!r) /* or there are more than are looked at in one go */
                        return w->has_passed ? 0 : -2;
                if (w->newline == w->line || (w->newline == w->line + 1 && http_byte(w, w->line) == '\r'))
                        return 1;
                http_header(c, w);
        }
        return 0;
}

/* Whether an unfinished line that begins so needs http_header(): it may be one of ours, or come after one.
 */
static __always_inline _Bool http_may_matter(const struct http_side *s, __u8 first) {
        if (s->framing & (HTTP_FRAMING_TRAILER | HTTP_FRAMING_FOLDS))
                return !(s->framing & HTTP_FRAMING_TRAILER);
        first |= 0x20;
        return first == 'c' || first == 't';
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
                s->framing &= ~HTTP_FRAMING_FOLDS;
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
