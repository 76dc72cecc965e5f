/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The HTTP parser for tests: told by BPF_PROG_TEST_RUN what passes on one connection. */
#define HTTP_READ(work, to, length, from) \
        bpf_probe_read_user(to, length, (void *) ((work)->address + (from)))

#include "http-parser.bpf.h"

#include "http-fed.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct http_connection);
} connection SEC(".maps");

__u64 exchange_ns = 0; /* of all exchanges of the last run */

SEC("raw_tp")
int http_fed(struct bpf_raw_tracepoint_args *ctx) {
        __u32 zero = 0;
        struct http_connection *c = bpf_map_lookup_elem(&connection, &zero);
        struct http_work *w;

        if (!c)
                return 0;
        w = http_claim();
        if (!w)
                return 0;

        w->address = ctx->args[HTTP_FED_ADDRESS];
        w->length = ctx->args[HTTP_FED_LENGTH];
        w->direction = ctx->args[HTTP_FED_DIRECTION] & 1;
        w->continued = ctx->args[HTTP_FED_CONTINUED];
        if (ctx->args[HTTP_FED_WHAT] == HTTP_FED_END)
                http_end(c, w);
        else if (ctx->args[HTTP_FED_WHAT] == HTTP_FED_SKIP)
                http_skip(c, w, w->length);
        else
                http_feed(c, w);
        http_release(w);
        return 0;
}

/* One call of a hook as it is without the hook's own part. */
static __always_inline void
fed_piece(struct http_connection *c, __u64 address, __u64 length, __u32 direction) {
        struct http_work *w = http_claim();

        if (!w)
                return;
        w->address = address;
        w->length = length;
        w->direction = direction;
        http_feed(c, w);
        http_release(w);
}

/* HTTP_FED_EXCHANGES requests and answers one after another. */
SEC("raw_tp")
int http_exchanges(struct bpf_raw_tracepoint_args *ctx) {
        __u32 zero = 0;
        struct http_connection *c = bpf_map_lookup_elem(&connection, &zero);
        __u64 begin_ns = bpf_ktime_get_ns();

        if (!c)
                return 0;
        for (int i = 0; i < HTTP_FED_EXCHANGES; i++) {
                fed_piece(c, ctx->args[0], ctx->args[1], HTTP_IN);
                fed_piece(c, ctx->args[2], ctx->args[3], HTTP_OUT);
        }
        exchange_ns = bpf_ktime_get_ns() - begin_ns;
        return 0;
}
