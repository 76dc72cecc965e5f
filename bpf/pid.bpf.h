/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Process numbers as the daemon's own PID namespace has them. bpf_get_ns_current_pid_tgid() answers only for
 * tasks whose active namespace is exactly that one; targets may live in namespaces below it. */

#include "kernel.bpf.h"

#define PID_LEVEL_MAX 32 /* MAX_PID_NS_LEVEL, include/linux/pid_namespace.h */

const volatile __u32 our_pidns_inum = 0; /* inode of /proc/self/ns/pid */
const volatile _Bool our_pidns_is_first =
                0; /* the kernel's first namespace: its numbers are the plain ones */

/* pid_translate() as a function that the verifier looks at once, on its own: inlined, its loop would be
 * followed for each way that leads there. Takes a number, as kernels < 5.13 allow no pointers. */
__noinline __u32 pid_translate_at(__u64 address) {
        struct pid *p = (struct pid *) address;
        const __u32 upid_size = bpf_core_type_size(struct upid);
        const __u32 nr_offset = bpf_core_field_offset(struct upid, nr);
        const __u32 ns_offset = bpf_core_field_offset(struct upid, ns);
        __u32 level = BPF_CORE_READ(p, level);
        void *numbers = (void *) p + bpf_core_field_offset(struct pid, numbers);

        /* from the task's own namespace outwards; numbers[] is a flexible array, so its slots are found by
         * hand */
        for (int i = 0; i <= PID_LEVEL_MAX; i++) {
                void *slot = numbers + (__u64) level * upid_size;
                struct pid_namespace *ns = NULL;
                int nr = 0;

                (void) bpf_probe_read_kernel(&ns, sizeof(ns), slot + ns_offset);
                if (BPF_CORE_READ(ns, ns.inum) == our_pidns_inum) {
                        (void) bpf_probe_read_kernel(&nr, sizeof(nr), slot + nr_offset);
                        return nr;
                }
                if (level-- == 0)
                        break;
        }

        return 0;
}

/* The number of @p in our namespace, 0 if it is not visible there. */
static __always_inline __u32 pid_translate(struct pid *p) {
        return pid_translate_at((__u64) p);
}

/* The current thread group and thread in our namespace. */
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
