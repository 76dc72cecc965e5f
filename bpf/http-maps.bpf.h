/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What the HTTP parser keeps: connections, scratch memory, and the maps that it shares with the daemon.
 *
 * Sizes of maps are set by the daemon before it loads; the maps are one set for all HTTP programs. Compiled
 * natively (tests, fuzzing), the same declarations name arrays of test/fake/bpf-native.h. */

#ifdef __bpf__
#include "kernel.bpf.h"
#define HTTP_SETTING const volatile /* set by the daemon before it loads */
#else
#include "fake/bpf-native.h"
#define HTTP_SETTING static
#endif

#include "cprof-http.h"

#define HTTP_IN 0U  /* bytes that the process read */
#define HTTP_OUT 1U /* bytes that it wrote */

#define HTTP_WINDOW 2048U /* bytes of a piece that are looked at together */
#define HTTP_BUFFER 4096U /* an unfinished line and a window; a power of two, as positions are masked */
#define HTTP_SLOTS 3U     /* programs that may interrupt each other on one CPU */

/* What a connection carries. */
enum http_kind {
        HTTP_KIND_UNDECIDED, /* zeroed memory: nothing was seen that tells */
        HTTP_KIND_HTTP,      /* HTTP/1.x, the process is the server */
        HTTP_KIND_CLIENT,    /* HTTP/1.x, the process is the client; this and all below are ignored */
        HTTP_KIND_TLS,
        HTTP_KIND_HTTP2,
        HTTP_KIND_UPGRADED, /* was HTTP/1.x until 101 or an accepted CONNECT */
        HTTP_KIND_OTHER,
};

/* Whether bytes of a direction may have been missed. */
enum http_doubt {
        HTTP_DOUBT_NONE,
        HTTP_DOUBT_MISSED, /* a piece that begins like a message within a body is one */
        HTTP_DOUBT_RESYNC, /* was lost; the start line that is being read would be the first again */
};

/* One direction. Written by the program that sees that direction only: a stream has one reader and one
 * writer at a time. */
struct http_side {
        __u64 remaining; /* bytes of the body or chunk; while there are headers: Content-Length */
        __u64 time_ns;   /* HTTP_IN: first byte of the request; HTTP_OUT: last write of an answer without
                            length */
        __u16 carry;     /* bytes of an unfinished line in http_carries */
        __u16 status;    /* HTTP_OUT: of the answer that is written */
        __u8 phase;      /* enum http_phase */
        __u8 framing;    /* what the headers say about the body: HTTP_FRAMING_… */
        __u8 coding;     /* how far the last transfer coding was recognised; digits of a chunk's size */
        __u8 n_foreign;  /* pieces that were not HTTP, while undecided */
};

struct http_pending {
        __u64 start_ns; /* 0: not known. The two lowest bits are HTTP_PENDING_… */
        __u64 rules;
};

#define HTTP_PENDING_HEAD 1U
#define HTTP_PENDING_CONNECT 2U
#define HTTP_PENDING_FLAGS 3U

/* Value of socket storage or of a hash; zero it, then set key and pid. Requests wait in a ring with one
 * producer (reads) and one consumer (writes); no lock: a process answers what it has read, so the read's
 * program is over before the write's begins. */
struct http_connection {
        __u64 key;      /* even, unique among all connections */
        __u32 pid;      /* in the daemon's namespace: key of http_processes */
        __u8 kind;      /* enum http_kind */
        __u8 answering; /* an answer has begun that `current` asked for */
        __u8 doubt[2];  /* enum http_doubt, of each direction */
        struct http_side sides[2];
        __u32 head, tail; /* of pending[]: next to answer, next free; modulo CPROF_HTTP_PENDING */
        /* requests for which pending[] had no place; how many there were when none of them waited */
        __u32 n_excess, n_excess_answered, excess_first;
        __u32 excess_connect; /* 1 + the number among those since then of the last CONNECT, 0: none */
        __u64 excess_heads;   /* which of the first 64 since then are HEAD */
        struct http_pending current;
        struct http_pending pending[CPROF_HTTP_PENDING];
};
_Static_assert(sizeof(struct http_connection) <= 256, "one connection costs at most four cache lines");

/* Scratch memory of one program on one CPU. */
struct http_work {
        __u32 in_use; /* claimed; see http_claim() */
        __u32 slot;   /* which of this CPU's; also the copy of the cells that may be written meanwhile */

