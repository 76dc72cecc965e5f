/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The same requests and answers copied to user space through a perf buffer, one event and one wake-up for
 * each socket call, as profilers do that parse there: what cprofd's sums in the kernel stand beside. Loaded
 * by bench-http only. */
#include "kernel.bpf.h"

#define COPY_MAX 2048 /* bytes of a call: what cprofd looks at, at most */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs___copy {
        unsigned long si, orig_ax;
};
struct iovec {
        void *iov_base;
        __u64 iov_len;
};
#pragma clang attribute pop

enum {
        CALL_READV = 19,
        CALL_WRITEV = 20,
        CALL_SENDFILE = 40,
};

const volatile __u32 watched = 0; /* process */

struct copy {
        __u64 nsec;
        __u32 is_out, size;
        __u8 data[COPY_MAX];
};

struct {
        __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
        __uint(key_size, sizeof(int));
        __uint(value_size, sizeof(int));
} copies SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct copy);
} scratch SEC(".maps");

static __always_inline const void *find_buffer(const struct pt_regs___copy *regs) {
        unsigned long number = BPF_CORE_READ(regs, orig_ax);
        const void *buffer = (const void *) BPF_CORE_READ(regs, si);
        struct iovec first = {};

        if (number == CALL_SENDFILE)
                return NULL;
        if (number != CALL_READV && number != CALL_WRITEV)
                return buffer;
        (void) bpf_probe_read_user(&first, sizeof(first), buffer);
        return first.iov_base;
}

static __always_inline void copy(void *ctx, int bytes, __u32 is_out) {
        const struct pt_regs___copy *regs;
        const void *buffer;
        struct copy *c;
        __u32 zero = 0, size;

        if (bytes <= 0 || bpf_get_current_pid_tgid() >> 32 != watched)
                return;

        c = bpf_map_lookup_elem(&scratch, &zero);
        if (!c)
                return;

        regs = (const void *) bpf_task_pt_regs((void *) bpf_get_current_task_btf());
        buffer = find_buffer(regs);
        c->nsec = bpf_ktime_get_ns();
        c->is_out = is_out;
        size = bytes < COPY_MAX ? bytes : COPY_MAX;
        size = buffer ? ((size - 1) & (COPY_MAX - 1)) + 1 : 0;
        c->size = size;
        if (size > 0)
                (void) bpf_probe_read_user(c->data, size, buffer);
        size += offsetof(struct copy, data);
        if (size <= sizeof(*c))
                (void) bpf_perf_event_output(ctx, &copies, BPF_F_CURRENT_CPU, c, size);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(copy_received, void *sk, int bytes) {
        copy(ctx, bytes, 0);
        return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(copy_sent, void *sk, int bytes) {
        copy(ctx, bytes, 1);
        return 0;
}
