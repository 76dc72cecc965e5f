/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/elf-image.h"

/* Functions of a Go program by its own table of functions (.gopclntab), which stays when symbols are
 * stripped. Slice by slice. For programs of Go 1.18 and later on x86-64. */
typedef struct GoFunctions GoFunctions;

#define GO_FUNCTIONS_MAX 8U

typedef struct GoFunction {
        uint64_t address; /* 0: not in the program */
        uint64_t size;
} GoFunction;

bool go_functions_is_go(const ElfImage *image);

/* All of @names begin with @prefix; they and @image are borrowed until go_functions_free(). -ENOENT: no Go
 * program; -EOPNOTSUPP: of a version or machine that is not known; -EBADMSG; -ENOMEM. */
int go_functions_new(
                const ElfImage *image,
                const char *prefix,
                const char *const *names,
                size_t n_names,
                GoFunctions **ret);
GoFunctions *go_functions_free(GoFunctions *g);
DEFINE_CLEANUP(GoFunctions *, go_functions_free)

/* Returns 1 while there is more to do, 0 at the end. -EBADMSG: malformed, or code is not where the table
 * has it. */
int go_functions_step(GoFunctions *g);

/* After 0: of names[@i]. */
GoFunction go_functions_found(const GoFunctions *g, size_t i);