        /* the piece, set by the program before http_feed() and http_skip() */
        __u64 address; /* for HTTP_READ() alone */
        __u64 length;  /* bytes of the piece */
        __u32 direction;
        __u32 continued; /* not the first piece of one read or write: nobody starts a message here */
        __u64 now_ns;    /* CLOCK_MONOTONIC, read when needed; http_claim() zeroes it */

        /* ours: buffer[at … n) is unread, piece bytes up to `offset` are in it, n_carried came from before
         */
        __u64 offset;
        __u32 at, n, n_carried;
        __u32 target; /* position of the request target, HTTP_PENDING_… of the method */
        __u32 flags;
        __u32 line, newline; /* the header line that was found */
        __u64 is_passed;     /* 0: that line is to be looked at */
        __u32 has_passed;    /* there were others before it */
        __u32 state;         /* of the header value that is being read */
        __u64 number;
        __u8 buffer[HTTP_BUFFER + CPROF_HTTP_LINE_MAX]; /* words and lines are read beyond a position */
};

struct http_carry {
        __u8 bytes[CPROF_HTTP_LINE_MAX];
};

struct http_classes {
        __u8 of[256];
};

/* Cells of one second of one slot: those of all processes. */
HTTP_SETTING __u32 http_n_cells = 0;

/* pid -> its rules; written by the daemon */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, 1024);
        __type(key, __u32);
        __type(value, struct cprof_http_process);
} http_processes SEC(".maps");

/* (slot * CPROF_HTTP_SECONDS + second % CPROF_HTTP_SECONDS) * http_n_cells + cell -> sums. A claimed slot is
 * nobody else's on this CPU, so sums are plain additions. */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct cprof_http_cell);
} http_cells SEC(".maps");

/* slot * http_n_cells + cell -> the last second in which that copy of the cell was used, on any CPU; read by
 * the daemon through a mapping to know which cells to look at */
struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, __u64);
} http_active SEC(".maps");

/* process->slot * CPROF_HTTP_COUNTERS_MAX + enum cprof_http_loss -> how often */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, CPROF_HTTP_COUNTERS_MAX);
        __type(key, __u32);
        __type(value, __u64);
} http_counters SEC(".maps");

/* Arenas of the automata, written by the daemon through mappings. */
struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, __u32);
} http_next SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, __u64);
} http_accepts SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct http_classes);
} http_classes SEC(".maps");

/* connection's key, lowest bit: direction -> the line that its last piece left unfinished */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 1024);
        __type(key, __u64);
        __type(value, struct http_carry);
} http_carries SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, HTTP_SLOTS);
        __type(key, __u32);
        __type(value, struct http_work);
} http_works SEC(".maps");

/* Adds to a counter of a process; nothing when it is not measured (any more). Atomic: also whoever
 * interrupts us counts here. */
static __always_inline void http_count_slot(__u32 slot, __u32 counter, __u64 n) {
        __u32 index = slot * CPROF_HTTP_COUNTERS_MAX + counter;
        __u64 *value = bpf_map_lookup_elem(&http_counters, &index);

        if (value)
                __sync_fetch_and_add(value, n);
}

__noinline int http_count(__u32 pid, __u32 counter, __u64 n) {
        struct cprof_http_process *p = bpf_map_lookup_elem(&http_processes, &pid);

        if (p)
                http_count_slot(p->slot, counter, n);
        return 0;
}

/* Scratch memory that nobody interrupting us gets; NULL: all is in use, count CPROF_HTTP_LOSS_BUSY and call
 * http_missed() if there is a connection. Atomic, as programs of uprobes may be preempted between the test
 * and the store. http_release() it. */
static __always_inline struct http_work *http_claim(void) {
        for (__u32 slot = 0; slot < HTTP_SLOTS; slot++) {
                __u32 index = slot;
                struct http_work *w = bpf_map_lookup_elem(&http_works, &index);

                if (w && __sync_lock_test_and_set(&w->in_use, 1) == 0) {
                        w->slot = slot;
                        w->now_ns = 0;
                        w->continued = 0;
                        return w;
                }
        }

        return NULL;
}

static __always_inline void http_release(struct http_work *w) {
        barrier();
        *(volatile __u32 *) &w->in_use = 0; /* only programs of this CPU look */
}

/* Bytes of @c that the caller could not show: a start line that seems to be within a body is one. */
static __always_inline void http_missed(struct http_connection *c, __u32 direction) {
        c->doubt[direction & 1] = HTTP_DOUBT_MISSED;
}

/* Whether the bytes of @c are still of interest; cheap, ask before claiming scratch memory. */
static __always_inline _Bool http_wanted(const struct http_connection *c) {
        return c->kind <= HTTP_KIND_HTTP;
}
