/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bpf/http-server.h"
#include "probe/probe.h"

/* A probe, rules made by hand, and what was counted since it measures. Rule 0 is for all requests, 1 and 2
 * are for exactly "/a" and "/error". */
#define BED_RULES 3U

typedef struct HttpBed {
        Probe *probe;
        uint32_t rules;
        uint64_t next_second; /* to read */
        ProbeHttpHook hook;   /* in use for the last process watched */

        bool may_lose; /* but not without counting it */

        pid_t pid;                              /* whose sums are taken; 0: of all */
        struct cprof_http_cell sums[BED_RULES]; /* since the last reset */
} HttpBed;

/* false: the kernel is too old, and the probe has said so. */
bool http_bed_open(HttpBed *b);
bool http_bed_open_with(HttpBed *b, Probe *probe); /* which is the caller's */
void http_bed_close(HttpBed *b);

/* Sums begin at zero with the running second, of which nothing was read. */
void http_bed_reset(HttpBed *b);
/* -EOPNOTSUPP for the hook on sockets before Linux 6.3. */
int http_bed_watch(HttpBed *b, pid_t pid, ProbeHttpHook hook, const char *cgroup);
/* Reads the seconds that are over; to be called more often than each second. */
void http_bed_catch_up(HttpBed *b);
/* Waits for the end of the running second and reads all up to it. */
void http_bed_read(HttpBed *b);
uint64_t http_bed_counter(HttpBed *b, pid_t pid, enum cprof_http_loss counter);
/* The sum of all that make a monitor degraded. */
uint64_t http_bed_losses(HttpBed *b, pid_t pid);
