/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Records that the BPF programs hand to src/probe/. Fixed width, explicit padding, sizes asserted. */

#include <linux/types.h>

#define CPROF_COMM_LEN 16
#define CPROF_STACK_MAX 127 /* frames per side: kernel.perf_event_max_stack's default */

/* One task (thread) of one pass of the task iterator. Kernel threads are left out. */
struct cprof_task {
        __u32 pid;       /* thread group, in the daemon's PID namespace */
        __u32 tid;       /* ditto; equal to pid for the leader */
        __u32 n_threads; /* alive in the group */
        __u32 exec_id;   /* counts execve(2) of this task: changes when the program does */
        __u64 cpu_ns;    /* run time of this thread */
        __u64 dead_ns; /* run time of the group's threads that are gone; the same in each thread of the group
                        */
        __u64 start_ns;   /* CLOCK_BOOTTIME of the group leader's start */
        __u64 cgroup_id;  /* on the unified hierarchy */
        __u64 cgroup_set; /* opaque: another one after a move within any hierarchy */
};
_Static_assert(sizeof(struct cprof_task) == 56, "ABI between kernel and user space");

/* How the walk up a user stack ended. The first two are complete stacks. */
enum cprof_unwind_end {
        CPROF_END_ROOT,          /* a function without a caller: _start, the start of a thread */
        CPROF_END_FRAME_POINTER, /* the chain of frame pointers ended in zero, in code without a table */
        CPROF_END_NO_MAPPING,    /* an address in no known mapping, and no frame pointer to follow */
        CPROF_END_NO_ROW,        /* a mapping with a table that does not cover the address */
        CPROF_END_UNSUPPORTED,   /* a rule that a row can't hold */
        CPROF_END_REGISTER,      /* a rule by a register that is known in the innermost frame only */
        CPROF_END_UNREADABLE,    /* stack memory that could not be read without a page fault */
        CPROF_END_BACKWARDS,     /* the caller's frame would lie below */
        CPROF_END_TRUNCATED,     /* more than CPROF_STACK_MAX frames */
        CPROF_END_HELPER, /* taken by the kernel's frame-pointer helper: nothing is known of its end */
        CPROF_END_NONE,   /* no user stack at all */
        CPROF_END_MAX,
};

/* What a record in the ring is. */
enum cprof_record_type {
        CPROF_RECORD_SAMPLE,        /* struct cprof_sample: a thread ran */
        CPROF_RECORD_BLOCKED_STACK, /* struct cprof_sample: a stack that blocked threads are counted under */
};

#define CPROF_SAMPLE_TASK 1     /* at the rate of tasks */
#define CPROF_SAMPLE_RECORDER 2 /* at the rate of the recorder; a sample may be both */

/* One stack: n_kernel, then n_user frames follow, innermost first, then n_python of struct
 * cprof_python_frame. */
struct cprof_sample {
        __u64 at_ns; /* CLOCK_MONOTONIC */
        __u64 hash;  /* CPROF_RECORD_BLOCKED_STACK: what struct cprof_offcpu_key names it by; else 0 */
        __u32 pid;   /* thread group, in the daemon's PID namespace */
        __u32 tid;
        char comm[CPROF_COMM_LEN]; /* thread name, NUL-padded */
        __u16 n_kernel;
        __u16 n_user;
        __u16 n_python;
        __u16 cpu;
        __u8 type;       /* enum cprof_record_type */
        __u8 flags;      /* CPROF_SAMPLE_*, of CPROF_RECORD_SAMPLE */
        __u8 end;        /* enum cprof_unwind_end */
        __u8 python_end; /* enum cprof_python_end */
        __u32 reserved;
        __u64 frames[];
};
_Static_assert(sizeof(struct cprof_sample) == 56, "ABI between kernel and user space");

#define CPROF_PYTHON_MAX 96

/* One frame of the CPython interpreter. */
struct cprof_python_frame {
        __u64 code;        /* address of the code object */
        __u32 instruction; /* bytes from the start of its byte code to the current instruction */
        __u32 is_entry;    /* the first one of a call of the evaluation loop: ends what belongs to one native
                              frame */
};
_Static_assert(sizeof(struct cprof_python_frame) == 16, "ABI between kernel and user space");

enum cprof_python_end {
        CPROF_PYTHON_NONE, /* no interpreter, or no thread of it */
        CPROF_PYTHON_COMPLETE,
        CPROF_PYTHON_UNREADABLE,
        CPROF_PYTHON_TRUNCATED,
};

/* Rules of struct cprof_unwind_row: where the canonical frame address (CFA) is, the stack pointer before the
 * call. The return address is in the word below it. DWARF numbers of x86-64 registers. */
enum cprof_unwind_rule {
        CPROF_RULE_NONE,      /* no description: frame pointers, if anything */
        CPROF_RULE_RSP,       /* rsp + cfa */
        CPROF_RULE_RBP,       /* rbp + cfa */
        CPROF_RULE_PLT,       /* rsp + 8, and 8 more from byte 11 of each 16 on */
        CPROF_RULE_SIGNAL,    /* registers from the struct ucontext above the return to the kernel */
        CPROF_RULE_DEREF_RBP, /* *(rbp + a) + b: cfa = a / 8 << 4 | b / 8 */
        CPROF_RULE_DEREF_RSP, /* *(rsp + a) + b, ditto */
        CPROF_RULE_END,       /* no caller */
        CPROF_RULE_UNSUPPORTED,
        CPROF_RULE_DEREF_INDEX, /* *(rsp + 8 * register + a) + 8: cfa = a / 8 << 4 | register; of use in the
                                   innermost frame only */
        CPROF_RULE_REGISTER = 16, /* 16 + register: that + cfa; of use in the innermost frame only */
};

