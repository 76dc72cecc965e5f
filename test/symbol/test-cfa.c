/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/eh-rows.h"

TestSuite(cfa, .timeout = 20);

#define ADVANCE "\x44" /* by 4 bytes */

typedef struct Program {
        const char *name;
        const char *bytes;
        size_t n;
        const char *expected; /* "" = the FDE is malformed */
} Program;

#define PROGRAM(name, bytes, expected) \
        { name, BYTES(bytes), expected }

static void expect_programs(const char *head, size_t n_head, const Program *programs, size_t n) {
        for (size_t i = 0; i < n; i++) {
                size_t cie;

                image.n = 0;
                cie = eh_add_cie(&image, head, n_head, BYTES(INITIAL));
                eh_add_fde(&image, cie, EH_IMAGE_CODE, 0x40, programs[i].bytes, programs[i].n);
                expect_rows(programs[i].name, programs[i].expected, programs[i].expected[0] == '\0');
        }
}

Test(cfa, instructions_become_rows) {
        static const Program programs[] = {
                PROGRAM("nothing but the CIE", "", "0:rsp+8 | 40:none"),
                PROGRAM("a usual prologue with rbp",
                        "\x41\x0e\x10\x86\x02\x43\x0d\x06\x60\x0c\x07\x08",
                        "0:rsp+8 | 1:rsp+16 rbp@-16 | 4:rbp+16 rbp@-16 | 24:rsp+8 rbp@-16 | 40:none"),
                PROGRAM("rbp is restored", "\x86\x02" ADVANCE "\xc6", "0:rsp+8 rbp@-16 | 4:rsp+8 | 40:none"),
                PROGRAM("restore_extended",
                        "\x86\x02" ADVANCE "\x06\x06",
                        "0:rsp+8 rbp@-16 | 4:rsp+8 | 40:none"),
                PROGRAM("same_value", "\x86\x02" ADVANCE "\x08\x06", "0:rsp+8 rbp@-16 | 4:rsp+8 | 40:none"),
                PROGRAM("other registers do not matter",
                        ADVANCE "\x83\x03\x8c\x04\x07\x03\x09\x0c\x0d",
                        "0:rsp+8 | 40:none"),
                PROGRAM("states are remembered with their CFA",
                        "\x0a\x0e\x20\x86\x04" ADVANCE "\x0b" ADVANCE "\x0e\x30",
                        "0:rsp+32 rbp@-32 | 4:rsp+8 | 8:rsp+48 | 40:none"),
                PROGRAM("remembered twice",
                        "\x0e\x10\x0a\x0e\x18\x0a\x0e\x20" ADVANCE "\x0b" ADVANCE "\x0b",
                        "0:rsp+32 | 4:rsp+24 | 8:rsp+16 | 40:none"),
                PROGRAM("advance_loc1, 2, 4",
                        "\x02\x01\x0e\x10\x03\x02\x00\x0e\x18\x04\x03\x00\x00\x00\x0e\x20",
                        "0:rsp+8 | 1:rsp+16 | 3:rsp+24 | 6:rsp+32 | 40:none"),
                PROGRAM("equal neighbours are one row",
                        ADVANCE "\x0e\x08" ADVANCE "\x0e\x10" ADVANCE "\x00",
                        "0:rsp+8 | 8:rsp+16 | 40:none"),
                PROGRAM("signed offsets",
                        "\x13\x7e" ADVANCE "\x12\x06\x7d" ADVANCE "\x11\x06\x03" ADVANCE "\x2f\x06\x03",
                        "0:rsp+16 | 4:rbp+24 | 8:rbp+24 rbp@-24 | c:rbp+24 rbp@+24 | 40:none"),
                PROGRAM("size of arguments", "\x2e\x10", "0:rsp+8 | 40:none"),
                PROGRAM("code beyond the end is cut",
                        "\x42\x0e\x10\x02\xff\x0e\x20",
                        "0:rsp+8 | 2:rsp+16 | 40:none"),
                PROGRAM("a rule at the very end holds nowhere", "\x02\x40\x0e\x20", "0:rsp+8 | 40:none"),
                PROGRAM("no caller", "\x07\x10", "0:end | 40:none"),
                PROGRAM("another register", "\x0c\x0a\x00", "0:r10+0 | 40:none"),
                PROGRAM("another register with rbp", "\x0c\x0b\x20\x86\x02", "0:r11+32 rbp@-16 | 40:none"),
                PROGRAM("rsp is the CFA", "\x14\x07\x00", "0:rsp+8 | 40:none"),
        };

        expect_programs(BYTES(HEAD), programs, ELEMENTSOF(programs));
}

