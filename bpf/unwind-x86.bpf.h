/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* The unwinder itself; see unwind.bpf.h. Facts: System V ABI, AMD64 supplement, 3.2 and 3.4 (stack
 * frames), 3.7 (unwinding); struct sigcontext of <asm/sigcontext.h>. */

#include "unwind-registers.bpf.h"

#define UNWIND_ROW_STEPS 24     /* of a binary search: 16 million rows */
#define UNWIND_MAPPING_STEPS 17 /* 131072 mappings */
#define UNWIND_NOWHERE 0xffffffffU

/* Index of the last row in [first, end) at or below @pc, UNWIND_NOWHERE if there is none. */
__noinline __u32 unwind_find_row(__u32 first, __u32 end, __u32 pc) {
        __u32 low = first;

        for (int i = 0; i < UNWIND_ROW_STEPS && low < end; i++) {
                __u32 middle = low + ((end - low) >> 1);
                struct cprof_unwind_row *row = bpf_map_lookup_elem(&unwind_rows, &middle);

                if (!row)
                        return UNWIND_NOWHERE;
                if (row->pc <= pc)
                        low = middle + 1;
                else
                        end = middle;
        }

        return low > first ? low - 1 : UNWIND_NOWHERE;
}

/* Index of the row for @pc by the blocks of the table's index. */
static __always_inline __u32 unwind_find_row_indexed(const struct cprof_unwind_mapping *m, __u32 pc) {
        __u32 block = pc >> (m->index_shift & 31), last = m->row_first - m->index_first - 2;
        __u32 row_first = m->row_first, at = m->index_first + (block < last ? block : last);
        struct cprof_unwind_row *begin, *end;

        begin = bpf_map_lookup_elem(&unwind_rows, &at);
        at++;
        end = bpf_map_lookup_elem(&unwind_rows, &at);
        if (!begin || !end)
                return UNWIND_NOWHERE;

        /* the row that is in force where the block begins is the one before */
        return unwind_find_row(row_first + begin->pc - (begin->pc > 0), row_first + end->pc, pc);
}

/* Index of the mapping in [first, end) that holds @address, UNWIND_NOWHERE if there is none. */
__noinline __u32 unwind_find_mapping(__u32 first, __u32 end, __u64 address) {
        struct cprof_unwind_mapping *m;
        __u32 low = first;

        for (int i = 0; i < UNWIND_MAPPING_STEPS && low < end; i++) {
                __u32 middle = low + ((end - low) >> 1);

                m = bpf_map_lookup_elem(&unwind_mappings, &middle);
                if (!m)
                        return UNWIND_NOWHERE;
                if (m->start <= address)
                        low = middle + 1;
                else
                        end = middle;
        }

        if (low == first)
                return UNWIND_NOWHERE;

        low--;
        m = bpf_map_lookup_elem(&unwind_mappings, &low);
        return m && address < m->end ? low : UNWIND_NOWHERE;
}

/* Reads user memory: of the current task, or of @task, which may sleep and needs UNWIND_OTHER_TASKS. */
static __always_inline long
unwind_read(void *to, __u32 size, __u64 from, struct task_struct *task, const _Bool other) {
#ifdef UNWIND_OTHER_TASKS
        if (other)
                return bpf_copy_from_user_task(to, size, (void *) from, task, 0);
#endif
        return bpf_probe_read_user(to, size, (void *) from);
}

/* A step returns 0 when the state is that of the caller, or this. */
#define UNWIND_STOP(end) (1 + (int) (end))

/* By the frame pointer. @failed: why there is nothing else to go by. */
static __always_inline int
unwind_step_frame_pointer(struct unwind_state *s, int failed, struct task_struct *task, const _Bool other) {
        __u64 frame[2]; /* caller's rbp, return address */

        if (s->r.rbp == 0)
                return UNWIND_STOP(CPROF_END_FRAME_POINTER);
        if (s->r.rbp < s->r.rsp || (s->r.rbp & 7))
                return UNWIND_STOP(failed);
        if (unwind_read(frame, sizeof(frame), s->r.rbp, task, other) < 0)
                return UNWIND_STOP(failed);
        if (frame[1] == 0)
                return UNWIND_STOP(CPROF_END_FRAME_POINTER);

        s->r.rsp = s->r.rbp + sizeof(frame);
        s->r.rbp = frame[0];
        s->r.rip = frame[1];
        s->all_known = 0;
        return 0;
}

