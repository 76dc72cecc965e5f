/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/cfa-expression.h"

#include <errno.h>
#include <string.h>

#define VALUES_MAX 8U

enum {
        OP_DEREF = 0x06,
        OP_CONST1U = 0x08,
        OP_CONST8S = 0x0f,
        OP_CONSTU = 0x10,
        OP_CONSTS = 0x11,
        OP_MINUS = 0x1c,
        OP_PLUS = 0x22,
        OP_PLUS_UCONST = 0x23,
        OP_LIT0 = 0x30,
        OP_LIT31 = 0x4f,
        OP_BREG0 = 0x70,
        OP_BREG31 = 0x8f,
        OP_NOP = 0x96,
};

typedef enum ValueForm {
        VALUE_CONSTANT, /* a */
        VALUE_REGISTER, /* register + a */
        VALUE_DEREF,    /* *(register + a) + b */
} ValueForm;

typedef struct Value {
        ValueForm form;
        uint8_t reg;
        int64_t a, b;
} Value;

typedef struct Stack {
        Value values[VALUES_MAX];
        unsigned n;
} Stack;

static int push(Stack *s, Value value) {
        if (s->n == VALUES_MAX)
                return -EBADMSG;

        s->values[s->n++] = value;
        return 0;
}

static int push_constant(Stack *s, int64_t value) {
        return push(s, (Value){ .form = VALUE_CONSTANT, .a = value });
}

static int add_to(Value *value, int64_t constant) {
        int64_t *part = value->form == VALUE_DEREF ? &value->b : &value->a;

        return __builtin_add_overflow(*part, constant, part) ? -EBADMSG : 0;
}

/* The sum of a constant and anything. */
static int add_two(Stack *s) {
        Value top;

        if (s->n < 2)
                return -EBADMSG;

        top = s->values[--s->n];
        if (top.form != VALUE_CONSTANT) {
                Value other = s->values[s->n - 1];

                if (other.form != VALUE_CONSTANT)
                        return -EBADMSG;
                s->values[s->n - 1] = top;
                top = other;
        }

        return add_to(&s->values[s->n - 1], top.a);
}

static int subtract(Stack *s) {
        Value *top = s->values + s->n;

        if (s->n < 2)
                return -EBADMSG;

        top--;
        if (top->form != VALUE_CONSTANT || __builtin_sub_overflow((int64_t) 0, top->a, &top->a))
                return -EBADMSG;

        return add_two(s);
}

static int dereference(Stack *s) {
        if (s->n == 0 || s->values[s->n - 1].form != VALUE_REGISTER)
                return -EBADMSG;

        s->values[s->n - 1].form = VALUE_DEREF;
        return 0;
}

static int plus_uconst(Stack *s, uint64_t constant) {
        if (s->n == 0 || constant > INT64_MAX)
                return -EBADMSG;

        return add_to(&s->values[s->n - 1], (int64_t) constant);
}

/* DW_OP_const1u, const1s, const2u and so on */
static int push_sized(Stack *s, DwarfReader *r, uint8_t op) {
        unsigned size = 1U << ((op - OP_CONST1U) / 2);

        return push_constant(
                        s,
                        (op - OP_CONST1U) % 2 == 0 ? (int64_t) dwarf_read_unsigned(r, size)
                                                   : dwarf_read_signed(r, size));
}

static int step(Stack *s, DwarfReader *r) {
        uint8_t op = dwarf_read_byte(r);

        if (op >= OP_BREG0 && op <= OP_BREG31)
                return push(s,
                            (Value){ .form = VALUE_REGISTER,
                                     .reg = op - OP_BREG0,
                                     .a = dwarf_read_sleb128(r) });
        if (op >= OP_LIT0 && op <= OP_LIT31)
                return push_constant(s, op - OP_LIT0);
        if (op >= OP_CONST1U && op <= OP_CONST8S)
                return push_sized(s, r, op);

        switch (op) {
        case OP_CONSTU:
                return push_constant(s, (int64_t) dwarf_read_uleb128(r));
        case OP_CONSTS:
                return push_constant(s, dwarf_read_sleb128(r));
        case OP_DEREF:
                return dereference(s);
        case OP_PLUS:
                return add_two(s);
        case OP_MINUS:
                return subtract(s);
        case OP_PLUS_UCONST:
                return plus_uconst(s, dwarf_read_uleb128(r));
        case OP_NOP:
                return 0;
        default:
                return -EBADMSG;
        }
}

