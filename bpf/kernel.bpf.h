/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* The kernel's types as far as our programs touch them. Only names matter: libbpf relocates every access
 * against the BTF of the running kernel, so no generated vmlinux.h is needed. */

#include <linux/types.h>

#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
        unsigned int inum;
};

struct pid_namespace {
        struct ns_common ns;
};

struct upid {
        int nr;
        struct pid_namespace *ns;
};

struct pid {
        unsigned int level;
        struct upid numbers[1];
};

struct sched_entity {
        __u64 sum_exec_runtime;
};

struct signal_struct {
        int nr_threads;
        unsigned long long sum_sched_runtime;
};

struct kernfs_node {
        __u64 id;
};

struct cgroup {
        struct kernfs_node *kn;
};

struct css_set {
        struct cgroup *dfl_cgrp;
};

struct task_struct {
        unsigned int flags;
        int exit_state;
        int pid;
        int tgid;
        void *stack;
        struct sched_entity se;
        struct task_struct *group_leader;
        struct pid *thread_pid;
        __u64 start_boottime;
        __u64 self_exec_id;
        struct signal_struct *signal;
        struct css_set *cgroups;
};

struct seq_file;

struct bpf_iter_meta {
        __bpf_md_ptr(struct seq_file *, seq);
        __u64 session_id;
        __u64 seq_num;
};

struct bpf_iter__task {
        __bpf_md_ptr(struct bpf_iter_meta *, meta);
        __bpf_md_ptr(struct task_struct *, task);
};

#pragma clang attribute pop
