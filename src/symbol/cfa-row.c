/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/cfa-row.h"

#include "basic/cleanup.h"

#define ROWS_FIRST 4096U

/* Offsets in struct ucontext of x86-64, which the kernel leaves at rsp below a signal handler. */
#define UCONTEXT_RSP 160
#define UCONTEXT_RIP 168

int cfa_rows_add(CfaRows *rows, struct cprof_unwind_row row) {
        if (rows->n >= rows->n_max)
                return -E2BIG;

        if (rows->n == rows->n_allocated) {
                size_t n = rows->n > 0 ? 2 * rows->n : ROWS_FIRST;
                struct cprof_unwind_row *grown = reallocarray(rows->rows, n, sizeof(row));

                if (!grown)
                        return -ENOMEM;

                rows->rows = grown;
                rows->n_allocated = n;
        }

        rows->rows[rows->n++] = row;
        return 0;
}

static struct cprof_unwind_row row_of(uint8_t rule, int cfa, int rbp) {
        return (struct cprof_unwind_row){ .rule = rule, .cfa = (__s16) cfa, .rbp = (__s8) rbp };
}

static bool is_word_within(int32_t offset, int32_t min, int32_t max) {
        return offset % 8 == 0 && offset / 8 >= min && offset / 8 <= max;
}

static bool is_kernel_signal_frame(const CfaState *s) {
        return s->form == CFA_DEREF && s->base == CFA_RSP && s->a == UCONTEXT_RSP && s->b == 0 &&
                        s->ra.form == SAVED_AT_REGISTER && s->ra.reg == CFA_RSP &&
                        s->ra.offset == UCONTEXT_RIP;
}

/* The part of a row that says where the caller's rbp is; -EDOM if it can't. */
static int encode_rbp(const CfaState *s, int *ret_rbp) {
        const CfaSaved *rbp = &s->rbp;
        int64_t offset = rbp->offset;

        if (rbp->form == SAVED_SAME) {
                *ret_rbp = CPROF_RBP_SAME;
                return 0;
        }

        if (rbp->form == SAVED_AT_REGISTER) {
                if (rbp->reg == CFA_RBP && offset == 0) {
                        *ret_rbp = CPROF_RBP_AT_RBP;
                        return 0;
                }
                if (s->form != CFA_REGISTER || s->reg != rbp->reg)
                        return -EDOM;
                offset -= s->offset;
        } else if (rbp->form != SAVED_AT_CFA)
                return -EDOM;

        if (offset == 0 || offset % 8 != 0 || offset / 8 < -127 || offset / 8 > 127)
                return -EDOM;

        *ret_rbp = (int) (offset / 8);
        return 0;
}

static struct cprof_unwind_row encode_register(const CfaState *s, int rbp) {
        if (!is_word_within(s->offset, INT16_MIN, INT16_MAX) || s->reg >= CFA_RA)
                return row_of(CPROF_RULE_UNSUPPORTED, 0, 0);

        return row_of(s->reg == CFA_RSP                   ? CPROF_RULE_RSP
                                      : s->reg == CFA_RBP ? CPROF_RULE_RBP
                                                          : CPROF_RULE_REGISTER + s->reg,
                      s->offset / 8,
                      rbp);
}

struct cprof_unwind_row cfa_row(const CfaState *s, bool signal_frame) {
        CfaState sum;
        int rbp;

        if (s->form == CFA_SUM) { /* a register and an offset in other words */
                sum = *s;
                sum.form = CFA_REGISTER;
                sum.reg = s->base;
                sum.offset = s->a;
                s = &sum;
        }

        if (signal_frame && is_kernel_signal_frame(s))
                return row_of(CPROF_RULE_SIGNAL, 0, 0);
        if (s->ra.form == SAVED_UNDEFINED)
                return row_of(CPROF_RULE_END, 0, 0);

        if (s->ra.form != SAVED_AT_CFA || s->ra.offset != -8 || s->rsp.form != SAVED_SAME ||
            encode_rbp(s, &rbp) < 0)
                return row_of(CPROF_RULE_UNSUPPORTED, 0, 0);

        if (s->form == CFA_REGISTER)
                return encode_register(s, rbp);
        if (s->form == CFA_PLT)
                return row_of(CPROF_RULE_PLT, 0, rbp);

        if (s->form == CFA_INDEX && is_word_within(s->a, -2048, 2047))
                return row_of(CPROF_RULE_DEREF_INDEX, s->a / 8 * 16 + s->base, rbp);

        if (s->form == CFA_DEREF && is_word_within(s->a, -2048, 2047) && is_word_within(s->b, 0, 15)) {
                if (s->base == CFA_RBP)
                        return row_of(CPROF_RULE_DEREF_RBP, s->a / 8 * 16 + s->b / 8, rbp);
                if (s->base == CFA_RSP)
                        return row_of(CPROF_RULE_DEREF_RSP, s->a / 8 * 16 + s->b / 8, rbp);
        }

        return row_of(CPROF_RULE_UNSUPPORTED, 0, 0);
}
