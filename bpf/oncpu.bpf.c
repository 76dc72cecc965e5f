/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* On-CPU stacks of the watched processes. Loaded and linked to one cpu-clock event per CPU while a policy
 * could need it, with the events disabled; src/probe/probe-oncpu.c fills `watched` and enables them for a
 * task. */
#include "kernel.bpf.h"

#include "cprof-abi.h"
#include "pid.bpf.h"
#include "user-stack.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* thread group in the daemon's PID namespace -> 1. Preallocated: perf_event programs may not allocate on
 * kernels < 6.1. */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, 1); /* set by the daemon */
        __type(key, __u32);
        __type(value, __u8);
} watched SEC(".maps");

/* struct cprof_sample with its frames */
struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 4096); /* set by the daemon */
} samples SEC(".maps");

/* CPROF_COUNTER_* -> events */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, CPROF_COUNTER_MAX);
        __type(key, __u32);
        __type(value, __u64);
} counters SEC(".maps");

struct sample_buffer {
        struct cprof_sample head;
        __u64 frames[2 * CPROF_STACK_MAX];
};

/* 0 -> the sample being built; a program on one CPU is never interrupted by itself */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct sample_buffer);
} buffers SEC(".maps");

static __always_inline void count(__u32 counter) {
        __u64 *n = bpf_map_lookup_elem(&counters, &counter);

        if (n)
                (*n)++;
}

static __always_inline __u32 current_pid(void) {
        struct task_struct *task;

        if (our_pidns_is_first)
                return bpf_get_current_pid_tgid() >> 32;

        task = (struct task_struct *) bpf_get_current_task();
        return pid_translate(BPF_CORE_READ(task, group_leader, thread_pid));
}

static __always_inline __u32 current_tid(void) {
        struct task_struct *task;

        if (our_pidns_is_first)
                return bpf_get_current_pid_tgid();

        task = (struct task_struct *) bpf_get_current_task();
        return pid_translate(BPF_CORE_READ(task, thread_pid));
}

/* Whether the interrupt came while user code ran: then there is no kernel stack to look for. */
static __always_inline _Bool from_user(struct bpf_perf_event_data *ctx) {
#if defined(__TARGET_ARCH_x86)
        return ctx->regs.cs & 3; /* privilege level */
#elif defined(__TARGET_ARCH_arm64)
        return (ctx->regs.pstate & 0xf) == 0; /* PSR_MODE_EL0t */
#else
        return 0;
#endif
}

SEC("perf_event")
int oncpu(struct bpf_perf_event_data *ctx) {
        __u32 zero = 0, pid, n_kernel = 0;
        struct sample_buffer *b;
        long bytes = 0;
        __u64 size;

        if (bpf_get_current_pid_tgid() >> 32 == 0)
                return 0; /* the idle task */

        pid = current_pid();
        if (!bpf_map_lookup_elem(&watched, &pid))
                return 0;

        b = bpf_map_lookup_elem(&buffers, &zero);
        if (!b)
                return 0;

        b->head.at_ns = bpf_ktime_get_ns();
        b->head.pid = pid;
        b->head.tid = current_tid();
        b->head.hash = 0;
        b->head.n_python = 0;
        b->head.type = CPROF_RECORD_SAMPLE;
        b->head.flags = CPROF_SAMPLE_TASK;
        b->head.python_end = CPROF_PYTHON_NONE;
        b->head.reserved = 0;
        b->head.cpu = bpf_get_smp_processor_id();
        (void) bpf_get_current_comm(b->head.comm, sizeof(b->head.comm));

        if (!from_user(ctx))
                bytes = bpf_get_stack(ctx, b->frames, CPROF_STACK_MAX * sizeof(__u64), 0);
        if (bytes > 0)
                n_kernel = bytes / sizeof(__u64);
        if (n_kernel > CPROF_STACK_MAX)
                return 0; /* cannot be; for the verifier */

        b->head.n_kernel = n_kernel;
        b->head.n_user = user_stack(ctx, b->frames + n_kernel, &b->head.end);
        if (b->head.end == CPROF_END_NONE)
                count(CPROF_COUNTER_NO_USER_STACK);

        size = sizeof(b->head) + ((__u64) n_kernel + b->head.n_user) * sizeof(__u64);
        if (size > sizeof(*b))
                return 0; /* ditto */

        /* the daemon comes for them by its own clock: no wake-up from interrupt context */
        if (bpf_ringbuf_output(&samples, b, size, BPF_RB_NO_WAKEUP) < 0)
                count(CPROF_COUNTER_RING_FULL);
        else
                count(CPROF_COUNTER_SAMPLES);

        return 0;
}
