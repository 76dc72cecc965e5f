/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP of watched processes, seen in the packets of their control group: whatever calls move the bytes, and
 * nothing for all other groups. Attached to a group while a process in it is measured this way;
 * src/probe/probe-http-cgroup.c. Packets have no process: it is told by the port that it listens on. */
#include "http-kernel.bpf.h"

#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#define HTTP_HOOK CPROF_HTTP_HOOK_CGROUP
#define HTTP_CONTEXT struct __sk_buff *skb,
#define HTTP_CONTEXT_PASS skb,
#define HTTP_READ(w, to, n, at) bpf_skb_load_bytes(skb, (__u32) ((w)->address + (at)), to, n)
#include "http-hook.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TCP_FIN 1U
#define TCP_RST 4U
#define PASS 1

/* A connection, and how far its streams of bytes were seen. */
struct packet_socket {
        struct http_socket socket;
        __u64 next[2]; /* sequence number and SEQUENCE_KNOWN, by direction; 0: none yet */
};
#define SEQUENCE_KNOWN (1ULL << 32)

struct {
        __uint(type, BPF_MAP_TYPE_SK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct packet_socket);
} sockets SEC(".maps");

/* Which of the daemon's groups the packet was caught for: its number, of each attachment; 0: not yet set. */
struct {
        __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
        __type(key, __u64); /* id of the group */
        __type(value, __u64);
} groups SEC(".maps");

/* Who listens there; written by the daemon. */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, CPROF_HTTP_PORTS_MAX);
        __type(key, struct cprof_http_port);
        __type(value, __u32);
} ports SEC(".maps");

/* The other end of a connection, and the port of ours; as in the packet. */
struct peer {
        __u32 address[4]; /* of IPv4: the first */
        __u16 port, our_port;
};

/* What came before its connection was there: with TCP_DEFER_ACCEPT, or in the packet that completes the
 * handshake, the first bytes are the listening socket's. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 1024);
        __type(key, struct peer);
        __type(value, struct packet_socket);
} early SEC(".maps");

static struct packet_socket nothing = {}; /* too large for the stack */

/* A packet's TCP payload and what its header says. */
struct segment {
        struct peer peer;
        __u32 at, length, sequence;
        __u8 flags;
};

static __always_inline int
find_tcp(struct __sk_buff *skb, __u32 direction, struct peer *ret_peer, __u32 *ret_at) {
        struct ipv6hdr ip6;
        struct iphdr ip;

        if (skb->protocol == bpf_htons(ETH_P_IP)) {
                if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) < 0 || ip.protocol != IPPROTO_TCP)
                        return -1;
                ret_peer->address[0] = direction == HTTP_IN ? ip.saddr : ip.daddr;
                *ret_at = ip.ihl * 4U;
                return 0;
        }
        if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
                if (bpf_skb_load_bytes(skb, 0, &ip6, sizeof(ip6)) < 0 || ip6.nexthdr != IPPROTO_TCP)
                        return -1;
                __builtin_memcpy(
                                ret_peer->address,
                                direction == HTTP_IN ? &ip6.saddr : &ip6.daddr,
                                sizeof(ret_peer->address));
                *ret_at = sizeof(ip6);
                return 0;
        }

        return -1;
}

static __always_inline int find_segment(struct __sk_buff *skb, __u32 direction, struct segment *ret) {
        struct tcphdr tcp;
        __u32 at;

        if (find_tcp(skb, direction, &ret->peer, &at) < 0 ||
            bpf_skb_load_bytes(skb, at, &tcp, sizeof(tcp)) < 0)
                return -1;

        ret->peer.port = direction == HTTP_IN ? tcp.source : tcp.dest;
        ret->peer.our_port = direction == HTTP_IN ? tcp.dest : tcp.source;
        ret->at = at + tcp.doff * 4U;
        ret->length = skb->len > ret->at ? skb->len - ret->at : 0;
        ret->sequence = bpf_ntohl(tcp.seq);
        ret->flags = (tcp.fin ? TCP_FIN : 0) | (tcp.rst ? TCP_RST : 0);
        return 0;
}

/* The process that accepted this connection. 0: none that is measured. */
static __always_inline __u32 find_owner(struct bpf_sock *sk) {
        __u64 *group = bpf_get_local_storage(&groups, 0);
        struct cprof_http_port port = { .group = *group, .port = sk->src_port };
        __u32 *pid;

        pid = bpf_map_lookup_elem(&ports, &port);
        return pid ? *pid : 0;
}