Test(cfa, expressions_become_rows) {
        static const Program programs[] = {
                PROGRAM("linkage table",
                        "\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22",
                        "0:plt | 40:none"),
                PROGRAM("linkage table with endbr64",
                        "\x02\x20\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x39\x2a\x33\x24\x22",
                        "0:rsp+8 | 29:rsp+16 | 30:rsp+8 | 39:rsp+16 | 40:none"),
                PROGRAM("not a linkage table",
                        "\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x1c",
                        "0:unsupported | 40:none"),
                PROGRAM("realigned stack",
                        "\x0f\x03\x76\x78\x06\x10\x06\x02\x76\x00",
                        "0:*(rbp-8)+0 rbp@rbp | 40:none"),
                PROGRAM("stack pointer kept on the stack",
                        "\x0f\x06\x77\x90\x01\x06\x23\x08\x86\x02",
                        "0:*(rsp+144)+8 rbp@-16 | 40:none"),
                PROGRAM("stack pointer kept on the stack at an index",
                        "\x0f\x0a\x77\x08\x79\x00\x38\x1e\x22\x06\x23\x08\x86\x03",
                        "0:*(rsp+8*r9+8)+8 rbp@-24 | 40:none"),
                PROGRAM("index of words that are not 8 bytes",
                        "\x0f\x0a\x77\x08\x79\x00\x34\x1e\x22\x06\x23\x08",
                        "0:unsupported | 40:none"),
                PROGRAM("index from an odd place",
                        "\x0f\x0a\x77\x04\x79\x00\x38\x1e\x22\x06\x23\x08",
                        "0:unsupported | 40:none"),
                PROGRAM("sum with a literal", "\x0f\x04\x77\x00\x38\x22", "0:rsp+8 | 40:none"),
                PROGRAM("sum the other way round",
                        "\x0f\x06\x08\x18\x76\x70\x06\x22",
                        "0:*(rbp-16)+24 | 40:none"),
                PROGRAM("difference", "\x0f\x05\x77\x30\x38\x1c\x96", "0:rsp+40 | 40:none"),
                PROGRAM("constants", "\x0f\x07\x77\x00\x0a\x10\x01\x22\x96", "0:rsp+272 | 40:none"),
                PROGRAM("rbp saved by the register of the CFA",
                        "\x0e\x20\x10\x06\x02\x77\x10",
                        "0:rsp+32 rbp@-16 | 40:none"),
                PROGRAM("rbp saved by another one", "\x10\x06\x02\x73\x10", "0:unsupported | 40:none"),
                PROGRAM("an expression goes and a register comes",
                        "\x0f\x03\x76\x78\x06" ADVANCE "\x0c\x07\x10",
                        "0:*(rbp-8)+0 | 4:rsp+16 | 40:none"),
                PROGRAM("the offset is kept for the next register",
                        "\x0e\x38\x0f\x03\x76\x78\x06" ADVANCE "\x0d\x07" ADVANCE "\x0e\x30",
                        "0:*(rbp-8)+0 | 4:rsp+56 | 8:rsp+48 | 40:none"),
                PROGRAM("and changed meanwhile",
                        "\x0f\x03\x76\x78\x06\x0e\x30" ADVANCE "\x0d\x06",
                        "0:*(rbp-8)+0 | 4:rbp+48 | 40:none"),
                PROGRAM("a sum does not change it",
                        "\x0f\x02\x77\x38" ADVANCE "\x0d\x07",
                        "0:rsp+56 | 4:rsp+8 | 40:none"),
                PROGRAM("read twice", "\x0f\x04\x77\x00\x06\x06", "0:unsupported | 40:none"),
                PROGRAM("out of range", "\x0f\x06\x77\x00\x06\x08\x80\x22", "0:unsupported | 40:none"),
                PROGRAM("b is 128", "\x0f\x06\x77\x00\x06\x23\x80\x01", "0:unsupported | 40:none"),
                PROGRAM("a is odd", "\x0f\x03\x77\x04\x06", "0:unsupported | 40:none"),
                PROGRAM("from a third register", "\x0f\x03\x73\x08\x06", "0:unsupported | 40:none"),
                PROGRAM("a constant", "\x0f\x02\x08\x10", "0:unsupported | 40:none"),
                PROGRAM("empty", "\x0f\x00", "0:unsupported | 40:none"),
                PROGRAM("stack underflow", "\x0f\x01\x1c", "0:unsupported | 40:none"),
                PROGRAM("stack overflow",
                        "\x0f\x0a\x77\x00\x31\x31\x31\x31\x31\x31\x31\x31",
                        "0:unsupported | 40:none"),
                PROGRAM("cut short", "\x0f\x01\x77", "0:unsupported | 40:none"),
        };

        expect_programs(BYTES(HEAD), programs, ELEMENTSOF(programs));
}

