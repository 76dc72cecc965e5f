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

#include "http-maps.bpf.h"

#ifndef HTTP_CONTEXT
#define HTTP_CONTEXT
#define HTTP_CONTEXT_PASS
#endif

/* One piece. */
__noinline int http_feed(HTTP_CONTEXT struct http_connection *c, struct http_work *w);

/* @bytes moved in w->direction without being seen: nothing is lost within a body. */
__noinline int http_skip(struct http_connection *c, struct http_work *w, __u64 bytes);

/* The connection is gone: an answer without length ends with its last write. */
__noinline int http_end(struct http_connection *c, struct http_work *w);