/* Back to where a signal interrupted: all registers are in the frame. */
static __always_inline int
unwind_step_signal(struct unwind_state *s, struct task_struct *task, const _Bool other) {
        __u64 from = s->r.rsp + UNWIND_SIGCONTEXT_OFFSET;

        if (unwind_read(s->words, sizeof(s->words), from, task, other) < 0)
                return UNWIND_STOP(CPROF_END_UNREADABLE);

        s->all_known = 1;
        return 0;
}

/* To the caller, whose stack pointer was @cfa. */
static __always_inline int
unwind_step_to(struct unwind_state *s, __u64 cfa, __s8 rbp, struct task_struct *task, const _Bool other) {
        __u64 pair[2]; /* rbp where compilers save it, return address */

        if (cfa <= s->r.rsp)
                return UNWIND_STOP(CPROF_END_BACKWARDS);

        if (rbp == -2) {
                if (unwind_read(pair, sizeof(pair), cfa - sizeof(pair), task, other) < 0)
                        return UNWIND_STOP(CPROF_END_UNREADABLE);
                s->r.rbp = pair[0];
        } else {
                if (unwind_read(&pair[1], sizeof(pair[1]), cfa - sizeof(pair[1]), task, other) < 0)
                        return UNWIND_STOP(CPROF_END_UNREADABLE);

                if (rbp != CPROF_RBP_SAME) {
                        __u64 at = rbp == CPROF_RBP_AT_RBP ? s->r.rbp : cfa + (__s64) rbp * 8;

                        if (unwind_read(&s->r.rbp, sizeof(s->r.rbp), at, task, other) < 0)
                                return UNWIND_STOP(CPROF_END_UNREADABLE);
                }
        }

        if (pair[1] == 0)
                return UNWIND_STOP(CPROF_END_ROOT);

        s->r.rsp = cfa;
        s->r.rip = pair[1];
        s->all_known = 0;
        return 0;
}

/* Register @n of DWARF. */
static __always_inline __u64 unwind_register(const struct unwind_state *s, __u32 n) {
        n = n < 8 ? UNWIND_DWARF_ORDER >> (4 * n) & 15 : n - 8;
        return s->words[n & 15];
}

static __always_inline int
unwind_step_row(struct unwind_state *s,
                const struct cprof_unwind_row *row,
                struct task_struct *task,
                const _Bool other) {
        __u32 rule = row->rule;
        __s64 offset = row->cfa;
        __u64 cfa, at;

        switch (rule) {
        case CPROF_RULE_RSP:
                cfa = s->r.rsp + offset * 8;
                break;
        case CPROF_RULE_RBP:
                cfa = s->r.rbp + offset * 8;
                break;
        case CPROF_RULE_PLT:
                cfa = s->r.rsp + ((s->r.rip & 15) >= 11 ? 16 : 8);
                break;
        case CPROF_RULE_DEREF_RBP:
        case CPROF_RULE_DEREF_RSP:
                at = (rule == CPROF_RULE_DEREF_RBP ? s->r.rbp : s->r.rsp) + (offset >> 4) * 8;
                if (unwind_read(&cfa, sizeof(cfa), at, task, other) < 0)
                        return UNWIND_STOP(CPROF_END_UNREADABLE);
                cfa += (offset & 15) * 8;
                break;
        case CPROF_RULE_DEREF_INDEX:
                if (!s->all_known)
                        return UNWIND_STOP(CPROF_END_REGISTER);
                at = s->r.rsp + 8 * unwind_register(s, offset & 15) + (offset >> 4) * 8;
                if (unwind_read(&cfa, sizeof(cfa), at, task, other) < 0)
                        return UNWIND_STOP(CPROF_END_UNREADABLE);
                cfa += 8;
                break;
        case CPROF_RULE_SIGNAL:
                return unwind_step_signal(s, task, other);
        case CPROF_RULE_END:
                return UNWIND_STOP(CPROF_END_ROOT);
        case CPROF_RULE_NONE:
                return unwind_step_frame_pointer(s, CPROF_END_NO_ROW, task, other);
        default:
                if (rule < CPROF_RULE_REGISTER || rule >= CPROF_RULE_REGISTER + 16)
                        return UNWIND_STOP(CPROF_END_UNSUPPORTED);
                if (!s->all_known)
                        return UNWIND_STOP(CPROF_END_REGISTER);

                cfa = unwind_register(s, rule - CPROF_RULE_REGISTER) + offset * 8;
        }

        return unwind_step_to(s, cfa, row->rbp, task, other);
}

