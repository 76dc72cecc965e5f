/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Where a walk up a stack begins: the user registers of a thread, by per-CPU slot; see unwind.bpf.h. */

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
};

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, UNWIND_SLOTS);
        __type(key, __u32);
        __type(value, struct unwind_state);
} unwind_states SEC(".maps");

static __always_inline struct unwind_state *unwind_state_of(__u32 slot) {
        return bpf_map_lookup_elem(&unwind_states, &slot);
}

/* The user registers of @entry, a struct pt_regs in kernel memory. */
static __always_inline void unwind_load_entry(__u32 slot, const void *entry) {
        struct unwind_state *s = unwind_state_of(slot);
        struct unwind_entry e = {};

        if (!s)
                return;

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
        struct task_struct *task;
        void *stack;

        if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
                unwind_load_entry(UNWIND_SLOT, (void *) bpf_task_pt_regs(bpf_get_current_task_btf()));
                return;
        }

        task = (struct task_struct *) bpf_get_current_task();
        stack = BPF_CORE_READ(task, stack);
        unwind_load_entry(UNWIND_SLOT, stack + UNWIND_KERNEL_STACK_SIZE - sizeof(struct unwind_entry));
}

/* The registers that an event interrupted, if that was in user mode; else those of the entry. */
static __always_inline void unwind_load_interrupted(struct bpf_perf_event_data *ctx) {
        struct unwind_state *s = unwind_state_of(UNWIND_SLOT);

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