Test(cfa, what_no_row_can_say_is_unsupported) {
        static const Program programs[] = {
                PROGRAM("odd offset", "\x0e\x0c", "0:unsupported | 40:none"),
                PROGRAM("odd place of rbp", "\x13\x7e\x14\x06\x01", "0:unsupported | 40:none"),
                PROGRAM("largest frame",
                        "\x0e\xf8\xff\x0f" ADVANCE "\x0e\x80\x80\x10",
                        "0:rsp+262136 | 4:unsupported | 40:none"),
                PROGRAM("a frame of 4 GiB comes and goes",
                        "\x0e\x80\x80\x80\x80\x10" ADVANCE "\x0e\x08",
                        "0:unsupported | 4:rsp+8 | 40:none"),
                PROGRAM("rbp too far",
                        "\x05\x06\x7f" ADVANCE "\x05\x06\x80\x01",
                        "0:rsp+8 rbp@-1016 | 4:unsupported | 40:none"),
                PROGRAM("rbp at the CFA itself", "\x05\x06\x00", "0:unsupported | 40:none"),
                PROGRAM("rbp undefined", "\x07\x06", "0:unsupported | 40:none"),
                PROGRAM("rbp in a register", "\x09\x06\x03", "0:unsupported | 40:none"),
                PROGRAM("rbp by a value", "\x16\x06\x02\x77\x08", "0:unsupported | 40:none"),
                PROGRAM("return address in a register", "\x09\x10\x03", "0:unsupported | 40:none"),
                PROGRAM("return address elsewhere", "\x90\x02", "0:unsupported | 40:none"),
                PROGRAM("rsp is saved", "\x87\x03", "0:unsupported | 40:none"),
                PROGRAM("rsp is not the CFA", "\x14\x07\x01", "0:unsupported | 40:none"),
                PROGRAM("a register that is none", "\x0c\x10\x08", "0:unsupported | 40:none"),
                PROGRAM("a register of many bits",
                        "\x0c\x87\x80\x80\x80\x80\x80\x01\x08",
                        "0:unsupported | 40:none"),
        };

        expect_programs(BYTES(HEAD), programs, ELEMENTSOF(programs));
}

/* As the C library describes __restore_rt, but only what rows need of it. */
Test(cfa, signal_frame_is_known_by_its_rules) {
#define CFA "\x0f\x04\x77\xa0\x01\x06"
#define RIP "\x10\x10\x03\x77\xa8\x01"
        static const Program programs[] = {
                PROGRAM("of the kernel", CFA RIP "\x10\x06\x03\x77\xf8\x00", "0:signal | 40:none"),
                PROGRAM("with usual rules", "", "0:rsp+8 | 40:none"),
                PROGRAM("of another layout", "\x0f\x04\x77\xa8\x01\x06" RIP, "0:unsupported | 40:none"),
        };
        static const Program unmarked[] = { PROGRAM("not marked", CFA RIP, "0:unsupported | 40:none") };

        expect_programs(BYTES(SIGNAL_HEAD), programs, ELEMENTSOF(programs));
        expect_programs(BYTES(HEAD), unmarked, ELEMENTSOF(unmarked));
}

Test(cfa, malformed_instructions_give_no_rows) {
        static const Program programs[] = {
                PROGRAM("unknown instruction", "\x0e\x10\x3f", ""),
                PROGRAM("restored without having been remembered", ADVANCE "\x0b", ""),
                PROGRAM("remembered too often",
                        "\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a",
                        ""),
                PROGRAM("expression longer than the entry", "\x0f\x7f\x77\x08", ""),
                PROGRAM("number without an end",
                        "\x0e\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
                        ""),
                PROGRAM("number of 70 bits", "\x0e\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", ""),
                PROGRAM("back to an earlier address", ADVANCE "\x01\x00\x80\xfc\xff", ""),
        };

        expect_programs(BYTES(HEAD), programs, ELEMENTSOF(programs));
}