/* For a packet of a connection that is not there yet. */
static __always_inline struct packet_socket *find_early(struct bpf_sock *listener, const struct segment *g) {
        struct packet_socket *s = bpf_map_lookup_elem(&early, &g->peer);
        __u64 key = (__u64) g->sequence << 32 | (__u32) g->peer.port << 16 | g->peer.our_port;
        __u32 pid;

        pid = find_owner(listener);
        if (!pid || g->length == 0)
                return NULL;

        if (!s) {
                (void) bpf_map_update_elem(&early, &g->peer, &nothing, BPF_NOEXIST);
                s = bpf_map_lookup_elem(&early, &g->peer);
                if (!s) {
                        (void) http_count(pid, CPROF_HTTP_LOSS_CONNECTION_FULL, 1);
                        return NULL;
                }
        }

        return http_socket_is_measured(&s->socket, key & ~1ULL, pid) ? s : NULL;
}

static __always_inline void take_early(struct packet_socket *s, const struct segment *g) {
        struct packet_socket *e = bpf_map_lookup_elem(&early, &g->peer);

        if (!e)
                return;

        __builtin_memcpy(s, e, sizeof(*s));
        (void) bpf_map_delete_elem(&early, &g->peer);
}

static __always_inline struct packet_socket *
find_socket(struct __sk_buff *skb, struct bpf_sock *sk, const struct segment *g) {
        struct packet_socket *s = bpf_sk_storage_get(&sockets, sk, 0, 0);
        __u32 pid;

        if (s && s->socket.epoch == http_marks.epoch)
                return s->socket.generation ? s : NULL;

        if (!s && g->length == 0)
                return NULL;

        pid = find_owner(sk);
        if (!s) {
                if (!pid)
                        return NULL;

                s = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
                if (!s) {
                        (void) http_count(pid, CPROF_HTTP_LOSS_CONNECTION_FULL, 1);
                        return NULL;
                }
                take_early(s, g);
        }

        return http_socket_is_measured(&s->socket, bpf_get_socket_cookie(skb) * 2, pid) ? s : NULL;
}

/* What was seen already is left out; what was not is told to the parser. false: nothing is left. A packet
 * and its retransmission may be here at once, on two CPUs: it is for the one who moves the position. */
static __always_inline _Bool
follow(struct packet_socket *s, struct http_work *w, struct segment *g, __u32 direction) {
        __u64 *next = &s->next[direction & 1], before = *(volatile __u64 *) next,
              after = SEQUENCE_KNOWN | (__u32) (g->sequence + g->length);
        __s32 ahead = before ? (__s32) (g->sequence - (__u32) before) : 0;
        __u32 seen = ahead < 0 ? -(__u32) ahead : 0;

        if (seen >= g->length || __sync_val_compare_and_swap(next, before, after) != before)
                return 0;

        if (ahead > 0)
                (void) http_skip(&s->socket.connection, w, ahead);

        w->address = g->at + seen;
        w->length = g->length - seen;
        return 1;
}

static __always_inline int see_packet(struct __sk_buff *skb, __u32 direction) {
        struct bpf_sock *sk = skb->sk;
        struct packet_socket *s;
        struct segment g = {};
        struct http_work *w;
        _Bool ends;

        if (!sk)
                return PASS;

        sk = bpf_sk_fullsock(sk);
        if (!sk || sk->protocol != IPPROTO_TCP || find_segment(skb, direction, &g) < 0)
                return PASS;

        /* our end finishes, or either breaks it off */
        ends = (g.flags & TCP_RST) || (direction == HTTP_OUT && (g.flags & TCP_FIN));
        if (g.length == 0 && !ends)
                return PASS;

        s = sk->state == BPF_TCP_LISTEN ? find_early(sk, &g) : find_socket(skb, sk, &g);
        if (!s || !http_wanted(&s->socket.connection))
                return PASS;

        w = http_work_begin(&s->socket.connection, direction, g.length);
        if (!w)
                return PASS;

        if (g.length > 0 && follow(s, w, &g, direction))
                (void) http_feed(skb, &s->socket.connection, w);
        if (ends)
                (void) http_end(&s->socket.connection, w);

        http_release(w);
        return PASS;
}

SEC("cgroup_skb/ingress")
int http_packet_in(struct __sk_buff *skb) {
        return see_packet(skb, HTTP_IN);
}

SEC("cgroup_skb/egress")
int http_packet_out(struct __sk_buff *skb) {
        return see_packet(skb, HTTP_OUT);
}
