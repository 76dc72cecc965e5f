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

/* Reads user memory: of the current task, whose walk is @w; if that is NULL of @task, which may sleep and
 * needs UNWIND_OTHER_TASKS. */
static __always_inline long
unwind_read(void *to, __u32 size, __u64 from, struct unwind_walk *w, struct task_struct *task) {
#ifdef UNWIND_OTHER_TASKS
        if (!w)
                return bpf_copy_from_user_task(to, size, (void *) from, task, 0);
#endif
        return bpf_probe_read_user(to, size, (void *) from);
}

/* One word of a stack, which is read from the inside out: mostly the next ones are wanted, too. */
static __always_inline long
unwind_read_word(__u64 *to, __u64 from, struct unwind_walk *w, struct task_struct *task) {
        __u64 offset;

        if (!w || (from & 7))
                return unwind_read(to, sizeof(*to), from, w, task);

        offset = from - w->window_at;
        if (offset >= w->window_bytes) {
                offset = 0;
                w->window_at = from;
                w->window_bytes = sizeof(w->window);
                if (bpf_probe_read_user(w->window, sizeof(w->window), (void *) from) < 0) {
                        w->window_bytes = 0; /* it may be near the end of the memory */
                        return unwind_read(to, sizeof(*to), from, w, task);
                }
        }

        *to = w->window[offset / sizeof(*to) & (UNWIND_WINDOW / sizeof(*to) - 1)];
        return 0;
}

/* A step returns 0 when the state is that of the caller, or this. */
#define UNWIND_STOP(end) (1 + (int) (end))

/* By the frame pointer. @failed: why there is nothing else to go by. */
static __always_inline int unwind_step_frame_pointer(
                struct unwind_state *s, int failed, struct unwind_walk *w, struct task_struct *task) {
        __u64 frame[2]; /* caller's rbp, return address */

        if (s->r.rbp == 0)
                return UNWIND_STOP(CPROF_END_FRAME_POINTER);
        if (s->r.rbp < s->r.rsp || (s->r.rbp & 7))
                return UNWIND_STOP(failed);
        if (unwind_read_word(&frame[0], s->r.rbp, w, task) < 0 ||
            unwind_read_word(&frame[1], s->r.rbp + sizeof(frame[0]), w, task) < 0)
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
unwind_step_signal(struct unwind_state *s, struct unwind_walk *w, struct task_struct *task) {
        __u64 from = s->r.rsp + UNWIND_SIGCONTEXT_OFFSET;

        if (unwind_read(s->words, sizeof(s->words), from, w, task) < 0)
                return UNWIND_STOP(CPROF_END_UNREADABLE);

        s->all_known = 1;
        return 0;
}

/* To the caller, whose stack pointer was @cfa. */
static __always_inline int
unwind_step_to(struct unwind_state *s,
               __u64 cfa,
               __s8 rbp,
               struct unwind_walk *w,
               struct task_struct *task) {
        __u64 ip, at;

        if (cfa <= s->r.rsp)
                return UNWIND_STOP(CPROF_END_BACKWARDS);

        /* it lies below the return address: in the order of the window */
        if (rbp != CPROF_RBP_SAME) {
                at = rbp == CPROF_RBP_AT_RBP ? s->r.rbp : cfa + (__s64) rbp * 8;
                if (unwind_read_word(&s->r.rbp, at, w, task) < 0)
                        return UNWIND_STOP(CPROF_END_UNREADABLE);
        }

        if (unwind_read_word(&ip, cfa - sizeof(ip), w, task) < 0)
                return UNWIND_STOP(CPROF_END_UNREADABLE);
        if (ip == 0)
                return UNWIND_STOP(CPROF_END_ROOT);

        s->r.rsp = cfa;
        s->r.rip = ip;
        s->all_known = 0;
        return 0;
}

/* Register @n of DWARF. */
static __always_inline __u64 unwind_register(const struct unwind_state *s, __u32 n) {
        n = n < 8 ? UNWIND_DWARF_ORDER >> (4 * n) & 15 : n - 8;
        return s->words[n & 15];
}

/* By @row, of which pc is of no interest. */
static __always_inline int
unwind_step_row(struct unwind_state *s,
                struct cprof_unwind_row row,
                struct unwind_walk *w,
                struct task_struct *task) {
        __u32 rule = row.rule;
        __s64 offset = row.cfa;
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
                if (unwind_read(&cfa, sizeof(cfa), at, w, task) < 0)
                        return UNWIND_STOP(CPROF_END_UNREADABLE);
                cfa += (offset & 15) * 8;
                break;
        case CPROF_RULE_DEREF_INDEX:
                if (!s->all_known)
                        return UNWIND_STOP(CPROF_END_REGISTER);
                at = s->r.rsp + 8 * unwind_register(s, offset & 15) + (offset >> 4) * 8;
                if (unwind_read(&cfa, sizeof(cfa), at, w, task) < 0)
                        return UNWIND_STOP(CPROF_END_UNREADABLE);
                cfa += 8;
                break;
        case CPROF_RULE_SIGNAL:
                return unwind_step_signal(s, w, task);
        case CPROF_RULE_END:
                return UNWIND_STOP(CPROF_END_ROOT);
        case CPROF_RULE_NONE:
                return unwind_step_frame_pointer(s, CPROF_END_NO_ROW, w, task);
        default:
                if (rule < CPROF_RULE_REGISTER || rule >= CPROF_RULE_REGISTER + 16)
                        return UNWIND_STOP(CPROF_END_UNSUPPORTED);
                if (!s->all_known)
                        return UNWIND_STOP(CPROF_END_REGISTER);

                cfa = unwind_register(s, rule - CPROF_RULE_REGISTER) + offset * 8;
        }

        return unwind_step_to(s, cfa, row.rbp, w, task);
}

