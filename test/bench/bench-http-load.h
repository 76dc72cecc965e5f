/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* nginx and wrk on one CPU, so that what a request costs shows in how many there are. */

#define BENCH_HTTP_PORT 18480U
#define BENCH_HTTP_TLS_PORT 18443U

typedef struct BenchNginx {
        pid_t pid; /* one process: no master, no workers */
        char directory[64];
} BenchNginx;

/* Returns when it answers. */
void bench_nginx_start(BenchNginx *n);
void bench_nginx_stop(BenchNginx *n);

typedef struct BenchHttpRound {
        uint64_t n_requests;
        double server_ns, client_ns; /* CPU time per request */
} BenchHttpRound;

/* 8 connections that are kept, one request at a time on each, for @sec seconds. */
void bench_http_round(const BenchNginx *n, bool tls, unsigned sec, BenchHttpRound *ret);

/* Nanoseconds of a write() and a read() of 64 bytes on a TCP connection of this process with itself: the
 * least of many groups. */
double bench_socket_pair_ns(void);
