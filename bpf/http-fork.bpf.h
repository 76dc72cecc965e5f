/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* A child of a measured process serves from its first moment on, up to a second before the daemon measures
 * it: a new worker after a reload. What it does meanwhile counts for the parent. */

#include "http-pieces.bpf.h"

#define HTTP_CHILD_NSEC 3000000000ULL /* more than the daemon takes */

static __always_inline __u32 http_pid_of(struct task_struct *task) {
        if (our_pidns_is_first)
                return BPF_CORE_READ(task, tgid);

        return pid_translate(BPF_CORE_READ(task, group_leader, thread_pid));
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(http_forked, struct task_struct *parent, struct task_struct *child) {
        struct http_child c = {};
        __u32 pid, now, word;

        if (parent->tgid == child->tgid)
                return 0; /* a thread */

        pid = http_pid_of(parent);
        if (!http_is_marked(pid))
                return 0;

        c.parent = http_owner_of(pid);
        if (!http_generation_of(c.parent))
                return 0;

        pid = http_pid_of(child);
        if (!pid)
                return 0;

        c.until_ns = bpf_ktime_get_ns() + HTTP_CHILD_NSEC;
        (void) bpf_map_update_elem(&http_children, &pid, &c, BPF_ANY);
        now = *(volatile __u32 *) &http_marks.now & 1;
        word = pid / 64 % (CPROF_HTTP_MARKS / 64);
        (void) __sync_fetch_and_or(&http_marks.children[now][word], 1ULL << (pid % 64));
        return 0;
}
