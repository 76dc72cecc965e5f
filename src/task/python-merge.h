/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-abi.h"

#include <stdbool.h>

/* A native stack and what the interpreter ran on it, innermost first, before they are one. */
typedef struct PythonStacks {
        const bool *is_eval; /* by native frame: it is the loop that runs byte code */
        unsigned n_native;
        bool native_complete; /* the outermost frames are there */

        const struct cprof_python_frame *python;
        unsigned n_python;
        bool python_complete;
} PythonStacks;

typedef struct MergedFrame {
        bool is_python;
        unsigned index; /* in its stack */
} MergedFrame;

/* Pure. Each native frame of the loop gives way to the functions that this call of it runs: those up to and
 * including one with is_entry. Other native frames stay, and so does a loop that has just begun or is about
 * to end: no function is left to it. Without any native frame of the loop all functions come after all
 * native frames; no function is ever lost. @ret has room for n_native + n_python. Returns how many there
 * are. *ret_consistent: both stacks agree on the number of calls, as far as they reach. */
unsigned python_merge(const PythonStacks *stacks, MergedFrame *ret, bool *ret_consistent);
