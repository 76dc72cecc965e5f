/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP of real servers, against what their clients did. */
#include "bpf/http-bed.h"
#include "bpf/spawn.h"

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(http, .timeout = 180); /* emulated machines load slowly */

/* 40 of "/a", 10 of "/error", 7 of "/missing?q", 13 of "/ab", 3 slow ones, mixed, on four connections one
 * after another; where answers end with the connection, on one each. */
#define N_ALL 73U

typedef struct Client {
        const HttpServer *server;
        HttpBed *bed;
        int fd;
} Client;

static void get(Client *c, const char *uri, unsigned status) {
        if (c->server->until_close)
                cr_assert_eq(http_client_get_once(c->server, uri), status);
        else
                cr_assert_eq(http_client_get(c->fd, uri), status);

        http_bed_catch_up(c->bed);
}

static void make_requests(const HttpServer *s, HttpBed *b) {
        Client c = { .server = s, .bed = b, .fd = -EBADF };

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

static void expect_sums(const HttpBed *b) {
        const struct cprof_http_cell *all = b->sums;
        uint64_t in_buckets = 0;

        cr_expect_eq(all->n_total, N_ALL, "%llu", all->n_total);
        cr_expect_eq(all->n_5xx, 10, "%llu", all->n_5xx);
        cr_expect_eq(all->n_4xx, 7, "%llu", all->n_4xx);
        cr_expect_eq(all->n_timed, N_ALL, "%llu", all->n_timed);
        cr_expect_geq(all->sum_ns, 60 * 1000000, "the slow ones alone take that long");
        for (unsigned i = 0; i < CPROF_HTTP_BUCKETS; i++)
                in_buckets += all->buckets[i];
        cr_expect_eq(in_buckets, all->n_timed);

        cr_expect_eq(b->sums[1].n_total, 40, "%llu of /a", b->sums[1].n_total);
        cr_expect_eq(b->sums[1].n_5xx + b->sums[1].n_4xx, 0u);
        cr_expect_eq(b->sums[2].n_total, 10, "%llu of /error", b->sums[2].n_total);
        cr_expect_eq(b->sums[2].n_5xx, 10);
}

/* Each request once, by a hook and a way to move bytes. */
static void count_server(HttpBed *b, HttpServer *s, ProbeHttpHook hook) {
        char what[64];
        uint64_t n;

        (void) snprintf(what, sizeof(what), "%s, io %i", probe_http_hook_to_string(hook), (int) s->io);
        http_server_start(s);
        if (hook == PROBE_HTTP_HOOK_SOCKET && !kernel_is_at_least(6, 3)) {
                cr_expect_eq(http_bed_watch(b, s->pid, hook, s->cgroup), -EOPNOTSUPP);
                http_server_stop(s);
                return;
        }

        cr_assert_eq(http_bed_watch(b, s->pid, hook, s->cgroup), 0);
        cr_expect_eq(b->hook, hook);
        http_bed_reset(b);

        make_requests(s, b);
        http_bed_read(b);
        n = http_bed_losses(b, s->pid);
        if (b->may_lose && n > 0) {
                cr_expect_leq(b->sums[0].n_total, N_ALL);
                cr_expect_geq(b->sums[0].n_total + n, N_ALL, "%s: each that is missing is counted", what);
                goto finish;
        }

        expect_sums(b);
        cr_expect_eq(n, 0u, "%s", what);
        n = http_bed_counter(b, s->pid, CPROF_HTTP_SEEN_REQUESTS);
        cr_expect_eq(n, N_ALL, "%s: %llu requests", what, (unsigned long long) n);
        n = http_bed_counter(b, s->pid, CPROF_HTTP_SEEN_RESPONSES);
        cr_expect_eq(n, N_ALL, "%s: %llu answers", what, (unsigned long long) n);

finish:
        probe_http_unwatch(b->probe, s->pid);
        http_server_stop(s);
}

static void count_all_ways(ProbeHttpHook hook) {
        HttpBed b = {};

        if (!http_bed_open(&b))
                return;

        for (ServerIo io = SERVER_READ_WRITE; io < _SERVER_IO_MAX; io++)
                count_server(&b, &(HttpServer){ .io = io }, hook);

        count_server(&b, &(HttpServer){ .io = SERVER_RECV_SEND, .until_close = true }, hook);
        count_server(&b, &(HttpServer){ .io = SERVER_VECTORS, .is_unix = true }, hook);
        http_bed_close(&b);
}

Test(http, whatever_calls_move_the_bytes_each_request_counts_once) {
        count_all_ways(PROBE_HTTP_HOOK_SOCKET);
}

Test(http, exits_of_calls_see_the_same) {
        count_all_ways(PROBE_HTTP_HOOK_SYSCALL);
}

Test(http, an_answer_that_ends_with_its_unix_socket_counts_when_it_is_read) {
        HttpBed b = {};

        if (!http_bed_open(&b))
                return;

        count_server(&b,
                     &(HttpServer){ .io = SERVER_READ_WRITE, .is_unix = true, .until_close = true },
                     PROBE_HTTP_HOOK_SOCKET);
        http_bed_close(&b);
}

/* The server is our child; requests of the same connection before and after it is watched itself. */
static void count_child(HttpBed *b, ProbeHttpHook hook) {
        HttpServer s = { .io = SERVER_READ_WRITE };
        _cleanup_(closep) int fd = -EBADF;

        if (hook == PROBE_HTTP_HOOK_SOCKET && !kernel_is_at_least(6, 3))
                return;

        cr_assert_eq(http_bed_watch(b, getpid(), hook, NULL), 0);
        http_server_start(&s);
        http_bed_reset(b);
        b->pid = 0;
        fd = http_client_open(&s);
        for (unsigned i = 0; i < 5; i++)
                cr_assert_eq(http_client_get(fd, "/a"), 200);

        cr_expect_eq(http_bed_counter(b, getpid(), CPROF_HTTP_SEEN_REQUESTS), 5u);
        cr_assert_eq(http_bed_watch(b, s.pid, hook, NULL), 0);
        b->pid = 0;
        for (unsigned i = 0; i < 5; i++)
                cr_assert_eq(http_client_get(fd, "/a"), 200);

        cr_expect_eq(http_bed_counter(b, s.pid, CPROF_HTTP_SEEN_REQUESTS), 5u);
        http_bed_read(b);
        cr_expect_eq(b->sums[1].n_total, 10u, "%llu", b->sums[1].n_total);
        cr_expect_eq(b->sums[1].n_timed, 10u, "%llu", b->sums[1].n_timed);
        cr_expect_eq(http_bed_losses(b, getpid()) + http_bed_losses(b, s.pid), 0u);
        probe_http_unwatch(b->probe, s.pid);
        probe_http_unwatch(b->probe, getpid());
        http_server_stop(&s);
}

Test(http, a_child_counts_for_its_parent_until_it_is_watched) {
        HttpBed b = {};

        if (!http_bed_open(&b))
                return;

        count_child(&b, PROBE_HTTP_HOOK_SOCKET);
        count_child(&b, PROBE_HTTP_HOOK_SYSCALL);
        http_bed_close(&b);
}

/* A new group on the unified hierarchy, wherever that is. */
static void make_group(char path[static 64]) {
        const char *root = access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup"
                                                                            : "/sys/fs/cgroup/unified";

        (void) snprintf(path, 64, "%s/cprof-test-XXXXXX", root);
        cr_assert_not_null(mkdtemp(path));
}

Test(http, packets_of_a_group_see_the_same) {
        char group[64];
        HttpBed b = {};

        make_group(group);
        if (!http_bed_open(&b))
                return;

        for (ServerIo io = SERVER_READ_WRITE; io < _SERVER_IO_MAX; io++)
                count_server(&b, &(HttpServer){ .io = io, .cgroup = group }, PROBE_HTTP_HOOK_CGROUP);

        count_server(&b,
                     &(HttpServer){ .io = SERVER_RECV_SEND, .until_close = true, .cgroup = group },
                     PROBE_HTTP_HOOK_CGROUP);
        count_server(&b,
                     &(HttpServer){ .io = SERVER_RECV_SEND, .defers = true, .cgroup = group },
                     PROBE_HTTP_HOOK_CGROUP);
        if (kernel_is_at_least(6, 0))
                count_server(&b,
                             &(HttpServer){ .io = SERVER_URING_MORE, .cgroup = group },
                             PROBE_HTTP_HOOK_CGROUP);
        http_bed_close(&b);
        sleep_usec(100000); /* the last server leaves it */
        cr_expect_eq(rmdir(group), 0);
}

/* Short, for machines that are emulated. There a CPU may stand still within a program for so long that the
 * client's retransmission is answered first. */
Test(http, each_hook_that_this_kernel_has_counts) {
        char group[64];
        HttpBed b = { .may_lose = true };

        if (!http_bed_open(&b))
                return;

        make_group(group);
        for (ProbeHttpHook hook = PROBE_HTTP_HOOK_SOCKET; hook < _PROBE_HTTP_HOOK_MAX; hook++) {
                count_server(&b, &(HttpServer){ .io = SERVER_VECTORS, .cgroup = group }, hook);
                count_server(&b, &(HttpServer){ .io = SERVER_URING, .cgroup = group }, hook);
        }

        http_bed_close(&b);
        sleep_usec(100000);
        cr_expect_eq(rmdir(group), 0);
}

Test(http, receives_of_io_uring_that_are_not_seen_are_counted) {
        HttpServer s = { .io = SERVER_URING_MORE };
        HttpBed b = {};

        if (!kernel_is_at_least(6, 0) || !http_bed_open(&b))
                return; /* there are none */

        http_server_start(&s);
        cr_assert_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        http_bed_reset(&b);
        make_requests(&s, &b);
        cr_expect_geq(http_bed_counter(&b, s.pid, CPROF_HTTP_LOSS_IO_URING), N_ALL);

        probe_http_unwatch(b.probe, s.pid);
        http_bed_close(&b);
        http_server_stop(&s);
}

Test(http, a_group_can_be_asked_for_only_where_it_can_see) {
        HttpServer s = {};
        HttpBed b = {};

        http_server_start(&s);
        if (!http_bed_open(&b))
                return;

        cr_expect_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_CGROUP, NULL), -ENODEV, "no group");
        cr_expect_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_CGROUP, "/sys/fs/cgroup/none"), -ENODEV);
        cr_expect_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        cr_expect_eq(b.hook,
                     kernel_is_at_least(6, 3) ? PROBE_HTTP_HOOK_SOCKET : PROBE_HTTP_HOOK_SYSCALL,
                     "the best there is");
        probe_http_unwatch(b.probe, s.pid);
        http_bed_close(&b);
        http_server_stop(&s);
}

