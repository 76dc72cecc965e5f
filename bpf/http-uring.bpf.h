/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Bytes that io_uring moved: when its request is complete its buffer is known. Requests that complete more
 * than once are not there any more, and those with vectors have copies that nobody finds: these are counted.
 * The tracepoint's arguments differ by kernel; src/probe/probe-http-uring.c loads the program that fits. */

#include "http-table.bpf.h"

/* include/uapi/linux/io_uring.h */
enum {
        URING_READV = 1,
        URING_WRITEV = 2,
        URING_SENDMSG = 9,
        URING_RECVMSG = 10,
        URING_READ = 22,
        URING_WRITE = 23,
        URING_SEND = 26,
        URING_RECV = 27,
        URING_SEND_ZC = 47,
        URING_SENDMSG_ZC = 48,
};
#define URING_HAS_BUFFER 1U /* IORING_CQE_F_BUFFER */

/* Whether one of these programs shows what io_uring moves. */
const volatile _Bool uring_is_seen = 0;

/* How a request moves bytes. */
struct uring_move {
        __u64 base; /* 0: not known */
        __u32 direction;
        _Bool moves;
};

static __always_inline void uring_look(const void *request, struct uring_move *ret) {
        __u8 opcode = BPF_CORE_READ((const struct io_kiocb *) request, opcode);

        ret->base = 0;
        ret->moves = 1;
        ret->direction = opcode == URING_READV || opcode == URING_RECVMSG || opcode == URING_READ ||
                                        opcode == URING_RECV
                        ? HTTP_IN
                        : HTTP_OUT;

        if (opcode == URING_SEND || opcode == URING_RECV || opcode == URING_SEND_ZC)
                ret->base = (__u64) BPF_CORE_READ((const struct io_sr_msg *) request, buf);
        else if (opcode == URING_READ || opcode == URING_WRITE)
                ret->base = BPF_CORE_READ((const struct io_rw *) request, addr);
        else
                ret->moves = opcode == URING_READV || opcode == URING_WRITEV || opcode == URING_SENDMSG ||
                                opcode == URING_RECVMSG || opcode == URING_SENDMSG_ZC;
}

static __always_inline void uring_completed(const void *request, int bytes, __u32 flags) {
        __u32 pid = current_pid();
        struct uring_move m;
        struct http_socket *s;
        struct http_work *w;
        __u64 inode = 0;
        struct sock *sk;

        if (bytes <= 0 || !http_is_marked(pid))
                return;

        if (!request) {
                /* with a buffer of the kernel's choice: one of many receives */
                if (flags & URING_HAS_BUFFER)
                        (void) http_count(pid, CPROF_HTTP_LOSS_IO_URING, 1);
                return;
        }

        uring_look(request, &m);
        if (!m.moves)
                return;

        sk = http_socket_of_file(BPF_CORE_READ((const struct io_kiocb *) request, file), &inode);
        s = sk ? http_table_find((__u64) sk, inode, pid) : NULL;
        if (!s || !http_wanted(&s->connection))
                return;

        w = http_work_begin(&s->connection, m.direction, bytes);
        if (!w)
                return;

        if (m.base) {
                w->address = m.base;
                (void) http_feed(&s->connection, w);
        } else {
                (void) http_count(pid, CPROF_HTTP_LOSS_IO_URING, 1);
                (void) http_skip(&s->connection, w, bytes);
        }

        http_release(w);
}

SEC("?tp_btf/io_uring_complete")
int BPF_PROG(http_uring, void *ring, void *request, struct io_uring_cqe___http *cqe) {
        uring_completed(request, BPF_CORE_READ(cqe, res), BPF_CORE_READ(cqe, flags));
        return 0;
}

/* up to Linux 6.10 */
SEC("?tp_btf/io_uring_complete")
int BPF_PROG(http_uring_6_1, void *ring, void *request, __u64 user_data, int res, unsigned int flags) {
        uring_completed(request, res, flags);
        return 0;
}

/* up to Linux 5.18: nothing tells of what kind a request was */
SEC("?tp_btf/io_uring_complete")
int BPF_PROG(http_uring_5_15, void *ring, __u64 user_data, int res, unsigned int flags) {
        __u32 pid = current_pid();

        if (http_is_marked(pid) && http_generation_of(pid))
                (void) http_count(pid, CPROF_HTTP_LOSS_IO_URING, 1);
        return 0;
}
