/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The on-CPU sampler with two programs beside it: one adds to each stack what somebody else needs to unwind
 * it again, the other measures. */
#include "oncpu.bpf.c"

#include "oracle.h"

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 32 << 20);
} records SEC(".maps");

__u64 times_ns[ORACLE_TIMES] = {};
__u64 n_times = 0, timed_frames = 0;

/* The stack from @from on, page by page, as far as it can be read here. */
static __always_inline void copy_stack(struct oracle_record *o, __u64 from) {
        o->n_copied = 0;

        for (__u32 at = 0; at + ORACLE_PAGE <= ORACLE_STACK_MAX; at += ORACLE_PAGE) {
                __u64 left = ORACLE_PAGE - ((from + at) & (ORACLE_PAGE - 1));

                if (bpf_probe_read_user(&o->stack[at], ORACLE_PAGE, (void *) (from + at)) < 0) {
                        left &= ORACLE_PAGE - 1;
                        if (left > 0 && bpf_probe_read_user(&o->stack[at], left, (void *) (from + at)) == 0)
                                o->n_copied = at + left;
                        return;
                }

                o->n_copied = at + ORACLE_PAGE;
        }
}

static __always_inline void copy_registers(struct oracle_record *o, const struct unwind_registers *r) {
        const __u64 in_order[ORACLE_REGISTERS] = {
                r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp, r->rsp, r->r8,
                r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip,
        };

        for (int i = 0; i < ORACLE_REGISTERS; i++)
                o->registers[i] = in_order[i];
}

static __always_inline struct cprof_target *current_target(__u32 *ret_pid) {
        if (bpf_get_current_pid_tgid() >> 32 == 0)
                return NULL;

        *ret_pid = current_pid();
        return bpf_map_lookup_elem(&targets, ret_pid);
}

SEC("perf_event")
int oracle(struct bpf_perf_event_data *ctx) {
        struct unwind_state *s = unwind_state();
        struct cprof_target *found, target;
        struct oracle_record *o;
        __u8 end = CPROF_END_NONE;
        __u64 rsp;
        __u32 pid;

        found = current_target(&pid);
        if (!found || !s)
                return 0;

        target = *found;
        o = bpf_ringbuf_reserve(&records, sizeof(*o), 0);
        if (!o)
                return 0;

        o->pid = pid;
        o->tid = current_tid();
        o->in_kernel = !from_user(ctx);
        unwind_load_interrupted(ctx);
        copy_registers(o, &s->r);
        rsp = s->r.rsp;
        o->n = unwind_current(ctx, &target, o->frames, &end);
        o->end = end;
        (void) bpf_probe_read_user(o->red_zone, sizeof(o->red_zone), (void *) (rsp - ORACLE_RED_ZONE));
        copy_stack(o, rsp);
        bpf_ringbuf_submit(o, 0);
        return 0;
}

SEC("perf_event")
int timed(struct bpf_perf_event_data *ctx) {
        struct cprof_target *found, target;
        struct sample_buffer *b;
        __u32 pid, zero = 0;
        __u64 began;

        found = current_target(&pid);
        b = bpf_map_lookup_elem(&buffers, &zero);
        if (!found || !b)
                return 0;

        target = *found;
        began = bpf_ktime_get_ns();
        take_sample(ctx, &target, pid, CPROF_SAMPLE_TASK);
        /* 5.10 knows no atomic addition that returns something; two CPUs at once lose a measurement */
        times_ns[n_times % ORACLE_TIMES] = bpf_ktime_get_ns() - began;
        __sync_fetch_and_add(&n_times, 1);
        __sync_fetch_and_add(&timed_frames, b->head.n_user);
        return 0;
}
