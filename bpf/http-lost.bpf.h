/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What happens where a message should be and is none: connections that are not HTTP/1.x are told apart and
 * ignored, directions that lost their position wait for the next start line. */

#include "http-cell.bpf.h"
#include "http-line.bpf.h"

#define HTTP_FOREIGN_MAX 4U /* pieces of something else, then a connection is ignored */

/* The rest of the piece is of no interest. */
static __always_inline void http_drop_rest(struct http_connection *c, struct http_work *w) {
        http_carry_drop(c, w);
        w->at = w->n;
        w->offset = w->length;
}

static __always_inline void http_become(struct http_connection *c, __u8 kind, __u32 counter) {
        c->kind = kind;
        http_count(c->pid, counter, 1);
}

/* The buffer's beginning is no start line, and the connection has had none. */
__noinline int http_foreign(struct http_connection *c, struct http_work *w) {
        struct http_side *s;

        if (!c || !w)
                return 1;
        s = http_side_of(c, w);
        s->phase = HTTP_PHASE_START;

        if (w->direction == HTTP_IN && http_is_version_1(w))
                http_become(c, HTTP_KIND_CLIENT, CPROF_HTTP_SEEN_CLIENT);
        else if (http_is_tls(w))
                http_become(c, HTTP_KIND_TLS, CPROF_HTTP_SEEN_TLS);
        else if (w->direction == HTTP_OUT && http_method(w) > 0)
                s->n_foreign = s->n_foreign ?: 1; /* perhaps a client's request: the answer will tell */
        else if (++s->n_foreign >= HTTP_FOREIGN_MAX)
                http_become(c, HTTP_KIND_OTHER, CPROF_HTTP_SEEN_OTHER);

        return 1;
}

/* The position in this direction is lost, for the reason that @counter counts; returns 1, "the piece is
 * done". */
__noinline int http_lost(struct http_connection *c, struct http_work *w, __u32 counter) {
        struct http_side *s;
        _Bool preface;

        if (!c || !w)
                return 1;
        s = http_side_of(c, w);
        preface = s->phase == HTTP_PHASE_START && w->at == 0 && http_is_preface(w);
        if (!preface && c->kind == HTTP_KIND_UNDECIDED)
                http_foreign(c, w);
        http_drop_rest(c, w);

        if (preface) {
                http_become(c, HTTP_KIND_HTTP2, CPROF_HTTP_SEEN_HTTP2);
                return 1;
        }
        if (c->kind != HTTP_KIND_HTTP)
                return 1;

        s->phase = HTTP_PHASE_LOST;
        if (c->doubt[w->direction & 1] != HTTP_DOUBT_RESYNC)
                http_count(c->pid, counter, 1);
        c->doubt[w->direction & 1] = HTTP_DOUBT_NONE;
        if (w->direction == HTTP_OUT && c->answering)
                http_finish(c, w, HTTP_UNTIMED);
        return 1;
}
