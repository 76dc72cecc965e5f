/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/ctl.h"

/* Where a profile or a picture of one goes. Initialise with .fd = -EBADF. */
typedef struct Output {
        char *path; /* NULL = standard output */
        int fd;
} Output;

void output_done(Output *o);

/* Opens the file of -o, or else "cprof-STEM.SUFFIX" in the current directory. A @binary file is no text for
 * a terminal. Complains itself. */
int output_open(const Ctl *c, const char *stem, const char *suffix, bool binary, Output *ret);

/* Prints the file's name if @r, what writing came to, is no error; removes the file else and complains.
 * Returns the exit status or @r. */
int output_finish(const Output *o, int r);