/* One frame up, by the tables: @ip is looked up. What was found is kept in @known unless that is NULL. */
static __always_inline int unwind_step_search(
                struct unwind_state *s,
                __u64 ip,
                struct unwind_known *known,
                struct unwind_walk *w,
                struct task_struct *task) {
        struct cprof_unwind_mapping *m = NULL;
        struct cprof_unwind_row *row;
        __u32 index = s->mapping;
        __u64 pc;

        if (index != UNWIND_NOWHERE)
                m = bpf_map_lookup_elem(&unwind_mappings, &index);
        if (!m || ip < m->start || ip >= m->end) {
                index = unwind_find_mapping(s->mapping_first, s->mapping_end, ip);
                s->mapping = index;
                m = bpf_map_lookup_elem(&unwind_mappings, &index);
                if (!m)
                        return unwind_step_frame_pointer(s, CPROF_END_NO_MAPPING, w, task);
        }

        if (m->row_first >= m->row_end) {
                if (m->rule == CPROF_RULE_RSP)
                        return unwind_step_to(s, s->r.rsp + (__s64) m->cfa, CPROF_RBP_SAME, w, task);
                s->guessed |= m->rule == CPROF_RULE_UNSUPPORTED;
                return unwind_step_frame_pointer(s, CPROF_END_NO_MAPPING, w, task);
        }

        pc = ip - m->base;
        if (pc > 0xffffffffU)
                return UNWIND_STOP(CPROF_END_NO_ROW);

        index = unwind_find_row_indexed(m, pc);
        row = bpf_map_lookup_elem(&unwind_rows, &index);
        if (!row)
                return UNWIND_STOP(CPROF_END_NO_ROW);

        /* The copy of the target may be of two, if the daemon replaced it meanwhile; the mapping is of one.
         */
        if (known && s->generation != 0 && m->generation == s->generation)
                *known = (struct unwind_known){
                        .ip = ip,
                        .generation = s->generation,
                        .cfa = row->cfa,
                        .rbp = row->rbp,
                        .rule = row->rule,
                };

        return unwind_step_row(s, *row, w, task);
}

/* What is looked up: a return address may be the first byte of the next function already. */
static __always_inline __u64 unwind_ip(const struct unwind_state *s) {
        return s->all_known ? s->r.rip : s->r.rip - 1;
}

/* One frame up, of the current task. */
static __always_inline int unwind_step_walk(struct unwind_walk *w) {
        struct unwind_state *s = &w->state;
        __u64 ip = unwind_ip(s);
        struct unwind_known *known = &w->known[ip * UNWIND_HASH >> (64 - UNWIND_KNOWN_BITS)];

        if (known->ip == ip && known->generation == s->generation && s->generation != 0)
                return unwind_step_row(
                                s,
                                (struct cprof_unwind_row){
                                                .cfa = known->cfa, .rbp = known->rbp, .rule = known->rule },
                                w,
                                NULL);

        return unwind_step_search(s, ip, known, w, NULL);
}

/* A walk that came to its end through a guess may have left frames out: it does not count as complete. */
static __always_inline int unwind_judge(const struct unwind_state *s, int stop) {
        if (s->guessed &&
            (stop == UNWIND_STOP(CPROF_END_ROOT) || stop == UNWIND_STOP(CPROF_END_FRAME_POINTER)))
                return UNWIND_STOP(CPROF_END_HELPER);

        return stop;
}

__noinline int unwind_step(void) {
        struct unwind_walk *w = unwind_walk();

        return w ? unwind_judge(&w->state, unwind_step_walk(w)) : UNWIND_STOP(CPROF_END_NONE);
}

#ifdef UNWIND_OTHER_TASKS
/* Static: a pointer to a task is no number. */
static __noinline int unwind_step_other(struct task_struct *task) {
        struct unwind_state *s = unwind_state_other();

        if (!s)
                return UNWIND_STOP(CPROF_END_NONE);

        return unwind_judge(s, unwind_step_search(s, unwind_ip(s), NULL, NULL, task));
}
#endif

static __always_inline _Bool unwind_begin(struct unwind_state *s, const struct cprof_target *target) {
        if (target->mapping_first >= target->mapping_end)
                return 0;

        s->mapping_first = target->mapping_first;
        s->mapping_end = target->mapping_end;
        s->generation = target->generation;
        s->mapping = UNWIND_NOWHERE;
        s->all_known = 1;
        s->guessed = 0;
        return 1;
}

/* The stack of the current task from the registers loaded before: at most CPROF_STACK_MAX addresses,
 * innermost first, to @frames. Returns their number; @end gets enum cprof_unwind_end. */
static __always_inline __u32
unwind_current(void *ctx, const struct cprof_target *target, __u64 *frames, __u8 *end) {
        struct unwind_walk *w = unwind_walk();
        int stop;

        if (!w || !unwind_begin(&w->state, target))
                return unwind_by_helper(ctx, frames, end);

        w->window_bytes = 0;
        for (__u32 i = 0; i < CPROF_STACK_MAX; i++) {
                frames[i] = w->state.r.rip;

                stop = unwind_step();
                if (stop != 0) {
                        *end = stop - 1;
                        return i + 1;
                }
        }

        *end = CPROF_END_TRUNCATED;
        return CPROF_STACK_MAX;
}
