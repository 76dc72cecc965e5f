/* SPDX-License-Identifier: Apache-2.0 */
/* A library with a Go program's table of functions: as another linker than Go's makes it, with the text
 * behind other code and the table not saying where. Never run. */

#define NAMES(X)                           \
        X("read", "Read")                  \
        X("write", "Write")                \
        X("close", "Close")                \
        X("handshake", "handshakeContext") \
        X("handshake2", "readHandshake")   \
        X("record", "readRecordOrCCS")

/* Two ways out, and one that needs more stack first. */
#define CODE(label, name)                                             \
        ".balign 32, 0xcc\n"                                          \
        ".globl go_" label "\n.type go_" label ", @function\n"        \
        "go_" label ":\n"                                             \
        "\tlea -0x48(%rsp), %r12\n\tcmp 0x10(%r14), %r12\n\tjbe 2f\n" \
        "\tpush %rbp\n\ttest %ecx, %ecx\n\tje 1f\n\tpop %rbp\n"       \
        ".globl go_" label "_ret1\ngo_" label "_ret1:\n\tret\n"       \
        "1:\tmov $0xc3c3c3c3, %eax\n\tpop %rbp\n"                     \
        ".globl go_" label "_ret2\ngo_" label "_ret2:\n\tret\n"       \
        "2:\tcall other\n\tjmp go_" label "\n"                        \
        ".size go_" label ", . - go_" label "\n"

#define ENTRY(label, name) ".long go_" label " - text_start, record_" label " - functions\n"
#define RECORD(label, name) "record_" label ": .long go_" label " - text_start, name_" label " - names\n"
#define NAME(label, name) "name_" label ": .asciz \"crypto/tls.(*Conn)." name "\"\n"

__asm__(".text\n.balign 64\n"
        "other:\n\tcmp 0x10(%r14), %rsp\n\tret\n.fill 200, 1, 0x90\n"
        ".balign 64, 0xcc\ntext_start:\n"
        "\txor %eax, %eax\n\tret\n" NAMES(CODE) ".balign 32, 0xcc\ntext_end:\n");

__asm__(".section .gopclntab, \"a\", @progbits\n.balign 16\n"
        "table: .long 0xfffffff1\n.byte 0, 0, 1, 8\n"
        ".quad 6, 1, 0\n"
        ".quad names - table, units - table, units - table, units - table, functions - table\n"
        "names: .asciz \"\"\n.asciz \"crypto/tls.(*Conn).ReadFrom\"\n" NAMES(
                        NAME) "units: .long 0\n.balign 8\n"
                              "functions:\n" NAMES(ENTRY) ".long text_end - text_start\n" NAMES(
                                              RECORD) ".text\n");