#define CPROF_RBP_SAME 0
#define CPROF_RBP_AT_RBP (-128) /* at the address that rbp holds now (DRAP) */

/* How to find the caller of the code from @pc up to the next row; ascending, the last one ends the table. */
struct cprof_unwind_row {
        __u32 pc;  /* relative to the base address of the table */
        __s16 cfa; /* units of 8 bytes, but for CPROF_RULE_DEREF_* */
        __s8 rbp;  /* caller's rbp: CPROF_RBP_*, else at CFA + 8 * this */
        __u8 rule;
};
_Static_assert(sizeof(struct cprof_unwind_row) == 8, "ABI between kernel and user space");

/* One executable mapping of a process, ascending by address. */
struct cprof_unwind_mapping {
        __u64 start, end;
        __u64 base;               /* address of pc 0 of the table in this process */
        __u32 row_first, row_end; /* in the pool; equal: no table, frame pointers */
        /* Before the rows, up to row_first: per block of 1 << index_shift bytes of code the first row at or
         * after its start, counted from row_first, in the pc of an element; one more ends the last block. A
         * search among all rows of a large table costs a cache miss for each of its steps. */
        __u32 index_first;
        __u32 generation; /* of the set of mappings it belongs to: that of struct cprof_target */
        __u16 index_shift;
        __u16 rule; /* enum cprof_unwind_rule for code without a table: NONE, UNSUPPORTED where frame
                       pointers are a guess that leaves frames out, or RSP with @cfa */
        __s32 cfa;  /* of that rule, in bytes */
};
_Static_assert(sizeof(struct cprof_unwind_mapping) == 48, "ABI between kernel and user space");

/* Where one version of CPython keeps what is needed to walk its frames, in bytes from the start of each
 * object; made by src/symbol/python-offsets.c. */
struct cprof_python_offsets {
        __u32 version;                                             /* PY_VERSION_HEX >> 16: 0x030b */
        __u16 runtime_interpreters_head, runtime_gilstate_current; /* 0: no such member */
        __u16 interpreter_next, interpreter_threads_head;
        __u16 thread_next, thread_thread_id, thread_cframe,
                        thread_current_frame; /* one of the last two is 0 */
        __u16 cframe_current_frame;
        __u16 frame_code, frame_previous, frame_instruction, frame_entry, frame_owner;
        __u16 code_bytecode;
        __u8 entry_kind; /* enum cprof_python_entry */
        __u8 frame_size; /* bytes to read of a frame */
        __u16 reserved;
};

/* How a frame says that it is the first of a call of the evaluation loop. */
enum cprof_python_entry {
        CPROF_PYTHON_ENTRY_FLAG,  /* 3.11: is_entry */
        CPROF_PYTHON_ENTRY_OWNER, /* 3.12 and later: the frame before it is owned by the C stack */
};

/* What is done with a process. */
#define CPROF_USE_ON_CPU 1
#define CPROF_USE_RECORDER 2
#define CPROF_USE_OFF_CPU 4
#define CPROF_TARGET_INHERITED 0x80000000U /* from its parent by fork; the daemon did not list it (yet) */

struct cprof_target {
        __u32 uses;                       /* CPROF_USE_* */
        __u32 mapping_first, mapping_end; /* in the table of mappings; equal: not known yet */
        __u32 python;                     /* index of its interpreter + 1, 0 = none */
        __u64 python_runtime;             /* address of _PyRuntime in the process */
        /* Another one for each set of mappings that was ever made, so that what is known by it needs no
         * taking back; 0: nothing may be kept. */
        __u32 generation;
        __u32 reserved;
};
_Static_assert(sizeof(struct cprof_target) == 32, "ABI between kernel and user space");

enum cprof_offcpu_state {
        CPROF_OFFCPU_SLEEP, /* interruptible: S in ps */
        CPROF_OFFCPU_DISK,  /* uninterruptible: D in ps */
        CPROF_OFFCPU_OTHER, /* stopped, traced */
};

/* Blocked threads are counted under this. */
struct cprof_offcpu_key {
        __u64 hash; /* of the stack; 0 = no stack was taken (the rate was limited) */
        __u32 pid;
        __u32 state; /* enum cprof_offcpu_state */
        char comm[CPROF_COMM_LEN];
};
_Static_assert(sizeof(struct cprof_offcpu_key) == 32, "ABI between kernel and user space");

struct cprof_offcpu_value {
        __u64 n;      /* times */
        __u64 ns;     /* from switching out to running again */
        __u64 max_ns; /* the longest */
};

/* Indexes of the counters map. */
enum cprof_counter {
        CPROF_COUNTER_SAMPLES,
        CPROF_COUNTER_RING_FULL,
        CPROF_COUNTER_NO_USER_STACK,
        CPROF_COUNTER_OFFCPU_RATE_LIMITED, /* switches counted without a stack */
        CPROF_COUNTER_OFFCPU_SEEN_LATE,    /* waits whose end was found out at the next switch */
        CPROF_COUNTER_OFFCPU_TABLE_FULL, /* blocked intervals that found no place, their time in the next */
        CPROF_COUNTER_OFFCPU_TABLE_FULL_NS,
        CPROF_COUNTER_RUN_QUEUE_N, /* involuntary switches: runnable, not blocked */
        CPROF_COUNTER_RUN_QUEUE_NS,
        CPROF_COUNTER_MAX,
};
