/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* CPU time, thread count, start time and cgroup of every task in one pass, once a second. Attached for the
 * daemon's whole life; runs only while src/probe/probe-tasks.c reads it. The kernel walks the tasks of the
 * reader's PID namespace. */
#include "kernel.bpf.h"

#include "cprof-abi.h"
#include "pid.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task")
int tasks(struct bpf_iter__task *ctx) {
        struct task_struct *task = ctx->task, *leader;
        struct signal_struct *signal;
        struct cprof_task record = {};

        if (!task || (task->flags & PF_KTHREAD))
                return 0;

        leader = task->group_leader;
        signal = task->signal;

        /* a zombie waits for its parent: as a process it is over */
        if (task->exit_state && signal->nr_threads <= 1)
                return 0;

        if (our_pidns_is_first) {
                record.pid = task->tgid;
                record.tid = task->pid;
        } else {
                record.tid = pid_translate(BPF_CORE_READ(task, thread_pid));
                record.pid = task == leader ? record.tid : pid_translate(BPF_CORE_READ(leader, thread_pid));
        }

        record.n_threads = signal->nr_threads;
        record.exec_id = task->self_exec_id;
        record.cpu_ns = task->se.sum_exec_runtime;
        record.dead_ns = signal->sum_sched_runtime;
        record.start_ns = leader->start_boottime;
        record.cgroup_id = task->cgroups->dfl_cgrp->kn->id;
        record.cgroup_set = (__u64) task->cgroups;

        (void) bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
        return 0;
}