Test(http, who_is_watched_again_begins_at_zero) {
        HttpServer s = {}, other = {};
        HttpBed b = {};

        http_server_start(&s);
        http_server_start(&other);
        if (!http_bed_open(&b))
                return;

        cr_assert_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        http_bed_reset(&b);
        cr_assert_eq(http_client_get_once(&s, "/a"), 200u);
        cr_assert_eq(http_client_get_once(&other, "/a"), 200u, "not watched");

        cr_assert_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        cr_expect_eq(http_bed_counter(&b, s.pid, CPROF_HTTP_SEEN_REQUESTS), 0u);
        for (unsigned i = 0; i < 5; i++)
                cr_assert_eq(http_client_get_once(&s, "/error"), 500u);
        http_bed_read(&b);
        cr_expect_eq(b.sums[0].n_total, 5u, "%llu", b.sums[0].n_total);
        cr_expect_eq(b.sums[1].n_total, 0u);
        cr_expect_eq(b.sums[2].n_total, 5u);

        probe_http_unwatch(b.probe, s.pid);
        http_bed_reset(&b);
        cr_assert_eq(http_client_get_once(&s, "/a"), 200u);
        http_bed_read(&b);
        cr_expect_eq(b.sums[0].n_total, 0u);
        http_bed_close(&b);
        http_server_stop(&s);
        http_server_stop(&other);
}

Test(http, a_connection_that_is_open_when_the_process_is_watched_counts_from_the_next_request_on) {
        HttpServer s = {};
        HttpBed b = {};
        int fd;

        http_server_start(&s);
        fd = http_client_open(&s);
        cr_assert_eq(http_client_get(fd, "/a"), 200u);

        if (!http_bed_open(&b))
                return;

        for (unsigned times = 0; times < 2; times++) {
                cr_assert_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
                http_bed_reset(&b);
                for (unsigned i = 0; i < 3; i++)
                        cr_assert_eq(http_client_get(fd, "/a"), 200u);
                http_bed_read(&b);
                cr_expect_eq(b.sums[0].n_total, 3u, "%llu", b.sums[0].n_total);
                cr_expect_eq(b.sums[1].n_total, 3u);
                cr_expect_eq(http_bed_losses(&b, s.pid), 0u);
        }

        (void) close(fd);
        probe_http_unwatch(b.probe, s.pid);
        http_bed_close(&b);
        http_server_stop(&s);
}
