/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What oracle.bpf.c hands to test-unwind.c with each sample. */

#include "cprof-abi.h"

#define ORACLE_PAGE 4096U
#define ORACLE_STACK_MAX (24U * ORACLE_PAGE)
#define ORACLE_RED_ZONE 128U /* below the stack pointer: in use, too */
#define ORACLE_REGISTERS 17  /* of DWARF: general ones and the return address */

#define ORACLE_TIMES 1024U /* the last ones are kept */

struct oracle_record {
        __u32 pid, tid;
        __u32 n, end; /* of our own unwinding */
        __u32 in_kernel;
        __u32 n_copied; /* bytes of the stack, from the stack pointer on */
        __u64 registers[ORACLE_REGISTERS];
        __u64 frames[CPROF_STACK_MAX];
        __u8 red_zone[ORACLE_RED_ZONE];
        __u8 stack[ORACLE_STACK_MAX]; /* right above */
};
