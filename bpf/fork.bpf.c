/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A child of a target is one from its first moment on: it may live shorter than the daemon takes to notice
 * it. Attached while there are targets; src/probe/probe-fork.c. */
#include "kernel.bpf.h"

#include "cprof-abi.h"
#include "pid.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* see unwind.bpf.h; the same map */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct cprof_target);
} targets SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct atomic___live {
        int counter;
};

struct signal_struct___live {
        struct atomic___live live; /* threads that did not begin to exit */
};

#pragma clang attribute pop

static __always_inline __u32 process_of(struct task_struct *task) {
        if (our_pidns_is_first)
                return BPF_CORE_READ(task, tgid);

        return pid_translate(BPF_CORE_READ(task, group_leader, thread_pid));
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_forked, struct task_struct *parent, struct task_struct *child) {
        __u32 parent_pid, child_pid;
        struct cprof_target target, *found;

        if (parent->tgid == child->tgid)
                return 0; /* a thread */

        parent_pid = process_of(parent);
        found = bpf_map_lookup_elem(&targets, &parent_pid);
        if (!found)
                return 0;

        target = *found;
        target.uses &= CPROF_USE_ON_CPU | CPROF_USE_RECORDER; /* totals of blocked time would be left over */
        if (!target.uses)
                return 0;

        child_pid = process_of(child);
        if (!child_pid)
                return 0;

        /* Mappings and interpreter are those of the parent until it runs another program, which the daemon
         * is told of. */
        target.uses |= CPROF_TARGET_INHERITED;
        (void) bpf_map_update_elem(&targets, &child_pid, &target, BPF_NOEXIST);
        return 0;
}

/* Only what the daemon did not take over: the rest is its business. */
static __always_inline void forget(__u32 pid) {
        struct cprof_target *found = bpf_map_lookup_elem(&targets, &pid);

        if (found && (found->uses & CPROF_TARGET_INHERITED))
                (void) bpf_map_delete_elem(&targets, &pid);
}

/* The end of a process, which takes time that belongs to it, is still before it here; but later its number
 * in another namespace is not known any more. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exited, struct task_struct *task) {
        struct signal_struct___live *signal = (void *) BPF_CORE_READ(task, signal);

        if (!our_pidns_is_first && BPF_CORE_READ(signal, live.counter) <= 0)
                forget(process_of(task));

        return 0;
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(process_freed, struct task_struct *task) {
        if (our_pidns_is_first && task->pid == task->tgid)
                forget(task->tgid);

        return 0;
}
