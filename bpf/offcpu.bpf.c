/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where threads of the watched processes wait, and how long. The switch program is attached from the first
 * watch to the last unwatch, because it runs at every context switch of the host; the passes over threads
 * run only while src/probe/probe-offcpu.c reads them. */
#include "kernel.bpf.h"

#include "cprof-offcpu.h"
/* the unwinder of threads that do not run */
#define UNWIND_OTHER_TASKS
#include "offcpu-stack.bpf.h"
#include "offcpu.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The stack of a thread that is being switched out, for rate and threshold permitting; 0 = none. */
static __always_inline __u64
switch_stack(void *ctx, struct task_struct *task, const struct cprof_offcpu_thread *t, __u32 epoch) {
        if (last_wait_was_short(task->pid) || !take_token(t->blocked_ns)) {
                count(CPROF_COUNTER_OFFCPU_RATE_LIMITED, 1);
                return 0;
        }

        return stack_of_current(ctx, task, t, epoch);
}

/* What is known of the wait of a thread, for the one who gets to delete it: a pass may be about to count the
 * same time. Returns whether there is any, of this watch. */
static __always_inline _Bool take_thread(__u32 tid, __u32 generation, struct cprof_offcpu_thread *ret) {
        struct cprof_offcpu_thread *found = bpf_map_lookup_elem(&threads, &tid);

        if (!found)
                return 0;

        *ret = *found;
        return bpf_map_delete_elem(&threads, &tid) == 0 && ret->generation == generation;
}

/* A thread that is said to wait is switched out: it ran, and that it was switched in was not seen. Some
 * kernels call no tracepoint on the way out of some threads (6.18 in virtual machines, with those of process
 * 1). It waited until it ran, and it ran for what its CPU time grew by. */
static __always_inline void end_unseen_wait(__u32 tid, __u32 generation, __u64 now, __u64 ran) {
        struct cprof_offcpu_thread t;

        if (!take_thread(tid, generation, &t) || t.state == CPROF_OFFCPU_RUNNABLE)
                return;

        count(CPROF_COUNTER_OFFCPU_SEEN_LATE, 1);
        book(&t, now - (ran - t.ran_ns));
}

static __always_inline void
switch_out(void *ctx, _Bool preempt, struct task_struct *task, struct cprof_offcpu_watch *w, __u64 now) {
        __u32 state = task_state(task), tid = task->pid, generation = w->generation;
        struct cprof_offcpu_thread t;
        __u64 ran = ran_ns(task);

        if (state & TASK_DEAD) {
                (void) bpf_map_delete_elem(&threads, &tid);
                return;
        }

        end_unseen_wait(tid, generation, now, ran);

        t = (struct cprof_offcpu_thread){
                .blocked_ns = now,
                .from_ns = now,
                .ran_ns = ran,
                .pid = w->pid,
                .generation = generation,
        };
        /* whoever is preempted stays in the run queue, even on the way to sleep */
        t.state = preempt || state == 0 ? CPROF_OFFCPU_RUNNABLE : state_kind(state);
        if (t.state != CPROF_OFFCPU_RUNNABLE) {
                (void) bpf_get_current_comm(t.comm, sizeof(t.comm));
                t.hash = switch_stack(ctx, task, &t, w->epoch);
        }

        if (bpf_map_update_elem(&threads, &tid, &t, BPF_ANY) < 0 && t.state != CPROF_OFFCPU_RUNNABLE)
                count(CPROF_COUNTER_OFFCPU_TABLE_FULL, 1);
}

static __always_inline void switch_in(struct task_struct *task, struct cprof_offcpu_watch *w, __u64 now) {
        struct cprof_offcpu_thread t;
        __u32 tid = task->pid;

        if (!take_thread(tid, w->generation, &t))
                return;

        if (t.state != CPROF_OFFCPU_RUNNABLE) {
                remember_wait(tid, now - t.blocked_ns);
                book(&t, now);
        } else {
                count(CPROF_COUNTER_RUN_QUEUE_N, 1);
                count(CPROF_COUNTER_RUN_QUEUE_NS, now - t.from_ns);
        }
}

