/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What a walk up a stack knows, and where it begins: the user registers of a thread; see unwind.bpf.h. */

/* THREAD_SIZE of x86-64 without KASAN */
#define UNWIND_KERNEL_STACK_SIZE 16384

/* What the kernel saves at its entry. Of our own: newer kernels' struct pt_regs has a 16-bit cs. */
struct unwind_entry {
        __u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax;
        __u64 rip, cs, rflags, rsp, ss;
};

/* In the order of the general registers of struct sigcontext, so that a signal frame is one read. */
struct unwind_registers {
        __u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
};
#define UNWIND_SIGCONTEXT_OFFSET 40 /* uc_flags, uc_link, uc_stack */

/* Where register n of DWARF (rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8, ...) is in struct unwind_registers,
 * for the first eight; four bits each. */
#define UNWIND_DWARF_ORDER 0xfa89becdU

struct unwind_state {
        union {
                struct unwind_registers r; /* rip, rsp, rbp: of the current frame; others: if all_known */
                __u64 words[17];
        };
        __u32 mapping_first, mapping_end;
        __u32 mapping;  /* where the last frame was found, or UNWIND_NOWHERE */
        __u8 all_known; /* nothing was unwound since all registers were loaded: rip is no return address */
        __u8 guessed;   /* went by frame pointers through code that should have a table */
        __u32 generation;
};

/* A row that was looked up before: what callers up to main() do is the same in each sample, and a search
 * costs several misses of caches and of the TLB. */
#define UNWIND_KNOWN_BITS 9               /* 8 KiB */
#define UNWIND_HASH 0x9e3779b97f4a7c15ULL /* 2^64 by the golden ratio */
struct unwind_known {
        __u64 ip;
        __u32 generation; /* of struct cprof_target: stands for a process and its mappings; 0 = empty */
        __s16 cfa;
        __s8 rbp;
        __u8 rule;
};
_Static_assert(sizeof(struct unwind_known) == 16, "four to a cache line");

/* A piece of the stack: one read of it costs little more than one of a word. */
#define UNWIND_WINDOW 256 /* bytes; a power of two */

struct unwind_walk {
        struct unwind_state state;
        __u32 window_bytes; /* 0 or UNWIND_WINDOW */
        __u64 window_at;
        __u64 window[UNWIND_WINDOW / sizeof(__u64)];
        struct unwind_known known[1 << UNWIND_KNOWN_BITS];
};

/* 0 -> of the current task. Programs in interrupts and tracepoints do not interrupt each other. */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct unwind_walk);
} unwind_walks SEC(".maps");

static __always_inline struct unwind_walk *unwind_walk(void) {
        __u32 zero = 0;

        return bpf_map_lookup_elem(&unwind_walks, &zero);
}

static __always_inline struct unwind_state *unwind_state(void) {
        struct unwind_walk *w = unwind_walk();

        return w ? &w->state : NULL;
}

#ifdef UNWIND_OTHER_TASKS
/* 0 -> of a program that sleeps and that those are free to interrupt */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct unwind_state);
} unwind_states_other SEC(".maps");

static __always_inline struct unwind_state *unwind_state_other(void) {
        __u32 zero = 0;

        return bpf_map_lookup_elem(&unwind_states_other, &zero);
}
#endif

/* The user registers of @entry, a struct pt_regs in kernel memory. */
static __always_inline void unwind_load_entry(struct unwind_state *s, const void *entry) {
        struct unwind_entry e = {};

        (void) bpf_probe_read_kernel(&e, sizeof(e), entry);
        s->r = (struct unwind_registers){
                .r8 = e.r8,
                .r9 = e.r9,
                .r10 = e.r10,
                .r11 = e.r11,
                .r12 = e.r12,
                .r13 = e.r13,
                .r14 = e.r14,
                .r15 = e.r15,
                .rdi = e.rdi,
                .rsi = e.rsi,
                .rbp = e.rbp,
                .rbx = e.rbx,
                .rdx = e.rdx,
                .rax = e.rax,
                .rcx = e.rcx,
                .rsp = e.rsp,
                .rip = e.rip,
        };
}

/* The registers with which the current task entered the kernel. */
static __always_inline void unwind_load_current(void) {
        struct unwind_state *s = unwind_state();
        struct task_struct *task;
        void *stack;

        if (!s)
                return;

        if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
                unwind_load_entry(s, (void *) bpf_task_pt_regs(bpf_get_current_task_btf()));
                return;
        }

        task = (struct task_struct *) bpf_get_current_task();
        stack = BPF_CORE_READ(task, stack);
        unwind_load_entry(s, stack + UNWIND_KERNEL_STACK_SIZE - sizeof(struct unwind_entry));
}

/* The registers that an event interrupted, if that was in user mode; else those of the entry. */
static __always_inline void unwind_load_interrupted(struct bpf_perf_event_data *ctx) {
        struct unwind_state *s = unwind_state();

        if (!s)
                return;
        if (!(ctx->regs.cs & 3)) {
                unwind_load_current();
                return;
        }

        s->r = (struct unwind_registers){
                .r8 = ctx->regs.r8,
                .r9 = ctx->regs.r9,
                .r10 = ctx->regs.r10,
                .r11 = ctx->regs.r11,
                .r12 = ctx->regs.r12,
                .r13 = ctx->regs.r13,
                .r14 = ctx->regs.r14,
                .r15 = ctx->regs.r15,
                .rdi = ctx->regs.rdi,
                .rsi = ctx->regs.rsi,
                .rbp = ctx->regs.rbp,
                .rbx = ctx->regs.rbx,
                .rdx = ctx->regs.rdx,
                .rax = ctx->regs.rax,
                .rcx = ctx->regs.rcx,
                .rsp = ctx->regs.rsp,
                .rip = ctx->regs.rip,
        };
}
