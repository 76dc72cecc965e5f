/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP of watched processes, seen at the exits of the system calls that move bytes of sockets: where there
 * is nothing better, because tracing any call slows all calls of all processes a little. Attached while
 * there is a process that is measured this way; src/probe/probe-http-syscall.c. */
#include "kernel.bpf.h"

#define HTTP_HOOK CPROF_HTTP_HOOK_SYSCALL
#include "http-fork.bpf.h"
#include "http-uring.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Which way the call moves bytes. false: it does not, or leaves them where they are. */
static __always_inline _Bool moves_bytes(const struct pt_regs___http *regs, __u32 *ret_direction) {
        *ret_direction = HTTP_IN;

        switch (HTTP_ARG_NUMBER(regs)) {
        case HTTP_CALL_READ:
        case HTTP_CALL_READV:
        case HTTP_CALL_RECVFROM:
        case HTTP_CALL_RECVMSG:
                return !(http_call_flags(regs) & MSG_NOT_READ);
        case HTTP_CALL_WRITE:
        case HTTP_CALL_WRITEV:
        case HTTP_CALL_SENDTO:
        case HTTP_CALL_SENDMSG:
        case HTTP_CALL_SENDFILE:
                *ret_direction = HTTP_OUT;
                return 1;
        default:
                return 0; /* of a 32-bit program */
        }
}

static __always_inline void call_left(__u32 pid, long bytes) {
        const struct pt_regs___http *regs;
        struct http_socket *s;
        struct http_work *w;
        __u32 direction;
        __u64 inode = 0;
        struct sock *sk;

        if (bytes <= 0)
                return;

        regs = http_registers();
        if (!moves_bytes(regs, &direction))
                return;

        sk = http_socket_of(HTTP_ARG_1(regs), &inode);
        s = sk ? http_table_find((__u64) sk, inode, pid) : NULL;
        if (!s || !http_wanted(&s->connection))
                return;

        w = http_work_begin(&s->connection, direction, bytes);
        if (!w)
                return;

        http_feed_call(&s->connection, w, regs);
        http_release(w);
}

/* One program for the exits of all these calls. */
SEC("tp")
int http_call_left(struct trace_event_raw_sys_exit *ctx) {
        __u32 pid = current_pid();

        if (http_is_marked(pid))
                call_left(pid, ctx->ret);
        return 0;
}

/* The same for the exit of any call, where nobody mounted what names them. */
SEC("tp_btf/sys_exit")
int BPF_PROG(http_any_call_left, struct pt_regs *regs, long result) {
        __u32 pid = current_pid();

        if (http_is_marked(pid))
                call_left(pid, result);
        return 0;
}

/* Sockets of AF_UNIX end unseen here: answers that end with one are not counted. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(http_socket_destroyed, struct sock *sk) {
        http_table_end((__u64) sk);
        return 0;
}