/* One frame up. */
static __always_inline int
unwind_step_with(struct unwind_state *s, struct task_struct *task, const _Bool other) {
        struct cprof_unwind_mapping *m = NULL;
        struct cprof_unwind_row *row;
        __u32 index = s->mapping;
        __u64 ip = s->r.rip, pc;

        /* a return address may be the first byte of the next function already */
        if (!s->all_known)
                ip--;

        if (index != UNWIND_NOWHERE)
                m = bpf_map_lookup_elem(&unwind_mappings, &index);
        if (!m || ip < m->start || ip >= m->end) {
                index = unwind_find_mapping(s->mapping_first, s->mapping_end, ip);
                s->mapping = index;
                m = bpf_map_lookup_elem(&unwind_mappings, &index);
                if (!m)
                        return unwind_step_frame_pointer(s, CPROF_END_NO_MAPPING, task, other);
        }

        if (m->row_first >= m->row_end) {
                if (m->rule == CPROF_RULE_RSP)
                        return unwind_step_to(s, s->r.rsp + (__s64) m->cfa, CPROF_RBP_SAME, task, other);
                s->guessed |= m->rule == CPROF_RULE_UNSUPPORTED;
                return unwind_step_frame_pointer(s, CPROF_END_NO_MAPPING, task, other);
        }

        pc = ip - m->base;
        if (pc > 0xffffffffU)
                return UNWIND_STOP(CPROF_END_NO_ROW);

        index = unwind_find_row_indexed(m, pc);
        row = bpf_map_lookup_elem(&unwind_rows, &index);
        if (!row)
                return UNWIND_STOP(CPROF_END_NO_ROW);

        return unwind_step_row(s, row, task, other);
}

/* A walk that came to its end through a guess may have left frames out: it does not count as complete. */
static __always_inline int unwind_judge(const struct unwind_state *s, int stop) {
        if (s->guessed &&
            (stop == UNWIND_STOP(CPROF_END_ROOT) || stop == UNWIND_STOP(CPROF_END_FRAME_POINTER)))
                return UNWIND_STOP(CPROF_END_HELPER);

        return stop;
}

__noinline int unwind_step(__u32 slot) {
        struct unwind_state *s = unwind_state_of(slot);

        return s ? unwind_judge(s, unwind_step_with(s, NULL, 0)) : UNWIND_STOP(CPROF_END_NONE);
}

#ifdef UNWIND_OTHER_TASKS
/* Static: a pointer to a task is no number. */
static __noinline int unwind_step_other(struct task_struct *task) {
        struct unwind_state *s = unwind_state_of(UNWIND_SLOT_SLEEPABLE);

        return s ? unwind_judge(s, unwind_step_with(s, task, 1)) : UNWIND_STOP(CPROF_END_NONE);
}
#endif

static __always_inline _Bool unwind_begin(__u32 slot, const struct cprof_target *target) {
        struct unwind_state *s = unwind_state_of(slot);

        if (!s || target->mapping_first >= target->mapping_end)
                return 0;

        s->mapping_first = target->mapping_first;
        s->mapping_end = target->mapping_end;
        s->mapping = UNWIND_NOWHERE;
        s->all_known = 1;
        s->guessed = 0;
        return 1;
}

/* The stack of the current task from the registers loaded before: at most CPROF_STACK_MAX addresses,
 * innermost first, to @frames. Returns their number; @end gets enum cprof_unwind_end. */
static __always_inline __u32
unwind_current(void *ctx, const struct cprof_target *target, __u64 *frames, __u8 *end) {
        struct unwind_state *s = unwind_state_of(UNWIND_SLOT);
        int stop;

        if (!s || !unwind_begin(UNWIND_SLOT, target))
                return unwind_by_helper(ctx, frames, end);

        for (__u32 i = 0; i < CPROF_STACK_MAX; i++) {
                frames[i] = s->r.rip;

                stop = unwind_step(UNWIND_SLOT);
                if (stop != 0) {
                        *end = stop - 1;
                        return i + 1;
                }
        }

        *end = CPROF_END_TRUNCATED;
        return CPROF_STACK_MAX;
}
