/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A task iterator that looks at nothing: what the kernel itself needs to walk all tasks, beside which our
 * pass stands. Loaded by bench-idle only. */
#include "kernel.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task")
int empty(struct bpf_iter__task *ctx) {
        return 0;
}
