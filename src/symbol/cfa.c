/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/cfa.h"

#include "basic/cleanup.h"
#include "symbol/cfa-expression.h"
#include "symbol/cfa-row.h"

typedef struct Machine {
        const Cie *cie;
        DwarfReader program;
        CfaState state, initial;
        CfaState stack[CFA_STATES_MAX];
        unsigned n_stack;

        uint64_t location; /* where @state begins to hold */
        uint64_t end, base;
        CfaRows *rows;
        size_t first_row;
} Machine;

static int add_row(Machine *m, uint64_t location, struct cprof_unwind_row row) {
        if (m->rows->n > m->first_row) {
                const struct cprof_unwind_row *last = &m->rows->rows[m->rows->n - 1];

                if (last->rule == row.rule && last->cfa == row.cfa && last->rbp == row.rbp)
                        return 0;
        }

        row.pc = (uint32_t) (location - m->base);
        return cfa_rows_add(m->rows, row);
}

/* Linkage tables whose entries begin with endbr64 push at another byte than the rule for them has. */
static int add_plt_rows(Machine *m, uint64_t end) {
        struct cprof_unwind_row row = cfa_row(&m->state, false);
        uint64_t push = (uint64_t) m->state.a;
        int r;

        if (row.rule != CPROF_RULE_PLT || (end - m->location) / 16 > CFA_PLT_ENTRIES_MAX)
                return add_row(m, m->location, (struct cprof_unwind_row){ .rule = CPROF_RULE_UNSUPPORTED });

        row.rule = CPROF_RULE_RSP;
        for (uint64_t at = m->location; at < end;
             at = (at & ~UINT64_C(15)) + ((at & 15) < push ? push : 16)) {
                row.cfa = (at & 15) < push ? 1 : 2;
                r = add_row(m, at, row);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Lets the present rules hold up to @location. */
static int advance_to(Machine *m, uint64_t location) {
        uint64_t end = MIN_OF(location, m->end);
        int r = 0;

        if (location < m->location)
                return -EBADMSG;
        if (end <= m->location || !m->rows)
                return 0;

        if (m->state.form == CFA_PLT && m->state.a != CFA_PLT_PUSH)
                r = add_plt_rows(m, end);
        else
                r = add_row(m, m->location, cfa_row(&m->state, m->cie->signal_frame));
        m->location = end;
        return r;
}

static int advance(Machine *m, uint64_t delta) {
        uint64_t location;

        if (__builtin_mul_overflow(delta, m->cie->code_align, &delta) ||
            __builtin_add_overflow(m->location, delta, &location))
                return -EBADMSG;

        return advance_to(m, location);
}

/* Rules of registers that no row has are read and forgotten. */
static CfaSaved *saved_of(CfaState *s, uint64_t reg) {
        switch (reg) {
        case CFA_RBP:
                return &s->rbp;
        case CFA_RSP:
                return &s->rsp;
        case CFA_RA:
                return &s->ra;
        default:
                return NULL;
        }
}

static int set_saved(Machine *m, uint64_t reg, CfaSaved saved) {
        CfaSaved *slot = saved_of(&m->state, reg);

        if (slot)
                *slot = saved;
        return 0;
}

static int set_offset(Machine *m, uint64_t reg, int64_t factored) {
        int32_t offset;

        if (__builtin_mul_overflow(factored, m->cie->data_align, &offset))
                return set_saved(m, reg, (CfaSaved){ .form = SAVED_OTHER });

        return set_saved(m, reg, (CfaSaved){ .form = SAVED_AT_CFA, .offset = offset });
}

static int restore(Machine *m, uint64_t reg) {
        const CfaSaved *initial = saved_of(&m->initial, reg);

        return initial ? set_saved(m, reg, *initial) : 0;
}

/* Between an expression and the next register the offset is kept for that, as the unwinder of GCC has it:
 * there is assembly that relies on it. */
static int set_cfa_offset(Machine *m, uint64_t offset) {
        m->state.offset = offset > INT32_MAX ? INT32_MAX : (int32_t) offset; /* which no row can hold */
        return 0;
}

static int set_cfa_signed_offset(Machine *m, int64_t factored) {
        if (__builtin_mul_overflow(factored, m->cie->data_align, &m->state.offset))
                m->state.offset = INT32_MAX;
        return 0;
}

static int set_cfa_register(Machine *m, uint64_t reg) {
        m->state.form = CFA_REGISTER;
        m->state.reg = (uint8_t) MIN_OF(reg, (uint64_t) UINT8_MAX);
        return 0;
}

/* DW_CFA_… in the order of their numbers. */

static int on_nop(Machine *m) {
        (void) m;
        return 0;
}

static int on_set_loc(Machine *m) {
        uint64_t location = dwarf_read_pointer(&m->program, m->cie->encoding);

        return m->program.bad ? -EBADMSG : advance_to(m, location);
}

static int on_advance_loc1(Machine *m) {
        return advance(m, dwarf_read_unsigned(&m->program, 1));
}

static int on_advance_loc2(Machine *m) {
        return advance(m, dwarf_read_unsigned(&m->program, 2));
}

static int on_advance_loc4(Machine *m) {
        return advance(m, dwarf_read_unsigned(&m->program, 4));
}

static int on_offset_extended(Machine *m) {
        uint64_t reg = dwarf_read_uleb128(&m->program);
        uint64_t factored = dwarf_read_uleb128(&m->program);

        return set_offset(m, reg, factored > INT64_MAX ? INT64_MAX : (int64_t) factored);
}

static int on_restore_extended(Machine *m) {
        return restore(m, dwarf_read_uleb128(&m->program));
}

static int on_undefined(Machine *m) {
        return set_saved(m, dwarf_read_uleb128(&m->program), (CfaSaved){ .form = SAVED_UNDEFINED });
}

static int on_same_value(Machine *m) {
        return set_saved(m, dwarf_read_uleb128(&m->program), (CfaSaved){ .form = SAVED_SAME });
}

static int on_register(Machine *m) {
        uint64_t reg = dwarf_read_uleb128(&m->program), holder = dwarf_read_uleb128(&m->program);

        return set_saved(m, reg, (CfaSaved){ .form = reg == holder ? SAVED_SAME : SAVED_OTHER });
}

static int on_remember_state(Machine *m) {
        if (m->n_stack == CFA_STATES_MAX)
                return -EBADMSG;

        m->stack[m->n_stack++] = m->state;
        return 0;
}

static int on_restore_state(Machine *m) {
        if (m->n_stack == 0)
                return -EBADMSG;

        m->state = m->stack[--m->n_stack];
        return 0;
}

static int on_def_cfa(Machine *m) {
        (void) set_cfa_register(m, dwarf_read_uleb128(&m->program));
        return set_cfa_offset(m, dwarf_read_uleb128(&m->program));
}

static int on_def_cfa_register(Machine *m) {
        return set_cfa_register(m, dwarf_read_uleb128(&m->program));
}

static int on_def_cfa_offset(Machine *m) {
        return set_cfa_offset(m, dwarf_read_uleb128(&m->program));
}

static int on_def_cfa_expression(Machine *m) {
        DwarfReader expression = dwarf_read_block(&m->program, dwarf_read_uleb128(&m->program));

        cfa_expression_of_cfa(expression, &m->state);
        return 0;
}

static int on_expression(Machine *m) {
        uint64_t reg = dwarf_read_uleb128(&m->program);
        DwarfReader expression = dwarf_read_block(&m->program, dwarf_read_uleb128(&m->program));

        return set_saved(m, reg, cfa_expression_of_register(expression));
}

static int on_offset_extended_sf(Machine *m) {
        uint64_t reg = dwarf_read_uleb128(&m->program);

        return set_offset(m, reg, dwarf_read_sleb128(&m->program));
}

static int on_def_cfa_sf(Machine *m) {
        (void) set_cfa_register(m, dwarf_read_uleb128(&m->program));
        return set_cfa_signed_offset(m, dwarf_read_sleb128(&m->program));
}

static int on_def_cfa_offset_sf(Machine *m) {
        return set_cfa_signed_offset(m, dwarf_read_sleb128(&m->program));
}

static int on_val_offset(Machine *m) {
        uint64_t reg = dwarf_read_uleb128(&m->program), offset = dwarf_read_uleb128(&m->program);

        /* That rsp is the CFA goes without saying. */
        return set_saved(
                        m,
                        reg,
                        (CfaSaved){ .form = reg == CFA_RSP && offset == 0 ? SAVED_SAME : SAVED_OTHER });
}

static int on_val_offset_sf(Machine *m) {
        return on_val_offset(m); /* zero is the same in both encodings */
}

static int on_val_expression(Machine *m) {
        uint64_t reg = dwarf_read_uleb128(&m->program);

        (void) dwarf_read_block(&m->program, dwarf_read_uleb128(&m->program));
        return set_saved(m, reg, (CfaSaved){ .form = SAVED_OTHER });
}

static int on_gnu_args_size(Machine *m) {
        (void) dwarf_read_uleb128(&m->program);
        return 0;
}

static int on_gnu_negative_offset_extended(Machine *m) {
        uint64_t reg = dwarf_read_uleb128(&m->program), factored = dwarf_read_uleb128(&m->program);

        return set_offset(m, reg, factored > INT64_MAX ? INT64_MIN : -(int64_t) factored);
}

static int (*const operations[64])(Machine *m) = {
        [0x00] = on_nop,
        [0x01] = on_set_loc,
        [0x02] = on_advance_loc1,
        [0x03] = on_advance_loc2,
        [0x04] = on_advance_loc4,
        [0x05] = on_offset_extended,
        [0x06] = on_restore_extended,
        [0x07] = on_undefined,
        [0x08] = on_same_value,
        [0x09] = on_register,
        [0x0a] = on_remember_state,
        [0x0b] = on_restore_state,
        [0x0c] = on_def_cfa,
        [0x0d] = on_def_cfa_register,
        [0x0e] = on_def_cfa_offset,
        [0x0f] = on_def_cfa_expression,
        [0x10] = on_expression,
        [0x11] = on_offset_extended_sf,
        [0x12] = on_def_cfa_sf,
        [0x13] = on_def_cfa_offset_sf,
        [0x14] = on_val_offset,
        [0x15] = on_val_offset_sf,
        [0x16] = on_val_expression,
        [0x2e] = on_gnu_args_size,
        [0x2f] = on_gnu_negative_offset_extended,
};

static int step(Machine *m) {
        uint8_t op = dwarf_read_byte(&m->program), low = op & 0x3f;

        switch (op >> 6) {
        case 1: /* DW_CFA_advance_loc */
                return advance(m, low);
        case 2: { /* DW_CFA_offset */
                uint64_t factored = dwarf_read_uleb128(&m->program);

                return set_offset(m, low, factored > INT64_MAX ? INT64_MAX : (int64_t) factored);
        }
        case 3: /* DW_CFA_restore */
                return restore(m, low);
        default:
                return operations[low] ? operations[low](m) : -EBADMSG;
        }
}

static int run(Machine *m) {
        int r;

        while (dwarf_left(&m->program) > 0 && (!m->rows || m->location < m->end)) {
                r = step(m);
                if (r < 0)
                        return r;
                if (m->program.bad)
                        return -EBADMSG;
        }

        return m->rows ? advance_to(m, m->end) : 0;
}

int cfa_run_initial(Cie *cie, DwarfReader program) {
        Machine m = { .cie = cie, .program = program };
        int r;

        r = run(&m);
        if (r < 0)
                return r;

        cie->initial = m.state;
        return 0;
}

int cfa_run(const Cie *cie,
            DwarfReader program,
            uint64_t start,
            uint64_t end,
            uint64_t base,
            CfaRows *rows) {
        Machine m;
        int r;

        assert(start >= base);

        /* Not the stack of states, which is large. */
        m.cie = cie;
        m.program = program;
        m.state = m.initial = cie->initial;
        m.n_stack = 0;
        m.location = start;
        m.end = end;
        m.base = base;
        m.rows = rows;
        m.first_row = rows->n;

        r = run(&m);
        if (r < 0)
                rows->n = m.first_row;
        return r;
}
