/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What the HTTP programs and src/probe/probe-http.c share: rules of processes, sums per second, counters of
 * what was not seen. Everything is written by one side only, as said at each. */

#include <linux/types.h>

#define CPROF_HTTP_RULES_MAX 64  /* of one process; rule numbers are bits of a __u64 */
#define CPROF_HTTP_GROUPS_MAX 4  /* automata of one process, run one after another */
#define CPROF_HTTP_URI_MAX 1024  /* bytes of a URI that are matched */
#define CPROF_HTTP_LINE_MAX 1280 /* bytes of a line that may be cut over pieces */
#define CPROF_HTTP_PENDING 8     /* requests of one connection waiting for their answer */
#define CPROF_HTTP_SECONDS 4     /* sums are kept for so many; the daemon reads each once it is over */

/* Histogram of response times: 4 buckets for each power of two, from 32 us on (all below are in bucket 0);
 * the last has all from 2^25 us, half a minute, on. */
#define CPROF_HTTP_BUCKETS 81
#define CPROF_HTTP_BUCKET_FIRST_LOG2 5
#define CPROF_HTTP_BUCKETS_PER_OCTAVE 4

/* A state that no byte leads out of: matching may stop. */
#define CPROF_HTTP_ABSORBING 0x80000000U

/* Sums of one rule of one process on one CPU in one second of CLOCK_MONOTONIC; written by the kernel only.
 */
struct cprof_http_cell {
        __u64 second; /* whose sums these are */
        __u64 n_total, n_4xx, n_5xx;
        __u64 n_timed; /* of n_total, those whose request was seen, and their time: */
        __u64 sum_ns;  /* first byte of the request read to last byte of the answer written */
        __u32 buckets[CPROF_HTTP_BUCKETS];
        __u32 reserved;
};
_Static_assert(sizeof(struct cprof_http_cell) == 48 + 4 * (CPROF_HTTP_BUCKETS + 1), "ABI");

/* Why sums may be short; per process and CPU, written by the kernel only. Names: cprof_http_loss_names in
 * src/probe/probe-http.c. */
enum cprof_http_loss {
        /* These make a monitor degraded when they exceed one request in a thousand. */
        CPROF_HTTP_LOSS_UNPAIRED_RESPONSE, /* an answer to a request that was not seen, though others were */
        CPROF_HTTP_LOSS_PENDING_FULL,    /* more than CPROF_HTTP_PENDING requests waiting: no time, no URI */
        CPROF_HTTP_LOSS_LONG_LINE,       /* a line longer than CPROF_HTTP_LINE_MAX cut over pieces */
        CPROF_HTTP_LOSS_MANY_PIECES,     /* more buffers in one call than are looked at */
        CPROF_HTTP_LOSS_UNSEEN,          /* bytes that went past us where headers were expected */
        CPROF_HTTP_LOSS_FAULT,           /* user memory that could not be read without a page fault */
        CPROF_HTTP_LOSS_FRAMING,         /* a message whose end could not be found: the direction is lost */
        CPROF_HTTP_LOSS_BAD_REQUEST,     /* bytes where a request line should be, on an HTTP connection */
        CPROF_HTTP_LOSS_STEPS,           /* more messages or chunks in one piece than are followed */
        CPROF_HTTP_LOSS_CARRY,           /* the store of unfinished lines was full */
        CPROF_HTTP_LOSS_CONNECTION_FULL, /* no memory for another connection */
        CPROF_HTTP_LOSS_BUSY,            /* no scratch memory: programs interrupted each other too deep */
        CPROF_HTTP_LOSS_IO_URING,        /* io_uring operations whose buffers are not seen */
        CPROF_HTTP_LOSSES_DEGRADING,     /* those above */

        /* Counted and said, but nothing is missing in the sums that the rule promises. */
        CPROF_HTTP_LOSS_LONG_URI = CPROF_HTTP_LOSSES_DEGRADING, /* matched on its first bytes */
        CPROF_HTTP_LOSS_JOINED, /* answers on connections that were found with a request under way: no time,
                                   no URI */
        CPROF_HTTP_LOSS_RESYNC, /* a lost direction found a start line again */
        CPROF_HTTP_LOSS_ABORTED_REQUEST,    /* the connection ended before an answer began */
        CPROF_HTTP_LOSS_TRUNCATED_RESPONSE, /* it ended within an answer */
        CPROF_HTTP_LOSS_AMBIGUOUS,          /* both framings, or a coding in HTTP/1.0: as RFC 9112, 6.3 */
        CPROF_HTTP_SEEN_REQUESTS,           /* complete request lines */
        CPROF_HTTP_SEEN_RESPONSES,          /* finished answers */
        CPROF_HTTP_SEEN_CLIENT,             /* connections on which the process is the client */
        CPROF_HTTP_SEEN_TLS,                /* connections that carry TLS records */
        CPROF_HTTP_SEEN_TLS_PLAIN,          /* connections read by way of a TLS library */
        CPROF_HTTP_SEEN_HTTP2,              /* connections that speak HTTP/2 */
        CPROF_HTTP_SEEN_UPGRADED,           /* connections that became something else: 101, CONNECT */
        CPROF_HTTP_SEEN_OTHER,              /* connections that are none of these */
        CPROF_HTTP_COUNTERS_MAX,
};

/* One automaton in the arena; written by the daemon before a process refers to it. Matching is
 *
 *         state = start; for each byte: class = classes[byte]; if class == 0: end;
 *         state = next[state + class]; rules = accepts[next[state]]
 */
struct cprof_http_group {
        __u32 next;    /* index of its first transition in the arena of transitions */
        __u32 n_next;  /* how many */
        __u32 accepts; /* index of its first set in the arena of rule sets */
        __u32 n_accepts;
        __u32 start;   /* state, may be absorbing */
        __u32 classes; /* index in the arena of class maps, 256 bytes each */
};
_Static_assert(sizeof(struct cprof_http_group) == 24, "ABI");

/* A process whose HTTP is measured; written by the daemon. */
struct cprof_http_process {
        __u32 cell_first; /* of its rule 0 in each second's part of the cells */
        __u32 n_rules;
        __u32 slot; /* of its counters */
        __u32 n_groups;
        __u32 hook;       /* CPROF_HTTP_HOOK_…: whose connections count */
        __u32 generation; /* of the watch, unique: connections of another one begin anew */
        __u32 rules;      /* which rules these are: the same number for all processes that have them */
        __u32 _pad;
        __u64 all; /* rules without a URI: of each request */
        struct cprof_http_group groups[CPROF_HTTP_GROUPS_MAX];
};
_Static_assert(sizeof(struct cprof_http_process) == 40 + 24 * CPROF_HTTP_GROUPS_MAX, "ABI");
