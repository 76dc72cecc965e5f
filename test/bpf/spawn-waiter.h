/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define WAITER_LINES_MAX 16U

/* What a thread of test/bpf/waiter measured of itself. */
typedef struct WaiterLine {
        char kind[16];
        uint64_t n_switches, wait_ns, wall_ns, cpu_ns, delay_ns;
} WaiterLine;

typedef struct Waiter {
        pid_t pid;
        FILE *to, *from;
        WaiterLine lines[WAITER_LINES_MAX];
        size_t n_lines;
} Waiter;

/* Starts it with threads of these kinds, NULL-terminated; returns when all are there. */
void waiter_start(Waiter *w, const char *const *kinds);

/* Lets it wait, until all that ends has ended. */
void waiter_go(Waiter *w);
void waiter_stop(Waiter *w);
