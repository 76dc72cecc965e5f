/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What the hooks on sockets have in common: whose connection it is, and its bytes on their way to the
 * parser. A program defines HTTP_HOOK, one of CPROF_HTTP_HOOK_…, before the include. */

#include "cprof-http-hook.h"
#include "http-kernel.bpf.h"
#include "pid.bpf.h"

#include "http-parser.bpf.h"

struct cprof_http_marks http_marks = {};

/* A connection and the watch that it belongs to. */
struct http_socket {
        struct http_connection connection;
        __u64 epoch;      /* of http_marks when that was looked up */
        __u64 inode;      /* of the socket, in http-table.bpf.h only */
        __u32 generation; /* of the process; 0: not measured by this hook (any more) */
        __u32 _pad;
};

/* Of a measured process, not yet seen by the daemon; see http-fork.bpf.h. */
struct http_child {
        __u32 parent, _pad;
        __u64 until_ns; /* believed until then */
};

/* pid -> child */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 1024);
        __type(key, __u32);
        __type(value, struct http_child);
} http_children SEC(".maps");

static __always_inline _Bool http_is_marked(__u32 pid) {
        __u32 word = pid / 64 % (CPROF_HTTP_MARKS / 64);
        __u64 bits = http_marks.bits[word] | http_marks.children[0][word] | http_marks.children[1][word];

        return bits >> (pid % 64) & 1;
}

/* Whose requests those of @pid are: its own, or its parent's. */
static __always_inline __u32 http_owner_of(__u32 pid) {
        struct http_child *c;

        if (bpf_map_lookup_elem(&http_processes, &pid))
                return pid;

        c = bpf_map_lookup_elem(&http_children, &pid);
        return c && bpf_ktime_get_ns() < c->until_ns ? c->parent : pid;
}

/* 0: the process is not measured by this hook */
static __always_inline __u32 http_generation_of(__u32 pid) {
        struct cprof_http_process *p = bpf_map_lookup_elem(&http_processes, &pid);

        return p && p->hook == HTTP_HOOK ? p->generation : 0;
}

static __always_inline void
http_socket_begin(struct http_socket *s, __u64 key, __u32 pid, __u32 generation) {
        __builtin_memset(&s->connection, 0, sizeof(s->connection));
        s->connection.key = key;
        s->connection.pid = pid;
        s->generation = generation;
}

/* The daemon has seen a child: its connections, up to now its parent's, have the same rules. */
static __always_inline _Bool http_socket_is_inherited(const struct http_socket *s, __u32 pid) {
        struct cprof_http_process *before, *after;
        __u32 parent = s->connection.pid;
        struct http_child *c;

        if (s->generation == 0 || parent == pid)
                return 0;

        c = bpf_map_lookup_elem(&http_children, &pid);
        if (!c || c->parent != parent)
                return 0;

        before = bpf_map_lookup_elem(&http_processes, &parent);
        after = bpf_map_lookup_elem(&http_processes, &pid);
        return before && after && before->generation == s->generation && before->rules == after->rules;
}

/* What a connection remembers of rules is of the watch under which it was seen: under another one it begins
 * anew, as if the process had been found just now. @pid is who has it now; it stays with the process that it
 * was found in as long as that is measured. */
static __always_inline _Bool http_socket_is_measured(struct http_socket *s, __u64 key, __u32 pid) {
        __u64 epoch = *(volatile __u64 *) &http_marks.epoch;

        if (s->epoch == epoch)
                return s->generation != 0;

        pid = http_owner_of(pid);
        if (http_socket_is_inherited(s, pid)) {
                s->connection.pid = pid;
                s->generation = http_generation_of(pid);
        } else if (s->generation == 0 || http_generation_of(s->connection.pid) != s->generation)
                http_socket_begin(s, key, pid, http_generation_of(pid));
        s->epoch = epoch;
        return s->generation != 0;
}

/* Scratch memory for what moved in that direction; NULL is counted. */
static __always_inline struct http_work *
http_work_begin(struct http_connection *c, __u32 direction, __u64 bytes) {
        struct http_work *w = http_claim();

        if (!w) {
                (void) http_count(c->pid, CPROF_HTTP_LOSS_BUSY, 1);
                http_missed(c, direction);
                return NULL;
        }

        w->direction = direction;
        w->length = bytes;
        return w;
}

static __always_inline void http_socket_end(struct http_socket *s) {
        struct http_work *w;

        if (s->generation == 0)
                return;

        w = http_work_begin(&s->connection, HTTP_OUT, 0);
        if (!w)
                return;

        (void) http_end(&s->connection, w);
        http_release(w);
}
