/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Reads the lines of a large text in slices. */

#define LINE_READER_BUFFER 32768U /* and the longest line; a longer one is skipped */

/* @line has no '\n' and is not terminated; @offset is where it starts in the file. A
 * negative return stops and is passed on. */
typedef int (*LineFn)(const char *line, size_t length, uint64_t offset, void *userdata);

typedef struct LineReader {
        int fd;               /* borrowed */
        uint64_t offset, end; /* next byte to read, and where to stop; UINT64_MAX = at the end of the file */
        size_t n_buffer;      /* bytes of an unfinished line */
        char buffer[LINE_READER_BUFFER];
} LineReader;

/* Reads one slice and calls @fn for each line that is complete. A last line without
 * '\n' is left out: it is still being written. Returns 1 while there is more, 0 at
 * the end, the error of @fn or of pread(2). */
int line_reader_step(LineReader *reader, LineFn fn, void *userdata);
