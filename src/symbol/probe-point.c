/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/probe-point.h"

#include "basic/cleanup.h"

#include <Zydis/Zydis.h>
#include <stdbool.h>

#define PROLOGUE_INSTRUCTIONS_MAX 16U /* looked at before a function is taken as dear */

/* Integer arguments in order, of the System V ABI. */
static const ZydisRegister c_arguments[] = {
        ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDX, ZYDIS_REGISTER_RCX, ZYDIS_REGISTER_R8,
};
/* Receiver, slice and the goroutine, of ABIInternal. */
static const ZydisRegister go_arguments[] = {
        ZYDIS_REGISTER_RAX, ZYDIS_REGISTER_RBX, ZYDIS_REGISTER_RCX, ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_R14,
};

typedef struct Step {
        Code code;
        ZydisDecoder decoder;
        size_t at, next; /* of the instruction, of the one behind it */
        ZydisDecodedInstruction instruction;
        ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
} Step;

static void step_init(Step *ret, Code code) {
        ret->code = code;
        ret->at = ret->next = 0;
        (void) ZydisDecoderInit(&ret->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

/* false: the end, or no instruction. */
static bool step(Step *s) {
        s->at = s->next;
        if (s->at >= s->code.size ||
            !ZYAN_SUCCESS(ZydisDecoderDecodeFull(
                            &s->decoder,
                            s->code.bytes + s->at,
                            s->code.size - s->at,
                            &s->instruction,
                            s->operands)))
                return false;

        s->next = s->at + s->instruction.length;
        return true;
}

static bool writes_register(const Step *s, ZydisRegister wanted) {
        for (size_t i = 0; i < s->instruction.operand_count; i++) {
                const ZydisDecodedOperand *o = &s->operands[i];

                if (o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
                    (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
                    ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, o->reg.value) == wanted)
                        return true;
        }

        return false;
}

static bool writes_any(const Step *s, const ZydisRegister *registers, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (writes_register(s, registers[i]))
                        return true;

        return false;
}

static bool writes_memory(const Step *s) {
        for (size_t i = 0; i < s->instruction.operand_count; i++)
                if (s->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
                    (s->operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
                        return true;

        return false;
}

static bool is_branch(const Step *s) {
        switch (s->instruction.meta.category) {
        case ZYDIS_CATEGORY_CALL:
        case ZYDIS_CATEGORY_COND_BR:
        case ZYDIS_CATEGORY_UNCOND_BR:
        case ZYDIS_CATEGORY_RET:
        case ZYDIS_CATEGORY_INTERRUPT:
        case ZYDIS_CATEGORY_SYSCALL:
        case ZYDIS_CATEGORY_SYSTEM:
                return true;
        default:
                return false;
        }
}

/* What arch/x86/kernel/uprobes.c emulates: push of a register (since 4.17), one-byte nop, near jumps. */
static bool is_emulated(const Step *s, ProbePointUse use) {
        const uint8_t *b = s->code.bytes + s->at;

        switch (s->instruction.length) {
        case 1:
                return (b[0] >= 0x50 && b[0] <= 0x57) || b[0] == 0x90;
        case 2:
                if (b[0] == 0x41 && b[1] >= 0x50 && b[1] <= 0x57)
                        return true;
                if (b[0] == 0xeb)
                        return true;
                return use != PROBE_POINT_RETURN && b[0] >= 0x70 && b[0] <= 0x7f;
        case 5:
                return b[0] == 0xe9;
        case 6:
                return use != PROBE_POINT_RETURN && b[0] == 0x0f && b[1] >= 0x80 && b[1] <= 0x8f;
        default:
                return false;
        }
}

int probe_point_cheap(Code code, ProbePointUse use, size_t *ret_at) {
        Step s;

        assert(ret_at);

        step_init(&s, code);
        for (unsigned i = 0; i < PROLOGUE_INSTRUCTIONS_MAX && step(&s); i++) {
                if (is_emulated(&s, use)) {
                        *ret_at = s.at;
                        return 0;
                }

                if (is_branch(&s) || writes_memory(&s) || writes_register(&s, ZYDIS_REGISTER_RSP))
                        break;
                if (use == PROBE_POINT_GO ? writes_any(&s, go_arguments, ELEMENTSOF(go_arguments))
                                          : writes_any(&s, c_arguments, ELEMENTSOF(c_arguments)))
                        break;
        }

        return -ENOENT;
}

/* The target of a direct call or jump. */
static bool get_target(const Step *s, uint64_t *ret_address) {
        const ZydisDecodedOperand *o = &s->operands[0];

        if (s->instruction.operand_count == 0 || o->type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
            !o->imm.is_relative)
                return false;

        return ZYAN_SUCCESS(
                        ZydisCalcAbsoluteAddress(&s->instruction, o, s->code.address + s->at, ret_address));
}

static bool is_call_or_jump(const Step *s) {
        return s->instruction.meta.category == ZYDIS_CATEGORY_CALL ||
                        s->instruction.meta.category == ZYDIS_CATEGORY_UNCOND_BR;
}

int probe_point_wrapped(Code code, unsigned n_arguments, uint64_t *ret_address) {
        Step s;

        assert(n_arguments <= ELEMENTSOF(c_arguments));
        assert(ret_address);

        step_init(&s, code);
        for (unsigned i = 0; i < PROLOGUE_INSTRUCTIONS_MAX && step(&s); i++) {
                bool is_push = s.instruction.mnemonic == ZYDIS_MNEMONIC_PUSH;

                if (is_call_or_jump(&s))
                        return get_target(&s, ret_address) ? 0 : -ENOENT;
                if (is_branch(&s) || (writes_memory(&s) && !is_push) ||
                    writes_any(&s, c_arguments, n_arguments))
                        break;
        }

        return -ENOENT;
}

int probe_point_calls(Code code, uint64_t address) {
        uint64_t target;
        Step s;

        step_init(&s, code);
        while (step(&s))
                if (is_call_or_jump(&s) && get_target(&s, &target) && target == address)
                        return 1;

        return 0;
}

int probe_point_returns(Code code, uint64_t *ret_at, unsigned max, unsigned *ret_n) {
        unsigned n = 0;
        Step s;

        assert(ret_at);
        assert(ret_n);

        step_init(&s, code);
        while (step(&s)) {
                if (s.instruction.meta.category != ZYDIS_CATEGORY_RET)
                        continue;
                if (n >= max)
                        return -E2BIG;
                ret_at[n++] = s.at;
        }
        if (s.at < code.size)
                return -EBADMSG;

        *ret_n = n;
        return 0;
}
