/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What a start line looks like; nothing here changes a connection. */

#include "http-buffer.bpf.h"

#define HTTP_METHOD_MAX 24U /* the longest registered one has 17 letters */

#define HTTP_STATUS_LINE_MIN 13U /* "HTTP/1.1 200\n" */
#define HTTP_STATUS_PREFIX 12U   /* without what follows the number */
#define HTTP_VERSION_LENGTH 8U   /* "HTTP/1.1" */

#define HTTP_VERSION_1 HTTP_TEXT('H', 'T', 'T', 'P', '/', '1', '.', 0)   /* its first 7 bytes count */
#define HTTP_PREFACE_1 HTTP_TEXT('P', 'R', 'I', ' ', '*', ' ', 'H', 'T') /* RFC 9113, 3.4 */
#define HTTP_PREFACE_2 HTTP_TEXT('T', 'P', '/', '2', '.', '0', '\r', '\n')

/* The method at w->at: 0 = may become one with more bytes, -1 = none, else its length and the space after
 * it. Letters are all that a method in use has, but for the hyphen of BASELINE-CONTROL and M-SEARCH and the
 * underscore of some private ones. */
__noinline int http_method(struct http_work *w) {
        __u32 at;

        if (!w)
                return -1;
        at = w->at;

        for (__u32 i = 0; i <= HTTP_METHOD_MAX; i++) {
                __u8 c = http_byte(w, at + i);

                if (at + i >= w->n)
                        return 0;
                if (c == ' ')
                        return i > 0 ? (int) i + 1 : -1;
                if ((c < 'A' || c > 'Z') && c != '-' && c != '_')
                        return -1;
        }

        return -1;
}

/* The same of the methods that most requests have, 0 for all others. */
static __always_inline int http_common_method(struct http_work *w) {
        __u64 word = http_word(w, w->at);

        if (w->n - w->at < 8)
                return 0;
        if ((word & HTTP_BYTES(4)) == HTTP_TEXT('G', 'E', 'T', ' ', 0, 0, 0, 0))
                return 4;
        if ((word & HTTP_BYTES(5)) == HTTP_TEXT('P', 'O', 'S', 'T', ' ', 0, 0, 0))
                return 5;
        return 0;
}

/* HTTP_PENDING_… of a method of @length bytes with its space. */
static __always_inline __u32 http_method_flags(struct http_work *w, __u32 length) {
        __u64 word = http_word(w, w->at);

        if (length == 5 && (word & HTTP_BYTES(5)) == HTTP_TEXT('H', 'E', 'A', 'D', ' ', 0, 0, 0))
                return HTTP_PENDING_HEAD;
        if (length == 8 && word == HTTP_TEXT('C', 'O', 'N', 'N', 'E', 'C', 'T', ' '))
                return HTTP_PENDING_CONNECT;
        return 0;
}

/* The request line at w->at: 0 = incomplete, -1 = none, else the position after it; sets target and flags,
 * and number to the position where the target ends. */
__noinline int http_request_line(struct http_work *w) {
        __u32 newline, end;
        int method;

        if (!w)
                return -1;
        method = http_common_method(w);
        if (!method)
                method = http_method(w);
        if (method <= 0)
                return method;
        w->target = w->at + method;
        w->flags = http_method_flags(w, method);

        newline = http_find_newline(w, w->target);
        if (newline >= w->n)
                return 0;
        end = http_byte(w, newline - 1) == '\r' ? newline - 1 : newline;

        /* a target of one byte at least, a space, the version */
        if (end < w->target + 1 + 1 + HTTP_VERSION_LENGTH)
                return -1;
        end -= HTTP_VERSION_LENGTH;
        if ((http_word(w, end) & HTTP_BYTES(7)) != HTTP_VERSION_1)
                return -1;
        if (http_byte(w, end + 7) < '0' || http_byte(w, end + 7) > '9' || http_byte(w, end - 1) != ' ')
                return -1;

        w->number = end - 1;
        return newline + 1;
}

/* The status line at w->at, as far as its number: 0 = incomplete, -1 = none, else the status. */
__noinline int http_status_line(struct http_work *w) {
        __u64 word, have;
        __u32 digits[3];

        if (!w)
                return -1;
        word = http_word(w, w->at);
        have = w->n - w->at;

        if (have < HTTP_STATUS_LINE_MIN) {
                have = http_min(have, 7);
                if (have == 0)
                        return 0;
                return ((word ^ HTTP_VERSION_1) & HTTP_BYTES(have)) == 0 ? 0 : -1;
        }
        if ((word & HTTP_BYTES(7)) != HTTP_VERSION_1 || http_byte(w, w->at + 7) < '0' ||
            http_byte(w, w->at + 7) > '9')
                return -1;

        word = http_word(w, w->at + 8);
        for (int i = 0; i < 3; i++) {
                digits[i] = (word >> (8 * (i + 1)) & 0xff) - '0';
                if (digits[i] > 9)
                        return -1;
        }
        if ((word & 0xff) != ' ' || digits[0] == 0)
                return -1;
        word = word >> 32 & 0xff;
        if (word != ' ' && word != '\r' && word != '\n')
                return -1;

        return digits[0] * 100 + digits[1] * 10 + digits[2];
}

/* Whether the buffer begins with a TLS record: type and version, of SSL 3.0 to TLS 1.3. */
static __always_inline _Bool http_is_tls(struct http_work *w) {
        __u8 type = http_byte(w, 0);

        return w->n >= 3 && (type == 0x14 || type == 0x16 || type == 0x17) && http_byte(w, 1) == 0x03 &&
                        http_byte(w, 2) <= 0x04;
}

static __always_inline _Bool http_is_preface(struct http_work *w) {
        return w->n >= 16 && http_word(w, 0) == HTTP_PREFACE_1 && http_word(w, 8) == HTTP_PREFACE_2;
}

static __always_inline _Bool http_is_version_1(struct http_work *w) {
        return w->n >= 7 && (http_word(w, 0) & HTTP_BYTES(7)) == HTTP_VERSION_1;
}
