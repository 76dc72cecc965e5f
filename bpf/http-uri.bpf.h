/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Which rules a request target is matched by: the automata that src/policy/uri-match made. */

#include "http-buffer.bpf.h"

/* Runs one automaton from w->target on. A request line ends in a line feed, which is of class 0 like all
 * that ends a URI, so the end of the buffer is never passed. */
__noinline __u64 http_uri_group(struct http_work *w, struct cprof_http_group *g) {
        struct http_classes *classes;
        __u32 state, at, index, *next;
        __u64 *rules;

        if (!w || !g)
                return 0;
        index = g->classes;
        classes = bpf_map_lookup_elem(&http_classes, &index);
        if (!classes)
                return 0;
        state = g->start;
        at = w->target;

        for (__u32 i = 0; i < CPROF_HTTP_URI_MAX; i++) {
                __u32 class = classes->of[http_byte(w, at + i)];

                if (class == 0 || state & CPROF_HTTP_ABSORBING)
                        break;
                index = g->next + state + class;
                next = bpf_map_lookup_elem(&http_next, &index);
                if (!next)
                        return 0;
                state = *next;
        }

        index = g->next + (state & ~CPROF_HTTP_ABSORBING);
        next = bpf_map_lookup_elem(&http_next, &index);
        if (!next)
                return 0;
        index = g->accepts + *next;
        rules = bpf_map_lookup_elem(&http_accepts, &index);
        return rules ? *rules : 0;
}

static __always_inline __u64 http_uri_rules(struct http_work *w, struct cprof_http_process *p) {
        __u64 rules = p->all;

        for (__u32 i = 0; i < CPROF_HTTP_GROUPS_MAX; i++)
                if (i < p->n_groups)
                        rules |= http_uri_group(w, &p->groups[i]);

        return rules;
}
