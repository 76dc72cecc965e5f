/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Stacks of blocked threads: taken, named by a hash, and sent once under that name. */

#include "kernel.bpf.h"

#include "cprof-abi.h"
#include "offcpu.bpf.h"
#include "pid.bpf.h"
#include "python.bpf.h"
#include "unwind.bpf.h"

#define HEAD_WORDS (sizeof(struct cprof_sample) / sizeof(__u64))
#define FRAME_WORDS (2 * CPROF_STACK_MAX + CPROF_PYTHON_MAX * PYTHON_WORDS)
#define FRAME_WORDS_ROOM 512 /* a power of two, with SKIP_MAX to spare */
#define SKIP_MAX 16          /* frames of the tracepoint, of this program and of the scheduler itself */
_Static_assert(FRAME_WORDS + SKIP_MAX <= FRAME_WORDS_ROOM, "what the verifier cannot rule out has room");

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
        __u32 n_python;
        __u32 python_end; /* enum cprof_python_end */
        __u64 words[HEAD_WORDS + FRAME_WORDS_ROOM];
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

/* Leaves out the innermost kernel frames, which are the same in every wait. Global functions are verified
 * once, and get numbers only before 5.13; what this one finds goes through the buffer, else the next one
 * would be followed for each number of frames apart. */
__noinline int skip_scheduler(__u32 of_pass) {
        struct stack_buffer *b = get_buffer(of_pass != 0);
        __u32 first = 0;

        if (!b)
                return 0;

        for (__u32 i = 0; i < SKIP_MAX; i++) {
                if (i >= b->n_kernel)
                        break;
                if (b->words[HEAD_WORDS + i] - sched_text < sched_text_size)
                        first = i + 1;
                else if (first > 0)
                        break;
        }

        b->skip = first;
        return 0;
}

/* A hash of what is left, as hash_u64() of src/basic/hash.h; never 0. */
__noinline __u64 hash_stack(__u32 of_pass, __u32 pid) {
        struct stack_buffer *b = get_buffer(of_pass != 0);
        __u32 end, at;
        __u64 h = pid;

        if (!b)
                return 1;

        at = b->skip;
        end = b->n_kernel + b->n_user + b->n_python * PYTHON_WORDS;

        for (__u32 i = 0; i < FRAME_WORDS && at < end; i++) {
                __u32 masked = at++;

                barrier_var(masked); /* a bound of its own, which does not depend on that of the loop */
                h ^= b->words[HEAD_WORDS + (masked & (FRAME_WORDS_ROOM - 1))];
                h *= 0xbf58476d1ce4e5b9ULL;
                h ^= h >> 29;
        }

        h *= 0x94d049bb133111ebULL;
        h ^= h >> 32;
        return h ?: 1;
}

static __always_inline __u64 finish_stack(__u32 of_pass, __u32 pid) {
        (void) skip_scheduler(of_pass);
        return hash_stack(of_pass, pid);
}

/* Unless it was sent in this epoch. A stack that finds no place is tried again the next time. */
static __always_inline void
send_stack(struct stack_buffer *b, const struct cprof_offcpu_thread *t, __u32 tid, __u64 hash, __u32 epoch) {
        __u32 *sent, skip = b->skip, n_kernel = b->n_kernel, n_user = b->n_user, n_python = b->n_python;
        struct cprof_sample *head;
        __u64 size;

        sent = bpf_map_lookup_elem(&seen, &hash);
        if (sent && *sent == epoch)
                return;

        if (skip > SKIP_MAX || n_kernel > CPROF_STACK_MAX || n_user > CPROF_STACK_MAX || skip > n_kernel ||
            n_python > CPROF_PYTHON_MAX)
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
        head->n_python = n_python;
        head->python_end = b->python_end;

        size = sizeof(*head) + ((__u64) n_kernel - skip + n_user + n_python * PYTHON_WORDS) * sizeof(__u64);
        if (size > (HEAD_WORDS + FRAME_WORDS) * sizeof(__u64))
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

/* What the interpreter runs on the current thread, behind the frames that are there. */
static __always_inline void append_python(struct stack_buffer *b, const struct cprof_target *target) {
        const struct python_walk *w;
        __u32 n;

        barrier(); /* else the verifier follows the rest for each number of frames apart */
        w = python_stack(target->python, target->python_runtime);

        b->n_python = 0;
        b->python_end = CPROF_PYTHON_NONE;
        if (!w)
                return;

        n = b->n_kernel + b->n_user;
        barrier_var(n); /* checked in the register that is used, for 5.10 and 6.1 */
        if (n > 2 * CPROF_STACK_MAX)
                return;

        b->n_python = python_copy(w, b->words + HEAD_WORDS + n);
        b->python_end = w->end;
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
        append_python(b, &target);

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
        b->n_python = 0;
        b->python_end = CPROF_PYTHON_NONE;

        hash = finish_stack(1, t->pid);
        if (t->hash != 0)
                hash = t->hash;
        send_stack(b, t, tid, hash, epoch);
        return hash;
}
