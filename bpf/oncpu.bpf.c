/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* On-CPU stacks of the targets, for tasks and for the recorder. Loaded and linked to one cpu-clock event per
 * CPU while a policy could need it, with the events disabled until there is a target;
 * src/probe/probe-oncpu.c sets their rate. */
#include "kernel.bpf.h"

#include "cprof-abi.h"
#include "pid.bpf.h"
#include "python.bpf.h"
#include "unwind.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 recorder_every = 0; /* ticks at the rate of tasks; 0 = no recorder */

/* Set by the daemon while we run. */
__u32 oncpu_every = 1;   /* one tick in so many counts for tasks */
_Bool recorder_rate = 0; /* the events tick at the rate of the recorder: nobody is watched for tasks */

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
        __u64 frames[2 * CPROF_STACK_MAX + CPROF_PYTHON_MAX * PYTHON_WORDS];
};

/* 0 -> the sample being built; a program on one CPU is never interrupted by itself */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct sample_buffer);
} buffers SEC(".maps");

/* 0 -> events on this CPU */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, __u32);
} ticks SEC(".maps");

static __always_inline void count(__u32 counter) {
        __u64 *n = bpf_map_lookup_elem(&counters, &counter);

        if (n)
                (*n)++;
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

/* Which of the rates this tick belongs to, of those that @uses asks for: CPROF_SAMPLE_*. */
static __always_inline __u8 sample_flags(__u32 uses, __u32 tick) {
        __u32 every = oncpu_every;
        __u8 flags = 0;

        if ((uses & CPROF_USE_ON_CPU) && (every <= 1 || tick % every == 0))
                flags |= CPROF_SAMPLE_TASK;
        if ((uses & CPROF_USE_RECORDER) &&
            (recorder_rate || (recorder_every > 0 && tick % recorder_every == 0)))
                flags |= CPROF_SAMPLE_RECORDER;

        return flags;
}

/* Frames of an interpreter behind the @n_words frames that are there. Returns the words it added. */
static __always_inline __u32
append_python(struct sample_buffer *b, const struct cprof_target *target, __u32 n_words) {
        const struct python_walk *w = python_stack(target->python, target->python_runtime);
        __u32 n;

        b->head.n_python = 0;
        b->head.python_end = CPROF_PYTHON_NONE;
        if (!w)
                return 0;

        /* checked in the register that is used: 5.10 and 6.1 don't carry a bound over to a saved copy */
        barrier_var(n_words);
        if (n_words > 2 * CPROF_STACK_MAX)
                return 0;

        n = python_copy(w, b->frames + n_words);
        b->head.n_python = n;
        b->head.python_end = w->end;
        return n * PYTHON_WORDS;
}

static __always_inline __u32 kernel_stack(struct bpf_perf_event_data *ctx, __u64 *frames) {
        long bytes;

        if (from_user(ctx))
                return 0;

        bytes = bpf_get_stack(ctx, frames, CPROF_STACK_MAX * sizeof(__u64), 0);
        return bytes > 0 ? bytes / sizeof(__u64) : 0;
}

static __always_inline void fill_head(struct sample_buffer *b, __u32 pid, __u8 flags) {
        b->head.at_ns = bpf_ktime_get_ns();
        b->head.hash = 0;
        b->head.pid = pid;
        b->head.tid = current_tid();
        b->head.cpu = bpf_get_smp_processor_id();
        b->head.type = CPROF_RECORD_SAMPLE;
        b->head.flags = flags;
        b->head.reserved = 0;
        (void) bpf_get_current_comm(b->head.comm, sizeof(b->head.comm));
}

static __always_inline void
take_sample(struct bpf_perf_event_data *ctx, const struct cprof_target *target, __u32 pid, __u8 flags) {
        struct sample_buffer *b;
        __u32 zero = 0, n;
        __u64 size;

        b = bpf_map_lookup_elem(&buffers, &zero);
        if (!b)
                return;

        fill_head(b, pid, flags);
        n = kernel_stack(ctx, b->frames);
        if (n > CPROF_STACK_MAX)
                return; /* cannot be; for the verifier */

        b->head.n_kernel = n;
        unwind_load_interrupted(ctx);
        b->head.n_user = unwind_current(ctx, target, b->frames + n, &b->head.end);
        if (b->head.end == CPROF_END_NONE)
                count(CPROF_COUNTER_NO_USER_STACK);

        n += b->head.n_user;
        n += append_python(b, target, n);
        size = sizeof(b->head) + (__u64) n * sizeof(__u64);
        if (size > sizeof(*b))
                return; /* ditto */

        /* the daemon comes for them by its own clock: no wake-up from interrupt context */
        if (bpf_ringbuf_output(&samples, b, size, BPF_RB_NO_WAKEUP) < 0)
                count(CPROF_COUNTER_RING_FULL);
        else
                count(CPROF_COUNTER_SAMPLES);
}

SEC("perf_event")
int oncpu(struct bpf_perf_event_data *ctx) {
        struct cprof_target *found, target;
        __u32 zero = 0, *tick, pid;
        __u8 flags;

        if (bpf_get_current_pid_tgid() >> 32 == 0)
                return 0; /* the idle task */

        tick = bpf_map_lookup_elem(&ticks, &zero);
        if (!tick)
                return 0;

        (*tick)++;
        pid = current_pid();
        found = bpf_map_lookup_elem(&targets, &pid);
        if (!found)
                return 0;

        target = *found;
        flags = sample_flags(target.uses, *tick);
        if (flags != 0)
                take_sample(ctx, &target, pid, flags);

        return 0;
}
