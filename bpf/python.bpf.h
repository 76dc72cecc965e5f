/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* The frames of the CPython interpreter that the current thread runs, read from its memory. What lies where
 * comes from a table, so one program serves all versions. Every function is global and takes numbers only:
 * the verifier looks at each once. */

#include "kernel.bpf.h"

#include "cprof-abi.h"

#define PYTHON_VERSIONS_MAX 16 /* PROBE_PYTHON_VERSIONS_MAX */
#define PYTHON_THREADS_MAX 128 /* states looked at for that of the current thread: 60 ns each */
#define PYTHON_FRAME_BYTES 128
#define PYTHON_WORDS (sizeof(struct cprof_python_frame) / sizeof(__u64))
#define PYTHON_OWNER_C_STACK 3 /* FRAME_OWNED_BY_CSTACK of 3.12 and 3.13 */

/* false: all of this is dead code, for kernels that refuse it */
const volatile _Bool python_enabled = 1;

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, PYTHON_VERSIONS_MAX);
        __type(key, __u32);
        __type(value, struct cprof_python_offsets);
} python_offsets SEC(".maps");

struct python_walk {
        struct cprof_python_frame none; /* before the first one: the verifiers of 5.10 and 6.1 don't see that
                                           there is one when it is touched */
        struct cprof_python_frame frames[CPROF_PYTHON_MAX];
        __u8 frame[PYTHON_FRAME_BYTES]; /* the one being read */
        __u64 next;                     /* address of the next one to read */
        __u32 n;
        __u32 end; /* enum cprof_python_end */
};

/* 0 -> what the functions below share */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct python_walk);
} python_walks SEC(".maps");

/* As far as we need them; the suffix keeps them apart from other declarations of the same. */
struct thread_struct___x86 {
        unsigned long fsbase;
} __attribute__((preserve_access_index));

struct task_struct___x86 {
        struct thread_struct___x86 thread;
} __attribute__((preserve_access_index));

/* What pthread_self() is for the current thread: CPython names its threads by that. */
static __always_inline __u64 thread_pointer(void) {
#if defined(__TARGET_ARCH_x86)
        return BPF_CORE_READ((struct task_struct___x86 *) bpf_get_current_task(), thread.fsbase);
#else
        return 0; /* arm64 has pthread_self() at a distance from the register that depends on the C library
                   */
#endif
}

static __always_inline __u64 read_word(__u64 address) {
        __u64 word;

        return bpf_probe_read_user(&word, sizeof(word), (void *) address) == 0 ? word : 0;
}

static __always_inline struct python_walk *python_walk(void) {
        __u32 zero = 0;

        return bpf_map_lookup_elem(&python_walks, &zero);
}

/* The state after @thread in the lists of all interpreters; 0: none left. The interpreters are those from
 * walk->next on. */
__attribute__((noinline)) __u64 python_next_thread(__u32 version, __u64 thread) {
        struct cprof_python_offsets *o = bpf_map_lookup_elem(&python_offsets, &version);
        struct python_walk *w = python_walk();
        __u64 interpreter;

        if (!o || !w)
                return 0;

        if (thread)
                thread = read_word(thread + o->thread_next);
        if (thread || !w->next)
                return thread;

        interpreter = w->next;
        w->next = read_word(interpreter + o->interpreter_next);
        return read_word(interpreter + o->interpreter_threads_head);
}

/* Address of the state of the thread @self; 0: it has none. */
__attribute__((noinline)) __u64 python_find_thread(__u32 version, __u64 runtime, __u64 self) {
        struct cprof_python_offsets *o = bpf_map_lookup_elem(&python_offsets, &version);
        struct python_walk *w = python_walk();
        __u64 thread;

        if (!o || !w || !self)
                return 0;

        /* mostly it is the one that holds the lock */
        if (o->runtime_gilstate_current) {
                thread = read_word(runtime + o->runtime_gilstate_current);
                if (thread && read_word(thread + o->thread_thread_id) == self)
                        return thread;
        }

        w->next = read_word(runtime + o->runtime_interpreters_head);
        thread = 0;
        for (int i = 0; i < PYTHON_THREADS_MAX; i++) {
                thread = python_next_thread(version, thread);
                if (!thread && !w->next)
                        return 0;
                if (thread && read_word(thread + o->thread_thread_id) == self)
                        return thread;
        }

        w->end = CPROF_PYTHON_TRUNCATED;
        return 0;
}

