/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Which memory the running system call reads or writes: its arguments stay where the kernel was entered
 * until it is left, so nobody has to remember them at its beginning. */

#include "http-kernel.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define HTTP_ARG_NUMBER(r) ((r)->orig_ax)
#define HTTP_ARG_1(r) ((r)->di)
#define HTTP_ARG_2(r) ((r)->si)
#define HTTP_ARG_3(r) ((r)->dx)
#define HTTP_ARG_4(r) ((r)->r10)

/* arch/x86/entry/syscalls/syscall_64.tbl. Those of 32-bit programs with these numbers are no calls on
 * sockets; what these do is bytes without an address. */
enum http_call_number {
        HTTP_CALL_READ = 0,
        HTTP_CALL_WRITE = 1,
        HTTP_CALL_READV = 19,
        HTTP_CALL_WRITEV = 20,
        HTTP_CALL_SENDFILE = 40,
        HTTP_CALL_SENDTO = 44,
        HTTP_CALL_RECVFROM = 45,
        HTTP_CALL_SENDMSG = 46,
        HTTP_CALL_RECVMSG = 47,
        HTTP_CALL_PREADV2 = 327,
        HTTP_CALL_PWRITEV2 = 328,
        HTTP_CALL_IO_URING_ENTER = 426,
};
#elif defined(__TARGET_ARCH_arm64)
#define HTTP_ARG_NUMBER(r) ((r)->syscallno)
#define HTTP_ARG_1(r) ((r)->orig_x0) /* x0 has the result at the exit */
#define HTTP_ARG_2(r) ((r)->regs[1])
#define HTTP_ARG_3(r) ((r)->regs[2])
#define HTTP_ARG_4(r) ((r)->regs[3])

/* include/uapi/asm-generic/unistd.h */
enum http_call_number {
        HTTP_CALL_READ = 63,
        HTTP_CALL_WRITE = 64,
        HTTP_CALL_READV = 65,
        HTTP_CALL_WRITEV = 66,
        HTTP_CALL_SENDFILE = 71,
        HTTP_CALL_SENDTO = 206,
        HTTP_CALL_RECVFROM = 207,
        HTTP_CALL_SENDMSG = 211,
        HTTP_CALL_RECVMSG = 212,
        HTTP_CALL_PREADV2 = 286,
        HTTP_CALL_PWRITEV2 = 287,
        HTTP_CALL_IO_URING_ENTER = 426,
};
#endif

struct http_vector {
        __u64 base, length;
};

/* struct user_msghdr */
struct http_message {
        __u64 name;
        __u32 name_length, _pad;
        __u64 vectors, n_vectors;
        __u64 control, control_length;
        __u32 flags, _pad2;
};

#define HTTP_VECTORS_MAX 64U /* of one call that are looked at */

enum http_call_form {
        HTTP_CALL_BYTES,   /* memory: base */
        HTTP_CALL_VECTORS, /* memory: n vectors at base */
        HTTP_CALL_UNKNOWN, /* bytes move, but from or to a file, a pipe, another call's memory */
        HTTP_CALL_FAULT,   /* memory that is not there */
};

struct http_call {
        __u64 base, n;
};

static __always_inline struct pt_regs___http *http_registers(void) {
        return (struct pt_regs___http *) bpf_task_pt_regs(bpf_get_current_task_btf());
}

/* Flags of a call that receives; 0 of others. */
static __always_inline __u32 http_call_flags(const struct pt_regs___http *regs) {
        __u64 third = HTTP_ARG_3(regs), fourth = HTTP_ARG_4(regs);

        asm volatile("" : "+r"(third), "+r"(fourth));
        if (HTTP_ARG_NUMBER(regs) == HTTP_CALL_RECVFROM)
                return fourth;
        return HTTP_ARG_NUMBER(regs) == HTTP_CALL_RECVMSG ? third : 0;
}

static __always_inline enum http_call_form
http_call_look(const struct pt_regs___http *regs, struct http_call *ret) {
        __u64 third = HTTP_ARG_3(regs);
        struct http_message m;

        /* kept apart from the other ways to a number of vectors: the verifier wants one instruction to read
         * by one kind of pointer */
        asm volatile("" : "+r"(third));

        ret->base = HTTP_ARG_2(regs);
        ret->n = 0;

        if (http_call_flags(regs) & MSG_TRUNC)
                return HTTP_CALL_UNKNOWN;

        switch (HTTP_ARG_NUMBER(regs)) {
        case HTTP_CALL_READ:
        case HTTP_CALL_WRITE:
        case HTTP_CALL_RECVFROM:
        case HTTP_CALL_SENDTO:
                return HTTP_CALL_BYTES;

        case HTTP_CALL_READV:
        case HTTP_CALL_WRITEV:
        case HTTP_CALL_PREADV2:
        case HTTP_CALL_PWRITEV2:
                ret->n = third;
                return HTTP_CALL_VECTORS;

        case HTTP_CALL_RECVMSG:
        case HTTP_CALL_SENDMSG:
                if (bpf_probe_read_user(&m, sizeof(m), (void *) ret->base) < 0)
                        return HTTP_CALL_FAULT;
                ret->base = m.vectors;
                ret->n = m.n_vectors;
                return HTTP_CALL_VECTORS;

        default:
                return HTTP_CALL_UNKNOWN;
        }
}

static __always_inline _Bool http_is_stream(const struct sock *sk) {
        __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

        return BPF_CORE_READ(sk, sk_type) == SOCK_STREAM &&
                        (family == AF_INET || family == AF_INET6 || family == AF_UNIX);
}

/* The stream socket that is this file, and its inode; NULL: it is none. */
static __always_inline struct sock *http_socket_of_file(struct file *file, __u64 *ret_inode) {
        struct socket *socket;
        struct inode *inode;
        struct sock *sk;

        if (!file)
                return NULL;

        inode = BPF_CORE_READ(file, f_inode);
        if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
                return NULL;

        socket = BPF_CORE_READ(file, private_data);
        sk = BPF_CORE_READ(socket, sk);
        if (!sk || !http_is_stream(sk))
                return NULL;

        *ret_inode = BPF_CORE_READ(inode, i_ino);
        return sk;
}

/* That of a descriptor of the current process. */
static __always_inline struct sock *http_socket_of(__u32 fd, __u64 *ret_inode) {
        struct task_struct___http *task = (struct task_struct___http *) bpf_get_current_task_btf();
        struct fdtable *table = task->files->fdt;
        struct file *file = NULL;

        if (fd >= table->max_fds)
                return NULL;

        (void) bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd);
        return http_socket_of_file(file, ret_inode);
}
