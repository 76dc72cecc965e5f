/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* The bytes being looked at: a window of the current piece, before it the line that the last one left
 * unfinished.
 *
 * Here as in all parts of the parser: what has a loop, or is called from several places, is a global
 * function of pointers and numbers. The verifier looks at each of those once, on its own, and knows nothing
 * about what it returns; so its work is the sum over the functions and not the product over the ways through
 * them. */

#include "http-maps.bpf.h"

#ifndef HTTP_CONTEXT
#define HTTP_CONTEXT
#define HTTP_CONTEXT_PASS
#endif

#define HTTP_CHUNK_WINDOW 64U /* enough for the line of a chunk's size */

#define http_min(a, b) ((a) < (b) ? (a) : (b))

/* What the phases of a direction are; from HTTP_PHASE_BODY on nothing is in the buffer that must be kept. */
enum http_phase {
        HTTP_PHASE_START,   /* before or within a start line */
        HTTP_PHASE_HEADERS, /* at the start of a header or trailer line */
        HTTP_PHASE_SKIP_LINE,
        HTTP_PHASE_BODY,
        HTTP_PHASE_CHUNK_SIZE,
        HTTP_PHASE_CHUNK_EXTENSION,
        HTTP_PHASE_CHUNK_DATA,
        HTTP_PHASE_CHUNK_END,    /* CR LF after the data */
        HTTP_PHASE_CHUNK_END_LF, /* CR was there */
        HTTP_PHASE_UNTIL_CLOSE,
        HTTP_PHASE_LOST, /* until a piece begins with a start line */
};

static __always_inline struct http_side *http_side_of(struct http_connection *c, struct http_work *w) {
        return w->direction == HTTP_IN ? &c->sides[HTTP_IN] : &c->sides[HTTP_OUT];
}

static __always_inline __u64 http_now(struct http_work *w) {
        if (w->now_ns == 0)
                w->now_ns = bpf_ktime_get_ns();

        return w->now_ns;
}

static __always_inline __u8 http_byte(const struct http_work *w, __u32 at) {
        return w->buffer[at & (HTTP_BUFFER - 1)];
}

/* The 8 bytes from @at on, the first lowest. */
static __always_inline __u64 http_word(struct http_work *w, __u32 at) {
        void *p = &w->buffer[at & (HTTP_BUFFER - 1)];
        __u64 word;

#ifdef __bpf__
        barrier_var(p); /* clang would load single bytes, knowing that the array has no alignment */
        word = *(volatile __u64 *) p;
#else
        __builtin_memcpy(&word, p, sizeof(word));
#endif
        return word;
}

/* For comparing with http_word(). */
#define HTTP_TEXT(a, b, c, d, e, f, g, h)                                                             \
        ((__u64) (a) | (__u64) (b) << 8 | (__u64) (c) << 16 | (__u64) (d) << 24 | (__u64) (e) << 32 | \
         (__u64) (f) << 40 | (__u64) (g) << 48 | (__u64) (h) << 56)
#define HTTP_LOWER 0x2020202020202020ULL /* makes letters small; other bytes may become equal by it, too */
#define HTTP_BYTES(n) (~0ULL >> (64 - 8 * (n)))

/* Bit 7 of each byte of @word that is @c; the lowest such bit is right, those above it may not be. */
static __always_inline __u64 http_bytes_equal(__u64 word, __u8 c) {
        __u64 x = word ^ (0x0101010101010101ULL * c);

        return (x - 0x0101010101010101ULL) & ~x & 0x8080808080808080ULL;
}

static __always_inline __u64 http_newlines(__u64 word) {
        return http_bytes_equal(word, '\n');
}

/* The number of the byte that holds the lowest bit of @mask. */
static __always_inline __u32 http_first_byte(__u64 mask) {
        return ((((mask ^ (mask - 1)) & 0x0101010101010101ULL) * 0x0101010101010101ULL) >> 56) - 1;
}

/* The position of the first line feed from @at on; w->n: there is none. */
__noinline __u32 http_find_newline(struct http_work *w, __u32 at) {
        __u32 n;

        if (!w)
                return 0;
        n = w->n;

        for (__u32 i = 0; i < HTTP_BUFFER / 8; i++) {
                __u64 newlines;

                if (at >= n)
                        break;
                newlines = http_newlines(http_word(w, at));
                if (newlines) {
                        at += http_first_byte(newlines);
                        return at < n ? at : n;
                }
                at += 8;
        }

        return n;
}

static __always_inline __u64 http_carry_key(struct http_connection *c, struct http_work *w) {
        return c->key ^ (w->direction & 1);
}

/* Forgets the line that was carried. */
__noinline int http_carry_drop(struct http_connection *c, struct http_work *w) {
        struct http_side *s;
        __u64 key;

        if (!c || !w)
                return 0;
        s = http_side_of(c, w);

        if (s->carry) {
                key = http_carry_key(c, w);
                bpf_map_delete_elem(&http_carries, &key);
                s->carry = 0;
        }
        return 0;
}

/* Puts the carried line before the piece. */
__noinline int http_carry_take(struct http_connection *c, struct http_work *w) {
        struct http_carry *carry;
        __u64 key, n;

        if (!c || !w)
                return -1;
        key = http_carry_key(c, w);
        n = http_side_of(c, w)->carry;

        carry = bpf_map_lookup_elem(&http_carries, &key);
        if (!carry || n > CPROF_HTTP_LINE_MAX)
                return -1;
        if (bpf_probe_read_kernel(w->buffer, n, carry->bytes) < 0)
                return -1;

        w->n = w->n_carried = n;
        return http_carry_drop(c, w);
}

/* Kernels before 6.2 take only memory of their own for a value, so a new line begins as this. */
static struct http_carry http_carry_empty;

/* Keeps the line that begins at w->at and has @n bytes, at most CPROF_HTTP_LINE_MAX. */
__noinline int http_carry_keep(struct http_connection *c, struct http_work *w, __u64 n) {
        struct http_carry *carry;
        __u64 key;

        if (!c || !w || n > CPROF_HTTP_LINE_MAX)
                return -1;
        key = http_carry_key(c, w);

        if (bpf_map_update_elem(&http_carries, &key, &http_carry_empty, BPF_ANY) < 0)
                return -1;
        carry = bpf_map_lookup_elem(&http_carries, &key);
        if (!carry || bpf_probe_read_kernel(carry->bytes, n, &w->buffer[w->at & (HTTP_BUFFER - 1)]) < 0)
                return -1;

        http_side_of(c, w)->carry = n;
        return 0;
}

/* Fills the empty buffer with up to @window bytes. 0; -1: the bytes cannot be read; -2: the carried line is
 * gone. */
__noinline int http_fill(HTTP_CONTEXT struct http_connection *c, struct http_work *w, __u64 window) {
        struct http_side *s;
        __u64 length;
        __u32 at;

        if (!c || !w)
                return -1;
        s = http_side_of(c, w);

        w->at = w->n = w->n_carried = 0;
        if (s->carry && http_carry_take(c, w) < 0) {
                s->carry = 0;
                return -2;
        }

        length = w->length - w->offset;
        length = http_min(length, window);
        if (length == 0)
                return 0;

        length--;
        length &= HTTP_WINDOW - 1;
        barrier_var(length);
        length &= HTTP_WINDOW - 1;
        at = w->n & (HTTP_WINDOW - 1);
        if (HTTP_READ(w, &w->buffer[at], length + 1, w->offset) < 0)
                return -1;

        w->offset += length + 1;
        w->n += length + 1;
        return 0;
}