/* Address of the innermost frame, 0: the thread runs no Python code. */
__attribute__((noinline)) __u64 python_first_frame(__u32 version, __u64 thread) {
        struct cprof_python_offsets *o = bpf_map_lookup_elem(&python_offsets, &version);
        __u64 cframe;

        if (!o)
                return 0;

        if (o->thread_current_frame)
                return read_word(thread + o->thread_current_frame);

        cframe = read_word(thread + o->thread_cframe);
        return cframe ? read_word(cframe + o->cframe_current_frame) : 0;
}

static __always_inline __u64 frame_word(const struct python_walk *w, __u16 offset) {
        return *(const __u64 *) (w->frame + (offset & (PYTHON_FRAME_BYTES - 8)));
}

static __always_inline __u8 frame_byte(const struct python_walk *w, __u16 offset) {
        return w->frame[offset & (PYTHON_FRAME_BYTES - 1)];
}

/* Takes down the frame at walk->next and moves on. Returns whether there is more. */
__attribute__((noinline)) int python_step(__u32 version) {
        struct cprof_python_offsets *o = bpf_map_lookup_elem(&python_offsets, &version);
        struct python_walk *w = python_walk();
        struct cprof_python_frame *f;
        __u32 n, size;

        if (!o || !w)
                return 0;

        n = w->n;
        if (n >= CPROF_PYTHON_MAX) {
                w->end = CPROF_PYTHON_TRUNCATED;
                return 0;
        }

        size = o->frame_size & (PYTHON_FRAME_BYTES - 1);
        if (bpf_probe_read_user(w->frame, size, (void *) w->next) < 0) {
                w->end = CPROF_PYTHON_UNREADABLE;
                return 0;
        }

        f = &w->frames[n];
        w->next = frame_word(w, o->frame_previous);

        /* A frame owned by the C stack is no function: it stands for the call of the loop. The function
         * below is the first of that call; without one the call has just begun or is about to end. */
        if (o->entry_kind == CPROF_PYTHON_ENTRY_OWNER &&
            frame_byte(w, o->frame_owner) == PYTHON_OWNER_C_STACK) {
                if (n > 0 && !(f - 1)->is_entry) {
                        (f - 1)->is_entry = 1;
                        return w->next != 0;
                }
                *f = (struct cprof_python_frame){ .is_entry = 1 };
                w->n = n + 1;
                return w->next != 0;
        }

        f->code = frame_word(w, o->frame_code) & ~7ULL; /* newer versions mark pointers in the low bits */
        f->instruction = (__u32) (frame_word(w, o->frame_instruction) - (f->code + o->code_bytecode));
        f->is_entry = o->entry_kind == CPROF_PYTHON_ENTRY_FLAG && frame_byte(w, o->frame_entry);
        w->n = n + 1;
        return w->next != 0;
}

/* Fills the walk of this CPU: frames, n, end. @python and @runtime as in struct cprof_target. */
static __always_inline struct python_walk *python_stack(__u32 python, __u64 runtime) {
        struct python_walk *w;
        __u64 thread;

        if (!python_enabled || python == 0)
                return NULL;

        w = python_walk();
        if (!w)
                return NULL;

        w->n = 0;
        w->end = CPROF_PYTHON_NONE;
        thread = python_find_thread(python - 1, runtime, thread_pointer());
        if (!thread)
                return w;

        w->end = CPROF_PYTHON_COMPLETE;
        w->next = python_first_frame(python - 1, thread);
        if (!w->next)
                return w;

        for (int i = 0; i <= CPROF_PYTHON_MAX; i++)
                if (!python_step(python - 1))
                        break;

        return w;
}

/* Appends the frames of @w to the sample: @to has room for CPROF_PYTHON_MAX of them. Returns their number.
 */
static __always_inline __u32 python_copy(const struct python_walk *w, void *to) {
        __u32 n = w->n;

        if (n > CPROF_PYTHON_MAX)
                return 0; /* cannot be; for the verifier */

        if (n > 0 && bpf_probe_read_kernel(to, n * sizeof(w->frames[0]), w->frames) < 0)
                return 0;

        return n;
}
