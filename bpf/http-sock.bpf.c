/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP of watched processes, seen where their sockets are read and written (Linux 6.3). Attached while there
 * is a process that is measured this way; src/probe/probe-http-socket.c. Other processes pay for the test of
 * a bit. */
#include "kernel.bpf.h"

#define HTTP_HOOK CPROF_HTTP_HOOK_SOCKET
#include "http-fork.bpf.h"
#include "http-uring.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The connection goes with its socket. */
struct {
        __uint(type, BPF_MAP_TYPE_SK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct http_socket);
} sockets SEC(".maps");

static __always_inline _Bool is_stream(const struct sock *sk) {
        __u16 family = sk->__sk_common.skc_family;

        return sk->sk_type == SOCK_STREAM && (family == AF_INET || family == AF_INET6 || family == AF_UNIX);
}

static __always_inline struct http_socket *find_in_storage(struct sock *sk, __u32 pid) {
        struct http_socket *s = bpf_sk_storage_get(&sockets, sk, 0, 0);

        if (!s) {
                if (!http_generation_of(http_owner_of(pid)))
                        return NULL;

                s = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
                if (!s) {
                        (void) http_count(pid, CPROF_HTTP_LOSS_CONNECTION_FULL, 1);
                        return NULL;
                }
        }

        return http_socket_is_measured(s, (__u64) sk, pid) ? s : NULL;
}

/* Work of io_uring is done in any system call of the task, and by threads that make none. Those of its
 * sockets that it reads and writes by calls are in the table with the others. */
static __always_inline _Bool uses_uring(void) {
        struct task_struct___http *task = (struct task_struct___http *) bpf_get_current_task_btf();

        if (((struct task_struct *) task)->flags & PF_IO_WORKER)
                return 1;

        return bpf_core_field_exists(task->io_uring) && task->io_uring;
}

static __always_inline _Bool is_of_call(const struct sock *sk, const struct pt_regs___http *regs) {
        __u64 inode;

        return HTTP_ARG_NUMBER(regs) != HTTP_CALL_IO_URING_ENTER &&
                        http_socket_of(HTTP_ARG_1(regs), &inode) == sk;
}

static __always_inline void
feed(struct http_connection *c, __u32 direction, int bytes, const struct pt_regs___http *regs) {
        struct http_work *w;

        if (!http_wanted(c))
                return;

        w = http_work_begin(c, direction, bytes);
        if (!w)
                return;

        http_feed_call(c, w, regs);
        http_release(w);
}

static __always_inline void move_bytes_of_uring(struct sock *sk, __u32 pid, int bytes, __u32 direction) {
        const struct pt_regs___http *regs = http_registers();
        __u64 inode = BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
        struct http_socket *s;
        struct http_work *w;
        _Bool is_call;

        is_call = is_of_call(sk, regs);
        if (!is_call && uring_is_seen)
                return; /* it will be complete soon */

        s = http_table_find((__u64) sk, inode, pid);
        if (!s)
                return;

        if (is_call) {
                feed(&s->connection, direction, bytes, regs);
                return;
        }

        (void) http_count(pid, CPROF_HTTP_LOSS_IO_URING, 1);
        w = http_work_begin(&s->connection, direction, bytes);
        if (!w)
                return;

        (void) http_skip(&s->connection, w, bytes);
        http_release(w);
}

static __always_inline void move_bytes(struct sock *sk, int bytes, __u32 direction) {
        struct http_socket *s;
        __u32 pid;

        if (bytes <= 0)
                return;

        pid = current_pid();
        if (!http_is_marked(pid) || !is_stream(sk))
                return;

        if (uses_uring()) {
                move_bytes_of_uring(sk, pid, bytes, direction);
                return;
        }

        s = find_in_storage(sk, pid);
        if (s)
                feed(&s->connection, direction, bytes, http_registers());
}

/* A socket of AF_UNIX has no tracepoint at its end. An answer that ends with it is over when the other end,
 * whose process need not be watched, has read all. */
static __always_inline void end_peer(struct sock *sk) {
        struct unix_sock *u = bpf_skc_to_unix_sock(sk);
        struct http_socket *s;
        struct sock *peer;

        if (!u)
                return;

        peer = u->peer;
        if (!peer || !(peer->sk_shutdown & SEND_SHUTDOWN))
                return;

        s = bpf_sk_storage_get(&sockets, peer, 0, 0);
        if (!s)
                return;

        http_socket_end(s);
        (void) bpf_sk_storage_delete(&sockets, peer);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(http_received, struct sock *sk, int bytes, int flags) {
        if (bytes == 0 && sk->__sk_common.skc_family == AF_UNIX && sk->sk_type == SOCK_STREAM)
                end_peer(sk);
        else if (!(flags & MSG_NOT_READ))
                move_bytes(sk, bytes, HTTP_IN);

        return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(http_sent, struct sock *sk, int bytes, int flags) {
        move_bytes(sk, bytes, HTTP_OUT);
        return 0;
}

/* Not the change of state: a reset by the peer closes a socket within the very send that is reported after
 * it. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(http_destroyed, struct sock *sk) {
        struct http_socket *s = bpf_sk_storage_get(&sockets, sk, 0, 0);

        if (s)
                http_socket_end(s);
        if (uring_is_seen)
                http_table_end((__u64) sk);

        return 0;
}
