/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-abi.h"

#include <stddef.h>
#include <stdint.h>

/* The unwind table of one ELF file, as symbol/eh-frame.h makes it and the probe takes it. */
typedef struct UnwindRows {
        struct cprof_unwind_row *rows; /* ascending by pc, neighbours differ; owned, malloc() */
        size_t n;
        uint64_t base; /* virtual address in the file (as in its program headers) of pc 0 */
} UnwindRows;

#define UNWIND_TABLE_NONE UINT32_MAX