/* -EBADMSG, also for what has a meaning, but none that a row can have. */
static int evaluate(DwarfReader r, Value *ret_value) {
        Stack s;

        s.n = 0;
        while (dwarf_left(&r) > 0)
                if (step(&s, &r) < 0 || r.bad)
                        return -EBADMSG;

        if (s.n == 0)
                return -EBADMSG;

        *ret_value = s.values[s.n - 1];
        if (ret_value->a < INT32_MIN || ret_value->a > INT32_MAX || ret_value->b < INT32_MIN ||
            ret_value->b > INT32_MAX)
                return -EBADMSG;
        return 0;
}

/* What linkers write for .plt: rsp + 8 + ((rip & 15) >= lit << 3); returns the literal, 0 for anything else.
 */
static int plt_push(DwarfReader r) {
        static const uint8_t expression[] = {
                0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a, OP_LIT0, 0x2a, 0x33, 0x24, OP_PLUS,
        };
        uint8_t literal;

        if (dwarf_left(&r) != sizeof(expression) || memcmp(r.at, expression, 6) != 0 ||
            memcmp(r.at + 7, expression + 7, sizeof(expression) - 7) != 0)
                return 0;

        literal = r.at[6];
        return literal > OP_LIT0 && literal < OP_LIT0 + 16 ? literal - OP_LIT0 : 0;
}

/* What OpenSSL's Montgomery multiplication says of itself: *(rsp + a + 8 * register) + 8; true for that. */
static bool index_of(DwarfReader r, CfaState *ret_state) {
        static const uint8_t end[] = {
                0x00, OP_LIT0 + 8, 0x1e, OP_PLUS, OP_DEREF, OP_PLUS_UCONST, 0x08,
        };
        uint8_t a, index;

        if (dwarf_left(&r) != 3 + sizeof(end) || memcmp(r.at + 3, end, sizeof(end)) != 0)
                return false;

        a = r.at[1];
        index = r.at[2];
        if (r.at[0] != OP_BREG0 + CFA_RSP || a >= 64 || index < OP_BREG0 || index > OP_BREG0 + 15)
                return false;

        ret_state->form = CFA_INDEX;
        ret_state->base = index - OP_BREG0;
        ret_state->a = a;
        return true;
}

void cfa_expression_of_cfa(DwarfReader expression, CfaState *ret_state) {
        Value value;
        int push;

        push = plt_push(expression);
        if (push > 0) {
                ret_state->form = CFA_PLT;
                ret_state->a = push;
                return;
        }

        if (index_of(expression, ret_state))
                return;

        ret_state->form = CFA_UNKNOWN;
        if (evaluate(expression, &value) < 0 || value.form == VALUE_CONSTANT)
                return;

        ret_state->form = value.form == VALUE_DEREF ? CFA_DEREF : CFA_SUM;
        ret_state->base = value.reg;
        ret_state->a = (int32_t) value.a;
        ret_state->b = (int32_t) value.b;
}

CfaSaved cfa_expression_of_register(DwarfReader expression) {
        Value value;

        if (evaluate(expression, &value) < 0 || value.form != VALUE_REGISTER)
                return (CfaSaved){ .form = SAVED_OTHER };

        return (CfaSaved){ .form = SAVED_AT_REGISTER, .reg = value.reg, .offset = (int32_t) value.a };
}
