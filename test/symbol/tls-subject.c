/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries that look like OpenSSL to a search for its functions: VARIANT says how its compiler made them.
 * Never run; each function has a number of its own in it, so that its bytes are like no other's. */
#define FUNCTION(name, number, body)                                                              \
        __asm__(".text\n.globl " name "\n.type " name ", @function\n.balign 16\n" name ":\n" body \
                "\tmov $" number ", %eax\n\tret\n.size " name ", . - " name "\n")

#define FRAME "\tsub $8, %rsp\n"
#define CHEAP "\tendbr64\n\tpush %rbx\n"

/* inner: both forms call the same, which is cheap; dear: which is not; moved: with another argument; apart:
 * one of them calls another; cheap: each is cheap itself; third: as 3.3 has it. */
#define INNER 1
#define DEAR 2
#define MOVED 3
#define APART 4
#define CHEAP_API 5
#define THIRD 6

#if VARIANT == CHEAP_API
FUNCTION("SSL_read", "101", CHEAP "\tcall inner_read\n");
FUNCTION("SSL_read_ex", "102", "\tpush %r12\n\tcall inner_read\n");
FUNCTION("SSL_write", "103", "\tnop\n\tsub $8, %rsp\n\tcall inner_write\n");
FUNCTION("SSL_write_ex", "104", "\txor %eax, %eax\n\tpush %rbp\n\tcall inner_write\n");
#else
FUNCTION("SSL_read", "101", FRAME "\ttest %edx, %edx\n\tjs 1f\n\tcall inner_read\n1:\n");
FUNCTION("SSL_write",
         "103",
         FRAME "\ttest %edx, %edx\n\tjs 1f\n\tmovslq %edx, %rdx\n\tcall inner_write\n1:\n");
#if VARIANT == MOVED
FUNCTION("SSL_read_ex", "102", "\tendbr64\n" FRAME "\tadd $16, %rdx\n\tcall inner_read\n");
#elif VARIANT == APART
FUNCTION("SSL_read_ex", "102", "\tendbr64\n" FRAME "\tcall other_read\n");
#else
FUNCTION("SSL_read_ex", "102", "\tendbr64\n" FRAME "\tcall inner_read\n");
#endif
#if VARIANT == THIRD
FUNCTION("SSL_write_ex", "104", FRAME "\tmov %rcx, %r8\n\txor %ecx, %ecx\n\tcall inner_write\n");
FUNCTION("SSL_write_ex2", "105", FRAME "\tcall inner_write\n");
#else
FUNCTION("SSL_write_ex", "104", FRAME "\tcall inner_write\n");
#endif
#endif

FUNCTION("SSL_free", "106", "\ttest %rdi, %rdi\n\tje 1f\n\tpush %r13\n1:\n");

#if VARIANT == DEAR
FUNCTION("inner_read", "107", FRAME);
FUNCTION("inner_write", "108", "\tlea -64(%rsp), %rsp\n");
#else
FUNCTION("inner_read", "107", CHEAP);
FUNCTION("inner_write", "108", "\tpush %r15\n");
#endif
FUNCTION("other_read", "109", CHEAP);

#ifdef WITH_MAIN
int main(void) {
        return 0;
}
#endif
