/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Connections by the address of their socket, for programs that do not get the socket itself: its storage is
 * for those that do. A socket of AF_UNIX has no end that programs see, so what is found is told by the
 * inode, too, and the least recently used goes when there is no place: one that waits loses nothing by that.
 */

#include "http-pieces.bpf.h"

#define HTTP_TABLE_SIZE 8192U

struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, HTTP_TABLE_SIZE);
        __type(key, __u64);
        __type(value, struct http_socket);
} table SEC(".maps");

static struct http_socket table_nothing = {}; /* too large for the stack */

/* NULL: not measured. */
static __always_inline struct http_socket *http_table_find(__u64 sk, __u64 inode, __u32 pid) {
        struct http_socket *s = bpf_map_lookup_elem(&table, &sk);

        if (!s) {
                if (!http_generation_of(http_owner_of(pid)))
                        return NULL;

                (void) bpf_map_update_elem(&table, &sk, &table_nothing, BPF_NOEXIST);
                s = bpf_map_lookup_elem(&table, &sk);
                if (!s) {
                        (void) http_count(pid, CPROF_HTTP_LOSS_CONNECTION_FULL, 1);
                        return NULL;
                }
        }

        if (s->inode != inode) {
                s->inode = inode;
                s->generation = 0;
                s->epoch = 0;
        }

        return http_socket_is_measured(s, sk, pid) ? s : NULL;
}

static __always_inline void http_table_end(__u64 sk) {
        struct http_socket *s = bpf_map_lookup_elem(&table, &sk);

        if (!s)
                return;

        http_socket_end(s);
        (void) bpf_map_delete_elem(&table, &sk);
}
