/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Where the kernel keeps its scheduling functions, the innermost frames of each wait. */
typedef struct SchedText {
        uint64_t start, size;
} SchedText;

/* From /proc/kallsyms. -ENOENT: it is not there or its addresses are hidden. */
int sched_text_read(SchedText *ret);
