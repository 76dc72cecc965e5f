/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bpf/http-bed.h"

/* A real server that speaks TLS, and a client for it. Dies with the test. */
typedef struct HttpsServer {
        const char *kind; /* as test/bpf/https-server knows it */
        char directory[32];
        pid_t pid;
        unsigned port;
} HttpsServer;

/* What the client saw. */
typedef struct HttpsAnswers {
        unsigned n_total, n_a, n_errors; /* of "/a"; of status 5xx */
} HttpsAnswers;

void https_server_start(HttpsServer *s, const char *kind);
void https_server_stop(HttpsServer *s);

/* Makes requests; @read waits for the end of a second and reads what was counted: meanwhile and once after.
 */
HttpsAnswers https_client_run_with(
                const HttpsServer *s,
                void (*read)(void *userdata),
                void *userdata,
                unsigned n_connections,
                unsigned n_requests);
HttpsAnswers
https_client_run(const HttpsServer *s, HttpBed *bed, unsigned n_connections, unsigned n_requests);

/* The path of the first file mapped by @pid whose name has @part in it; false: none. */
bool find_mapped_file(pid_t pid, const char *part, char *ret_path, size_t size);
