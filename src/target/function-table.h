/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stddef.h>
#include <stdint.h>

/* Functions of one process that are no code of a file: those of an interpreter. Entries are never removed,
 * so that an index stays true after the function is gone. */
typedef struct FunctionTable FunctionTable;

#define FUNCTION_TABLE_MAX 65536U
#define FUNCTION_TABLE_BYTES_MAX (16U << 20) /* of all names */

typedef struct Function {
        const char *name, *file; /* valid UTF-8, owned by the table */
        uint32_t first_line;     /* 0 = not known */
} Function;

int function_table_new(FunctionTable **ret_table);
FunctionTable *function_table_free(FunctionTable *t);
DEFINE_CLEANUP(FunctionTable *, function_table_free)

/* The index of that function, which is added if it is new. -ENOSPC: no room; -ENOMEM. */
int function_table_add(
                FunctionTable *t,
                const char *name,
                const char *file,
                uint32_t first_line,
                uint32_t *ret_index);

/* NULL: no such function. */
const Function *function_table_get(const FunctionTable *t, uint32_t index);
size_t function_table_size(const FunctionTable *t);

/* The offset of a frame in a module of functions: which one, and the line in it (0 = not known). */
#define FUNCTION_LINE_BITS 20
#define FUNCTION_LINE_MAX ((1U << FUNCTION_LINE_BITS) - 1)
static inline uint64_t function_offset(uint32_t index, uint32_t line) {
        return (uint64_t) index << FUNCTION_LINE_BITS | (line <= FUNCTION_LINE_MAX ? line : 0);
}
static inline uint32_t function_offset_index(uint64_t offset) {
        return (uint32_t) (offset >> FUNCTION_LINE_BITS);
}
static inline uint32_t function_offset_line(uint64_t offset) {
        return (uint32_t) offset & FUNCTION_LINE_MAX;
}
