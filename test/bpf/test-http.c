/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP of real servers, against what their clients did. */
#include "bpf/http-bed.h"
#include "bpf/spawn.h"

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

TestSuite(http, .timeout = 60);

/* 40 of "/a", 10 of "/error", 7 of "/missing?q", 13 of "/ab", 3 slow ones, mixed, on four connections one
 * after another; where answers end with the connection, on one each. */
#define N_ALL 73U

typedef struct Client {
        const HttpServer *server;
        int fd;
} Client;

static void get(Client *c, const char *uri, unsigned status) {
        if (c->server->until_close)
                cr_assert_eq(http_client_get_once(c->server, uri), status);
        else
                cr_assert_eq(http_client_get(c->fd, uri), status);
}

static void make_requests(const HttpServer *s) {
        Client c = { .server = s, .fd = -EBADF };

        for (unsigned i = 0; i < 40; i++) {
                if (i % 10 == 0 && !s->until_close) {
                        (void) safe_close(c.fd);
                        c.fd = http_client_open(s);
                }

                get(&c, "/a", 200);
                if (i % 4 == 0)
                        get(&c, "/error", 500);
                if (i < 13)
                        get(&c, "/ab", 200);
                if (i < 7)
                        get(&c, "/missing?q=/a", 404);
                if (i < 3)
                        get(&c, "/slow", 200);
        }

        (void) safe_close(c.fd);
}

static void expect_sums(const HttpBed *b, unsigned times) {
        const struct cprof_http_cell *all = b->sums;
        uint64_t in_buckets = 0;

        cr_expect_eq(all->n_total, N_ALL * times, "%llu", all->n_total);
        cr_expect_eq(all->n_5xx, 10 * times, "%llu", all->n_5xx);
        cr_expect_eq(all->n_4xx, 7 * times, "%llu", all->n_4xx);
        cr_expect_eq(all->n_timed, N_ALL * times, "%llu", all->n_timed);
        cr_expect_geq(all->sum_ns, 60 * 1000000 * times, "the slow ones alone take that long");
        for (unsigned i = 0; i < CPROF_HTTP_BUCKETS; i++)
                in_buckets += all->buckets[i];
        cr_expect_eq(in_buckets, all->n_timed);

        cr_expect_eq(b->sums[1].n_total, 40 * times, "%llu of /a", b->sums[1].n_total);
        cr_expect_eq(b->sums[1].n_5xx + b->sums[1].n_4xx, 0u);
        cr_expect_eq(b->sums[2].n_total, 10 * times, "%llu of /error", b->sums[2].n_total);
        cr_expect_eq(b->sums[2].n_5xx, 10 * times);
}

/* Each request once, by a hook and a way to move bytes. */
static void count_server(HttpBed *b, HttpServer *s, ProbeHttpHook hook) {
        http_server_start(s);
        http_bed_reset(b);
        cr_assert_eq(http_bed_watch(b, s->pid, hook, NULL), 0);
        cr_expect_eq(b->hook, hook);

        make_requests(s);
        http_bed_read(b);
        expect_sums(b, 1);
        cr_expect_eq(http_bed_losses(b, s->pid), 0u, "with io %i", (int) s->io);
        cr_expect_eq(http_bed_counter(b, s->pid, CPROF_HTTP_SEEN_REQUESTS), N_ALL);
        cr_expect_eq(http_bed_counter(b, s->pid, CPROF_HTTP_SEEN_RESPONSES), N_ALL);

        probe_http_unwatch(b->probe, s->pid);
        http_server_stop(s);
}

Test(http, whatever_calls_move_the_bytes_each_request_counts_once) {
        HttpBed b = {};

        http_bed_open(&b);
        for (ServerIo io = SERVER_READ_WRITE; io <= SERVER_TINY; io++)
                count_server(&b, &(HttpServer){ .io = io }, PROBE_HTTP_HOOK_SOCKET);
        http_bed_close(&b);
}
