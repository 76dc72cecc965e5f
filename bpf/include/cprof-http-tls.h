/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What the program of TLS libraries and src/probe/probe-http-tls.c share. */

#include <linux/types.h>

/* Which function a probe is on, in the probe's cookie. */
enum cprof_tls_role {
        CPROF_TLS_READ,      /* (session, buffer, length) -> int: bytes */
        CPROF_TLS_READ_EX,   /* (session, buffer, length, &bytes) -> int: 1 */
        CPROF_TLS_WRITE,     /* as READ */
        CPROF_TLS_WRITE_EX,  /* as READ_EX */
        CPROF_TLS_WRITE_EX2, /* (session, buffer, length, flags, &bytes) -> int: 1 */
        CPROF_TLS_SENDFILE,  /* (session, ...) -> long: bytes */
        CPROF_TLS_READ_LONG, /* (session, buffer, length) -> long: bytes */
        CPROF_TLS_WRITE_LONG,
        CPROF_TLS_END,      /* (session) */
        CPROF_TLS_GO_READ,  /* Go's registers: (session, buffer, length, capacity) -> long: bytes, error */
        CPROF_TLS_GO_WRITE, /* ditto */
        CPROF_TLS_GO_END,   /* ditto: (session) */
};

/* Attachments have a serial number each, which no two living ones share. With it in the upper bits, an
 * address of a process's memory is one of the whole machine, and of that program of the process alone. */
#define CPROF_TLS_SERIAL_SHIFT 48
#define CPROF_TLS_SERIAL_MAX 0xfff0U /* above are addresses of the kernel, keys of the other hooks */
#define CPROF_TLS_ADDRESS_MASK ((1ULL << CPROF_TLS_SERIAL_SHIFT) - 1)

/* A probe's cookie: pid as the daemon knows it, serial, role. */
#define CPROF_TLS_COOKIE(pid, serial, role) ((__u64) (pid) << 32 | (__u64) (serial) << 16 | (__u64) (role))
#define CPROF_TLS_COOKIE_PID(c) ((__u32) ((c) >> 32))
#define CPROF_TLS_COOKIE_SERIAL(c) ((c) >> 16 & 0xffff)
#define CPROF_TLS_COOKIE_ROLE(c) ((c) &0xffff)
