/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* A peer that copies what a process reads from and writes to its sockets to user space, and finds requests
 * there. */
typedef struct BenchHttpCopy {
        pid_t pid;
        uint64_t *n_answers; /* shared with it */
} BenchHttpCopy;

/* Returns when it is attached to @watched. */
void bench_http_copy_start(BenchHttpCopy *c, pid_t watched);
void bench_http_copy_stop(BenchHttpCopy *c);