SEC("tp_btf/sched_switch")
int BPF_PROG(offcpu_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next) {
        __u32 out = prev->tgid, in = next->tgid;
        struct cprof_offcpu_watch *w;
        __u64 now;

        /* nearly all are decided here */
        if (!offcpu_filter[out % CPROF_OFFCPU_FILTER_SIZE] && !offcpu_filter[in % CPROF_OFFCPU_FILTER_SIZE])
                return 0;

        /* one time for both: the scheduler, too, charges what follows to @next */
        now = bpf_ktime_get_ns();

        w = bpf_map_lookup_elem(&offcpu_tgids, &out);
        if (w)
                switch_out(ctx, preempt, prev, w, now);

        w = bpf_map_lookup_elem(&offcpu_tgids, &in);
        if (w)
                switch_in(next, w, now);

        return 0;
}

/* A thread that is blocked and that no entry knows: it was so before the process was watched. */
static __always_inline void
begin_thread(struct task_struct *task, struct cprof_offcpu_watch *w, __u32 state, _Bool may_fault) {
        struct cprof_offcpu_thread t = {
                .pid = w->pid,
                .generation = w->generation,
                .state = state,
        };
        __u32 tid = task->pid;
        struct task_struct___offcpu *more = (void *) task;

        (void) bpf_probe_read_kernel_str(t.comm, sizeof(t.comm), more->comm);
        t.ran_ns = ran_ns(task);
        t.hash = stack_of_blocked(task, &t, w->epoch, may_fault);
        t.blocked_ns = t.from_ns = bpf_ktime_get_ns();

        /* not over an entry that a switch made meanwhile */
        if (bpf_map_update_elem(&threads, &tid, &t, BPF_NOEXIST) == -E2BIG)
                count(CPROF_COUNTER_OFFCPU_TABLE_FULL, 1);
}

/* Counts what @t waited so far. Returns whether it is still known to wait. */
static __always_inline _Bool checkpoint_thread(__u32 tid, struct cprof_offcpu_thread *t) {
        __u64 now;

        if (bpf_map_delete_elem(&threads, &tid) < 0)
                return 0; /* it just woke up and has counted itself */

        now = bpf_ktime_get_ns();
        book(t, now);
        t->from_ns = now;
        t->counted = 1;

        /* fails if it was switched in and out meanwhile; if only in, the next switch out replaces it */
        return bpf_map_update_elem(&threads, &tid, t, BPF_NOEXIST) == 0;
}

static __always_inline void
visit_thread(struct task_struct *task, struct cprof_offcpu_watch *w, _Bool may_fault) {
        struct cprof_offcpu_thread *found, t;
        __u32 tid = task->pid, state;

        state = task_state(task);
        if (state == 0 || (state & TASK_DEAD) || task->exit_state || is_on_cpu(task))
                return;

        found = bpf_map_lookup_elem(&threads, &tid);
        if (found && found->generation != w->generation) {
                (void) bpf_map_delete_elem(&threads, &tid);
                found = NULL;
        }

        if (!found) {
                if (offcpu_pass == CPROF_OFFCPU_BEGIN)
                        begin_thread(task, w, state_kind(state), may_fault);
                return;
        }

        t = *found;
        if (t.state == CPROF_OFFCPU_RUNNABLE || !checkpoint_thread(tid, &t))
                return;

        /* it waits since an earlier session, which has got the stack: send it again, by the old name */
        if (offcpu_pass == CPROF_OFFCPU_BEGIN && t.hash != 0)
                (void) stack_of_blocked(task, &t, w->epoch, may_fault);
}

static __always_inline int visit(struct bpf_iter__task *ctx, _Bool may_fault) {
        struct task_struct *task = ctx->task;
        struct cprof_offcpu_watch *w;
        __u32 tgid;

        if (!task)
                return 0;

        tgid = task->tgid;
        if (offcpu_pass == CPROF_OFFCPU_FIND) {
                if (tgid == task->pid && pid_translate(BPF_CORE_READ(task, thread_pid)) == offcpu_pass_pid)
                        (void) bpf_seq_write(ctx->meta->seq, &tgid, sizeof(tgid));
                return 0;
        }

        if (tgid != offcpu_pass_tgid)
                return 0;

        w = bpf_map_lookup_elem(&offcpu_tgids, &tgid);
        if (w)
                visit_thread(task, w, may_fault);

        return 0;
}

SEC("iter/task")
int offcpu_threads(struct bpf_iter__task *ctx) {
        return visit(ctx, 0);
}

SEC("iter.s/task")
int offcpu_dump(struct bpf_iter__task *ctx) {
        return visit(ctx, 1);
}
