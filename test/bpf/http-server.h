/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <sys/socket.h>

/* A small HTTP server in a child, and a client for it. It answers /error… with 500, /missing… with 404,
 * /slow… after 20 ms, all else with 200. Dies with the test. */

/* With which calls it moves bytes. */
typedef enum ServerIo {
        SERVER_READ_WRITE,
        SERVER_RECV_SEND,
        SERVER_VECTORS,    /* readv of two, writev of three */
        SERVER_MESSAGES,   /* recvmsg, sendmsg */
        SERVER_PEEK,       /* looks with MSG_PEEK before it reads */
        SERVER_SENDFILE,   /* the body comes from a file */
        SERVER_TINY,       /* reads and writes three bytes at a time */
        SERVER_URING,      /* io_uring, one request at a time */
        _SERVER_IO_MAX,    /* of those that all hooks see */
        SERVER_URING_MORE, /* io_uring: one request for many receives */
} ServerIo;

typedef struct HttpServer {
        ServerIo io;
        bool is_unix;
        bool until_close;   /* answers have no length and end with the connection */
        bool defers;        /* accepts connections with their first bytes */
        const char *cgroup; /* directory of the group that it is in from its beginning; NULL: ours */

        pid_t pid;
        struct sockaddr_storage address;
        socklen_t address_length;
} HttpServer;

/* The members above @pid are set. */
void http_server_start(HttpServer *s);
void http_server_stop(HttpServer *s);

int http_client_open(const HttpServer *s);
/* Sends a request and reads the answer; returns its status. */
unsigned http_client_get(int fd, const char *uri);
/* Sends that many requests, then reads that many answers. */
void http_client_pipeline(int fd, const char *uri, unsigned n);
/* One connection for each, closed after the answer. */
unsigned http_client_get_once(const HttpServer *s, const char *uri);
