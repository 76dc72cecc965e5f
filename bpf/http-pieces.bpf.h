/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* From a call's memory to the pieces that the parser takes. */

#include "http-call.bpf.h"

#define HTTP_READ(w, to, n, at) bpf_probe_read_user(to, n, (const void *) ((w)->address + (at)))

#include "http-hook.bpf.h"

/* w->length bytes in all, in the first of @n vectors. Global, as the verifier looks at such a function
 * once, on its own. */
__noinline int http_feed_vectors(struct http_connection *c, struct http_work *w, __u64 vectors, __u64 n) {
        __u32 loss = CPROF_HTTP_LOSS_MANY_PIECES;
        __u64 left;

        if (!c || !w)
                return 0;

        left = w->length;
        for (__u32 i = 0; i < HTTP_VECTORS_MAX; i++) {
                struct http_vector v = {};

                if (i >= n || left == 0)
                        break;
                if (bpf_probe_read_user(&v, sizeof(v), (const void *) (vectors + i * sizeof(v))) < 0) {
                        loss = CPROF_HTTP_LOSS_FAULT;
                        break;
                }
                if (v.length == 0)
                        continue;

                w->address = v.base;
                w->length = v.length < left ? v.length : left;
                left -= w->length;
                (void) http_feed(c, w);
                w->continued = 1;
        }

        if (left == 0)
                return 0;

        (void) http_count(c->pid, loss, 1);
        (void) http_skip(c, w, left);
        return 0;
}

/* What the current system call moved; @w as of http_work_begin(). */
static __always_inline void
http_feed_call(struct http_connection *c, struct http_work *w, const struct pt_regs___http *regs) {
        struct http_call call = {};

        switch (http_call_look(regs, &call)) {
        case HTTP_CALL_BYTES:
                w->address = call.base;
                (void) http_feed(c, w);
                return;

        case HTTP_CALL_VECTORS:
                (void) http_feed_vectors(c, w, call.base, call.n);
                return;

        case HTTP_CALL_FAULT:
                (void) http_count(c->pid, CPROF_HTTP_LOSS_FAULT, 1);
                break;

        case HTTP_CALL_UNKNOWN:
                break;
        }

        (void) http_skip(c, w, w->length);
}
