/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What each HTTP program's own memory has for src/probe/probe-http.c. */

#include <linux/types.h>

#define CPROF_HTTP_MARKS 4096U /* bits */

/* Hooks by which a process is seen, cprof_http_process.hook. */
#define CPROF_HTTP_HOOK_SOCKET 1U
#define CPROF_HTTP_HOOK_CGROUP 2U
#define CPROF_HTTP_HOOK_SYSCALL 3U

/* Which processes this program may have to look at. Written by the daemon, but for children. */
struct cprof_http_marks {
        /* changes when any process is watched or not any more: connections ask whose they are again */
        __u64 epoch;
        /* by pid modulo their number: 0 = not watched by this hook */
        __u64 bits[CPROF_HTTP_MARKS / 64];
        /* Ditto, of children that the daemon has not seen yet. The program sets bits of the current half;
         * the daemon takes the other one now and then, empties it and makes it the current one. */
        __u64 children[2][CPROF_HTTP_MARKS / 64];
        __u32 now; /* 0 or 1 */
        __u32 _pad;
};
_Static_assert(sizeof(struct cprof_http_marks) == 16 + 3 * CPROF_HTTP_MARKS / 8, "ABI");

#define CPROF_HTTP_PORTS_MAX 8192U /* of all groups */

/* A TCP port on which a process of a control group listens. */
struct cprof_http_port {
        __u64 group; /* the daemon's number for it */
        __u32 port;
        __u32 _pad;
};
_Static_assert(sizeof(struct cprof_http_port) == 16, "ABI");
