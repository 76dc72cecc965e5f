/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Stacks of blocked threads: taken, named by a hash, and sent once under that name. */

#include "kernel.bpf.h"

#include "cprof-abi.h"
#include "offcpu.bpf.h"
#include "pid.bpf.h"
#include "unwind.bpf.h"

#define HEAD_WORDS (sizeof(struct cprof_sample) / sizeof(__u64))
#define SKIP_MAX 16 /* frames of the tracepoint, of this program and of the scheduler itself */

/* Where the kernel keeps its scheduling functions; a size of 0: not known, nothing is left out. */
const volatile __u64 sched_text = 0;
const volatile __u64 sched_text_size = 0;

/* struct cprof_sample of blocked stacks, with its frames */
struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 4096); /* set by the daemon */
} stacks SEC(".maps");

/* hash -> epoch in which the stack was sent */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, CPROF_OFFCPU_SEEN_MAX);
        __type(key, __u64);
        __type(value, __u32);
} seen SEC(".maps");

/* A stack on its way. Its numbers are here and not in registers, so that the verifier does not follow each
 * of their values apart. The head of the record comes to lie right before the first frame that is of
 * interest, so that none needs to be moved. */
struct stack_buffer {
        __u32 n_kernel; /* all, with those to skip */
        __u32 skip;
        __u32 n_user;
        __u32 end; /* enum cprof_unwind_end */
        __u64 words[HEAD_WORDS + 2 * CPROF_STACK_MAX];
        __u64 slack[SKIP_MAX + 1]; /* what the verifier can't rule out */
};

/* 0 -> of the switch program, which nothing on its CPU interrupts */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct stack_buffer);
} switch_buffers SEC(".maps");

/* 0 -> of the pass that runs; there is one at a time, which a switch may interrupt */
struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct stack_buffer);
} pass_buffer SEC(".maps");

static __always_inline struct stack_buffer *get_buffer(_Bool of_pass) {
        __u32 zero = 0;

        if (of_pass)
                return bpf_map_lookup_elem(&pass_buffer, &zero);

        return bpf_map_lookup_elem(&switch_buffers, &zero);
}

/* Leaves out the innermost kernel frames, which are the same in every wait, and returns a hash of the
 * others, as hash_u64() of src/basic/hash.h; never 0. Global functions are verified once, and get numbers
 * only before 5.13. */
__noinline __u64 finish_stack(__u32 of_pass, __u32 pid) {
        struct stack_buffer *b = get_buffer(of_pass != 0);
        __u32 first = 0, end;
        __u64 h = pid;

        if (!b)
                return 1;

        for (__u32 i = 0; i < SKIP_MAX; i++) {
                if (i >= b->n_kernel)
                        break;
                if (b->words[HEAD_WORDS + i] - sched_text < sched_text_size)
                        first = i + 1;
                else if (first > 0)
                        break;
        }
        b->skip = first;
        end = b->n_kernel + b->n_user;

        for (__u32 i = 0; i < 2 * CPROF_STACK_MAX; i++) {
                if (i >= end)
                        break;
                if (i < b->skip)
                        continue;
                h ^= b->words[HEAD_WORDS + i];
                h *= 0xbf58476d1ce4e5b9ULL;
                h ^= h >> 29;
        }

        h *= 0x94d049bb133111ebULL;
        h ^= h >> 32;
        return h ?: 1;
}

/* Unless it was sent in this epoch. A stack that finds no place is tried again the next time. */
static __always_inline void
send_stack(struct stack_buffer *b, const struct cprof_offcpu_thread *t, __u32 tid, __u64 hash, __u32 epoch) {
        __u32 *sent, skip = b->skip, n_kernel = b->n_kernel, n_user = b->n_user;
        struct cprof_sample *head;
        __u64 size;

        sent = bpf_map_lookup_elem(&seen, &hash);
        if (sent && *sent == epoch)
                return;

        if (skip > SKIP_MAX || n_kernel > CPROF_STACK_MAX || n_user > CPROF_STACK_MAX || skip > n_kernel)
                return; /* cannot be; for the verifier, as below */

        head = (struct cprof_sample *) (b->words + skip);
        __builtin_memset(head, 0, sizeof(*head));
        head->at_ns = bpf_ktime_get_ns();
        head->hash = hash;
        head->pid = t->pid;
        head->tid = tid;
        __builtin_memcpy(head->comm, t->comm, sizeof(head->comm));
        head->n_kernel = n_kernel - skip;
        head->n_user = n_user;
        head->cpu = bpf_get_smp_processor_id();
        head->type = CPROF_RECORD_BLOCKED_STACK;
        head->end = b->end;

        size = sizeof(*head) + ((__u64) n_kernel - skip + n_user) * sizeof(__u64);
        if (size > sizeof(b->words))
                return;

        /* no wake-up: it needs the locks that a switch holds */
        if (bpf_ringbuf_output(&stacks, head, size, BPF_RB_NO_WAKEUP) < 0)
                count(CPROF_COUNTER_RING_FULL, 1);
        else
                (void) bpf_map_update_elem(&seen, &hash, &epoch, BPF_ANY);
}

