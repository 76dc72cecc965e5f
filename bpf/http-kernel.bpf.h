/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* The kernel's types as far as the HTTP hooks touch them; see kernel.bpf.h. */

#include "kernel.bpf.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SEND_SHUTDOWN 2 /* include/net/sock.h */
#define MSG_OOB 1
#define MSG_PEEK 2
#define MSG_TRUNC 0x20 /* of TCP: bytes are thrown away */
#define MSG_ERRQUEUE 0x2000
#define MSG_NOT_READ (MSG_OOB | MSG_PEEK | MSG_ERRQUEUE) /* the stream goes on where it was */
#define PF_IO_WORKER 0x10
#define S_IFMT 0170000
#define S_IFSOCK 0140000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock_common {
        unsigned short skc_family;
};

struct inode {
        unsigned short i_mode;
        unsigned long i_ino;
};

struct file {
        struct inode *f_inode;
        void *private_data;
};

struct socket {
        struct file *file;
        struct sock *sk;
};

struct sock {
        struct sock_common __sk_common;
        __u16 sk_type;
        __u8 sk_shutdown;
        struct socket *sk_socket;
};

struct unix_sock {
        struct sock *peer;
};

struct fdtable {
        unsigned int max_fds;
        struct file **fd;
};

struct files_struct {
        struct fdtable *fdt;
};

struct task_struct___http {
        struct files_struct *files;
        void *io_uring;
};

struct trace_event_raw_sys_exit {
        long ret;
};

struct io_uring_cqe___http {
        int res;
        __u32 flags;
};

struct io_kiocb {
        struct file *file;
        __u8 opcode;
};

struct io_sr_msg {
        void *buf;
};

struct io_rw {
        __u64 addr;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs___http {
        unsigned long di, si, dx, r10, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs___http {
        __u64 regs[31];
        __u64 orig_x0;
        int syscallno;
};
#endif

#pragma clang attribute pop
