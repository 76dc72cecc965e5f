/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Adding an answer to the sums of all rules that its request was matched by. */

#include "http-buffer.bpf.h"

#define HTTP_UNTIMED (~0ULL)
#define HTTP_NSEC_PER_SEC 1000000000ULL
#define HTTP_NSEC_PER_USEC 1000U

/* The position of the highest bit. Without jumps: those would multiply what the verifier has to follow. */
static __always_inline __u64 http_log2(__u64 x) {
        __u64 bit, shift;

        bit = (x > 0xffffffffULL) << 5;
        x >>= bit;
        shift = (x > 0xffff) << 4;
        x >>= shift;
        bit |= shift;
        shift = (x > 0xff) << 3;
        x >>= shift;
        bit |= shift;
        shift = (x > 0xf) << 2;
        x >>= shift;
        bit |= shift;
        shift = (x > 0x3) << 1;
        x >>= shift;
        bit |= shift;
        return bit | x >> 1;
}

/* The bucket of a time; see CPROF_HTTP_BUCKETS. */
static __always_inline __u64 http_bucket(__u64 time_ns) {
        __u64 usec = time_ns / HTTP_NSEC_PER_USEC, octave, quarter;

        if (usec < 1U << CPROF_HTTP_BUCKET_FIRST_LOG2)
                return 0;

        octave = http_log2(usec);
        quarter = usec >> (octave - 2) & (CPROF_HTTP_BUCKETS_PER_OCTAVE - 1);
        return (octave - CPROF_HTTP_BUCKET_FIRST_LOG2) * CPROF_HTTP_BUCKETS_PER_OCTAVE + quarter;
}

/* @time_ns: HTTP_UNTIMED if the request's first byte was not seen. */
__noinline int http_cell_add(struct cprof_http_cell *cell, __u64 second, __u64 time_ns, __u32 status) {
        __u64 bucket;

        if (!cell)
                return 0;

        /* the first of a new second, CPROF_HTTP_SECONDS after the last that used this memory */
        if (cell->second != second) {
                __builtin_memset(cell, 0, sizeof(*cell));
                cell->second = second;
        }

        cell->n_total++;
        if (status >= 500)
                cell->n_5xx++;
        else if (status >= 400)
                cell->n_4xx++;

        if (time_ns == HTTP_UNTIMED)
                return 0;

        cell->n_timed++;
        cell->sum_ns += time_ns;
        bucket = http_bucket(time_ns);
        if (bucket > CPROF_HTTP_BUCKETS - 1)
                bucket = CPROF_HTTP_BUCKETS - 1;
        barrier_var(bucket);
        if (bucket < CPROF_HTTP_BUCKETS)
                cell->buckets[bucket]++;
        return 0;
}

/* Adds to our copy of a process' cell, in the running second: user space reads each second once, when it is
 * over. */
static __always_inline void
http_cell_of_rule(struct http_work *w, __u32 number, __u64 second, __u64 time_ns, __u32 status) {
        __u32 copy = w->slot * CPROF_HTTP_SECONDS + second % CPROF_HTTP_SECONDS;
        __u32 index = copy * http_n_cells + number;
        struct cprof_http_cell *cell = bpf_map_lookup_elem(&http_cells, &index);
        __u64 *active;

        if (!cell)
                return;
        http_cell_add(cell, second, time_ns, status);

        index = w->slot * http_n_cells + number;
        active = bpf_map_lookup_elem(&http_active, &index);
        if (active && *(volatile __u64 *) active < second) /* another CPU may be a second ahead */
                *(volatile __u64 *) active = second;
}

static __always_inline __u64 http_rules_known(const struct cprof_http_process *p, __u64 rules) {
        rules |= p->all;
        if (p->n_rules < CPROF_HTTP_RULES_MAX)
                rules &= (1ULL << (p->n_rules & (CPROF_HTTP_RULES_MAX - 1))) - 1;
        return rules;
}

/* The answer to c->current has come to its end, at @end_ns or HTTP_UNTIMED. */
__noinline int http_finish(struct http_connection *c, struct http_work *w, __u64 end_ns) {
        __u64 rules, second, start_ns, time_ns = HTTP_UNTIMED;
        struct cprof_http_process *p;
        __u32 pid, status;

        if (!c || !w)
                return 0;
        c->answering = 0;
        pid = c->pid;
        p = bpf_map_lookup_elem(&http_processes, &pid);
        if (!p)
                return 0;

        http_count_slot(p->slot, CPROF_HTTP_SEEN_RESPONSES, 1);
        start_ns = c->current.start_ns & ~(__u64) HTTP_PENDING_FLAGS;
        if (start_ns && end_ns != HTTP_UNTIMED)
                time_ns = end_ns > start_ns ? end_ns - start_ns : 0;
        rules = http_rules_known(p, c->current.rules);
        status = c->sides[HTTP_OUT].status;
        second = http_now(w) / HTTP_NSEC_PER_SEC;

        for (__u32 i = 0; i < CPROF_HTTP_RULES_MAX; i++) {
                if (rules >> i == 0)
                        break;
                if (rules >> i & 1)
                        http_cell_of_rule(w, p->cell_first + i, second, time_ns, status);
        }
        return 0;
}
