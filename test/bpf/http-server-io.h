/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bpf/http-server.h"

/* The ways in which the server of tests moves bytes. */

typedef struct ServerConnection {
        int fd;
        ServerIo io;
        char text[65536]; /* unanswered */
        size_t n;
        bool is_receiving; /* SERVER_URING_MORE */
} ServerConnection;

/* Appends to @text behind @n, which it leaves. As read(2). */
ssize_t server_read(ServerConnection *c);
void server_write(ServerConnection *c, const char *head, size_t n_head, const char *body, size_t n_body);
