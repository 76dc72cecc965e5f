/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/resolve.h"

/* The stacks of the flight recorder: each kept once, as long as it is in use, with the modules it points
 * into. */
typedef struct StackTable StackTable;

typedef struct RecorderStack {
        unsigned n_ref; /* owned by the entries of the recorder */
        unsigned n_frames;
        UT_hash_handle hh; /* by what follows */
        uint64_t n_kernel;
        Frame frames[]; /* module index of the table, see stack_table_module() */
} RecorderStack;

/* Indexes PROFILE_MODULE_KERNEL and PROFILE_MODULE_UNKNOWN mean what they do in a profile. */
int stack_table_new(StackTable **ret_table);
StackTable *stack_table_free(StackTable *t); /* all stacks must have been released */
DEFINE_CLEANUP(StackTable *, stack_table_free)

/* A reference to the stack of @s. 1 if it is new, 0 if it is known, -ENOMEM. */
int stack_table_get(StackTable *t, const ResolvedStack *s, RecorderStack **ret_stack);
void stack_table_put(StackTable *t, RecorderStack *s); /* gives one back */

Module *stack_table_module(const StackTable *t, unsigned index); /* borrowed; NULL: kernel or unknown */

size_t stack_table_size(const StackTable *t);
size_t stack_table_bytes(const StackTable *t);
size_t resolved_stack_bytes(const ResolvedStack *s); /* what it takes if it is new */