/* The pointer is read as a number: kernels up to 6.1 allow no arithmetic on one they know the type of. */
static __always_inline __u32 sample_tid(struct task_struct *task) {
        return our_pidns_is_first ? (__u32) task->pid : pid_translate(BPF_CORE_READ(task, thread_pid));
}

/* Without mappings if the process is none. */
static __always_inline struct cprof_target find_target(__u32 pid) {
        struct cprof_target *found = bpf_map_lookup_elem(&targets, &pid), target = {};

        if (found)
                target = *found;

        return target;
}

/* Apart, because its copy of the registers and the frames of the unwinder don't fit 512 bytes together. */
__noinline int load_registers(void) {
        unwind_load_current();
        return 0;
}

/* Of the thread that is being switched out. Returns the hash, 0 if there is no stack. */
static __always_inline __u64
stack_of_current(void *ctx, struct task_struct *task, const struct cprof_offcpu_thread *t, __u32 epoch) {
        struct stack_buffer *b = get_buffer(0);
        __u32 tid = sample_tid(task), n = 0;
        __u64 *frames, hash;
        struct cprof_target target;
        __u8 end;
        long bytes;

        if (!b)
                return 0;

        target = find_target(t->pid);

        frames = b->words + HEAD_WORDS;
        bytes = bpf_get_stack(ctx, frames, CPROF_STACK_MAX * sizeof(__u64), 0);
        if (bytes > 0)
                n = (__u32) bytes / sizeof(__u64);
        if (n > CPROF_STACK_MAX)
                return 0; /* cannot be; for the verifier */

        b->n_kernel = n;
        (void) load_registers();
        b->n_user = unwind_current(ctx, &target, frames + n, &end);
        b->end = end;
        if (end == CPROF_END_NONE)
                count(CPROF_COUNTER_NO_USER_STACK, 1);

        hash = finish_stack(0, t->pid);
        send_stack(b, t, tid, hash, epoch);
        return hash;
}

struct dump {
        struct task_struct *task;
        __u32 first; /* word of the buffer for the innermost frame */
        __u32 n;
        __u32 end; /* enum cprof_unwind_end */
};

/* A callback of bpf_loop(), which the verifier follows once where a loop would be 127 times. Kernels with a
 * sleepable iterator have it. */
static long dump_frame(__u32 i, struct dump *d) {
        struct unwind_state *s = unwind_state_other();
        struct stack_buffer *b = get_buffer(1);
        __u32 at = d->first + i;
        int stop;

        if (!s || !b || at >= HEAD_WORDS + 2 * CPROF_STACK_MAX)
                return 1;

        b->words[at] = s->r.rip;
        d->n = i + 1;

        stop = unwind_step_other(d->task);
        if (stop == 0)
                return 0;

        d->end = stop - 1;
        return 1;
}

/* As unwind_current(), for a sleepable program: of @task, which is blocked, into the buffer of passes. Its
 * entry registers are loaded here. */
static __always_inline __u32
dump_user_stack(struct task_struct *task, const struct cprof_target *target, __u32 first, __u8 *end) {
        struct dump d = { .task = task, .first = first, .end = CPROF_END_TRUNCATED };
        struct unwind_state *s = unwind_state_other();

        if (!s || !unwind_begin(s, target))
                return 0;

        unwind_load_entry(s, (void *) bpf_task_pt_regs(task));
        (void) bpf_loop(CPROF_STACK_MAX, dump_frame, &d, 0);
        *end = d.end;
        return d.n;
}

/* Of another thread, which does not run; sent under the hash that @t has already, if any. */
static __always_inline __u64 stack_of_blocked(
                struct task_struct *task,
                const struct cprof_offcpu_thread *t,
                __u32 epoch,
                _Bool may_fault) {
        struct stack_buffer *b = get_buffer(1);
        __u64 *frames, hash;
        struct cprof_target target = find_target(t->pid);
        __u32 tid = sample_tid(task), n = 0;
        __u8 end = CPROF_END_NONE;
        long bytes;

        if (!b)
                return 0;

        frames = b->words + HEAD_WORDS;
        bytes = bpf_get_task_stack(task, frames, CPROF_STACK_MAX * sizeof(__u64), 0);
        if (bytes > 0)
                n = (__u32) bytes / sizeof(__u64);
        if (n > CPROF_STACK_MAX)
                return 0; /* ditto */

        b->n_kernel = n;
        b->n_user = may_fault ? dump_user_stack(task, &target, HEAD_WORDS + n, &end) : 0;
        b->end = end;

        hash = finish_stack(1, t->pid);
        if (t->hash != 0)
                hash = t->hash;
        send_stack(b, t, tid, hash, epoch);
        return hash;
}
