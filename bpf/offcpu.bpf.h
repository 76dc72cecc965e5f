/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* The tables of off-CPU recording: who is watched, who waits, what was counted. */

#include "kernel.bpf.h"

#include "cprof-offcpu.h"

/* include/linux/sched.h; the same in all kernels from 5.10 on, frozen tasks from 6.1 on */
#define TASK_UNINTERRUPTIBLE 0x0002
#define TASK_STOPPED_TRACED_PARKED (0x0004 | 0x0008 | 0x0040)
#define TASK_DEAD 0x0080
#define TASK_NOLOAD 0x0400
#define TASK_RTLOCK_WAIT 0x1000
#define TASK_FROZEN 0x8000

#define E2BIG 7

#define WAITS_MAX 8192
#define TOKEN_SAVINGS_NS 1000000000ULL /* a CPU may spend the stacks of one second at once */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sched_entity___offcpu {
        __u64 sum_exec_runtime;
};

struct task_struct___offcpu {
        struct sched_entity___offcpu se;
        unsigned int on_cpu; /* an int up to 6.18, a byte in 7.2: only unsigned loads are made to fit */
        char comm[CPROF_COMM_LEN];
        unsigned int __state;
};

struct task_struct___before_5_14 {
        long state; /* renamed and shortened by 2f064a59a11f */
};

#pragma clang attribute pop

const volatile __u64 token_ns = 0; /* a CPU earns one stack in this time */

/* Filled by the daemon. */
__u8 offcpu_filter[CPROF_OFFCPU_FILTER_SIZE]; /* 0: no thread group of such a number is watched */
__u64 offcpu_threshold_ns;
__u32 offcpu_pass;      /* enum cprof_offcpu_pass */
__u32 offcpu_pass_pid;  /* of FIND */
__u32 offcpu_pass_tgid; /* of the others, the kernel's number */

/* the kernel's number of a thread group */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, 1); /* set by the daemon */
        __type(key, __u32);
        __type(value, struct cprof_offcpu_watch);
} offcpu_tgids SEC(".maps");

/* the kernel's number of a thread, while it does not run */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, CPROF_OFFCPU_THREADS_MAX);
        __type(key, __u32);
        __type(value, struct cprof_offcpu_thread);
} threads SEC(".maps");

/* only ever grows, until the daemon forgets a process */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, CPROF_OFFCPU_TOTALS_MAX);
        __type(key, struct cprof_offcpu_key);
        __type(value, struct cprof_offcpu_value);
} offcpu SEC(".maps");

/* CPROF_COUNTER_* -> events or ns */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, CPROF_COUNTER_MAX);
        __type(key, __u32);
        __type(value, __u64);
} counters SEC(".maps");

struct token_bucket {
        __u64 at_ns;
        __u64 saved_ns;
};

/* 0 -> of this CPU */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct token_bucket);
} tokens SEC(".maps");

/* thread modulo WAITS_MAX -> its number << 32 | its last wait in us. One word, because another thread may
 * write it at the same time. */
struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, WAITS_MAX);
        __type(key, __u32);
        __type(value, __u64);
} waits SEC(".maps");

/* Atomic: a pass may be interrupted by a switch on its CPU. */
static __always_inline void count(__u32 counter, __u64 n) {
        __u64 *sum = bpf_map_lookup_elem(&counters, &counter);

        if (sum)
                __sync_fetch_and_add(sum, n);
}

static __always_inline __u32 task_state(struct task_struct *task) {
        struct task_struct___offcpu *now = (void *) task;
        struct task_struct___before_5_14 *before = (void *) task;

        if (bpf_core_field_exists(now->__state))
                return now->__state;

        return (__u32) before->state;
}

static __always_inline __u64 ran_ns(struct task_struct *task) {
        struct task_struct___offcpu *more = (void *) task;

        return more->se.sum_exec_runtime;
}

static __always_inline _Bool is_on_cpu(struct task_struct *task) {
        struct task_struct___offcpu *more = (void *) task;

        return bpf_core_field_exists(more->on_cpu) && more->on_cpu;
}

static __always_inline __u32 state_kind(__u32 state) {
        if (state & (TASK_STOPPED_TRACED_PARKED | TASK_FROZEN))
                return CPROF_OFFCPU_OTHER;
        if (state & TASK_RTLOCK_WAIT)
                return CPROF_OFFCPU_DISK; /* a lock inside a real-time kernel: ps says D */
        if ((state & TASK_UNINTERRUPTIBLE) && !(state & TASK_NOLOAD))
                return CPROF_OFFCPU_DISK;

        return CPROF_OFFCPU_SLEEP; /* one that is being woken right now, too */
}

static __always_inline _Bool take_token(__u64 now) {
        struct token_bucket *b;
        __u32 zero = 0;

        b = bpf_map_lookup_elem(&tokens, &zero);
        if (!b)
                return 0;

        b->saved_ns += now - b->at_ns;
        if (b->saved_ns > TOKEN_SAVINGS_NS)
                b->saved_ns = TOKEN_SAVINGS_NS;
        b->at_ns = now;

        if (b->saved_ns < token_ns)
                return 0;

        b->saved_ns -= token_ns;
        return 1;
}

static __always_inline void remember_wait(__u32 tid, __u64 ns) {
        __u32 slot = tid % WAITS_MAX;
        __u64 *wait, usec = ns / 1000;

        if (offcpu_threshold_ns == 0)
                return;

        wait = bpf_map_lookup_elem(&waits, &slot);
        if (wait)
                *wait = (__u64) tid << 32 | (usec > 0xffffffff ? 0xffffffff : usec);
}

static __always_inline _Bool last_wait_was_short(__u32 tid) {
        __u32 slot = tid % WAITS_MAX;
        __u64 *wait, value;

        if (offcpu_threshold_ns == 0)
                return 0;

        wait = bpf_map_lookup_elem(&waits, &slot);
        if (!wait)
                return 0;

        value = *wait;
        return value >> 32 == tid && (value & 0xffffffff) * 1000 < offcpu_threshold_ns;
}

/* Adds the wait of @t up to @now to the totals. */
static __always_inline void book(const struct cprof_offcpu_thread *t, __u64 now) {
        struct cprof_offcpu_key key = { .hash = t->hash, .pid = t->pid, .state = t->state };
        struct cprof_offcpu_value *v,
                        fresh = {
                                .n = !t->counted,
                                .ns = now > t->from_ns ? now - t->from_ns : 0,
                                .max_ns = now > t->blocked_ns ? now - t->blocked_ns : 0,
                        };

        __builtin_memcpy(key.comm, t->comm, sizeof(key.comm));

        v = bpf_map_lookup_elem(&offcpu, &key);
        if (!v) {
                if (bpf_map_update_elem(&offcpu, &key, &fresh, BPF_NOEXIST) == 0)
                        return;
                v = bpf_map_lookup_elem(&offcpu, &key); /* another CPU was first */
        }
        if (!v) {
                count(CPROF_COUNTER_OFFCPU_TABLE_FULL, 1);
                count(CPROF_COUNTER_OFFCPU_TABLE_FULL_NS, fresh.ns);
                return;
        }

        __sync_fetch_and_add(&v->n, fresh.n);
        __sync_fetch_and_add(&v->ns, fresh.ns);
        if (v->max_ns < fresh.max_ns)
                v->max_ns = fresh.max_ns; /* of two CPUs at once the later one stays */
}
