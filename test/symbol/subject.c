/* SPDX-License-Identifier: Apache-2.0 */
/* A program with functions of every kind of symbol, to be looked at, not to be run. */

int subject_exported(int x);
int subject_alias(int x) __attribute__((alias("subject_exported")));
int __subject_alias(int x) __attribute__((alias("subject_exported")));
int subject_weak_alias(int x) __attribute__((weak, alias("subject_exported")));

static volatile int sink;

static __attribute__((noinline, used)) int subject_hidden(int x) {
        sink = x;
        return sink * 3;
}

int subject_exported(int x) {
        return subject_hidden(x) + 1;
}

/* Labels as hand-written assembly has them: without type and size; then a whole function with a label
 * inside. "nop" and "ret" are instructions of every machine we run on. */
__asm__(".text\n"
        ".globl subject_bare\n"
        "subject_bare:\n"
        "        nop\n"
        "        nop\n"
        ".Lsubject_internal:\n"
        "        nop\n"
        "subject_bare_helper:\n"
        "        nop\n"
        "        ret\n"
        ".globl subject_framed\n"
        ".type subject_framed, %function\n"
        "subject_framed:\n"
        "        nop\n"
        "subject_framed_loop:\n"
        "        nop\n"
        "        nop\n"
        "        ret\n"
        ".size subject_framed, . - subject_framed\n"
        /* Code without any symbol of its own, behind one with a size. */
        ".skip 64\n");

int main(void) {
        return subject_exported(1);
}
