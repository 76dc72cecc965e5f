/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "symbol/python-offsets.h"

#include <stdbool.h>

/* Code objects of CPython, read from the memory of a process that goes on running: anything may be there,
 * also half of two things. */

#define PYTHON_TEXT_MAX 1024U          /* bytes of a name or path as UTF-8; what is longer is cut */
#define PYTHON_LINES_MAX (256U * 1024) /* bytes of a table of lines; a larger one is not used */

/* Reads exactly @size bytes at @address or returns -errno. */
typedef int (*PythonReadFn)(uint64_t address, void *buffer, size_t size, void *userdata);

/* How to read, and what to believe. */
typedef struct PythonReader {
        const PythonLayout *layout; /* borrowed */
        uint64_t code_type;         /* address of PyCode_Type in the process; 0: not checked */
        PythonReadFn fn;
        void *userdata;
} PythonReader;

/* What tells a code object from another one that is at its address later. */
typedef struct PythonCodeId {
        uint64_t file, name, lines; /* addresses of these objects */
        uint32_t first_line;
} PythonCodeId;

typedef struct PythonCode {
        PythonCodeId id;
        char *name, *file; /* valid UTF-8, without control characters */
        uint8_t *lines;    /* NULL: none that can be used */
        size_t n_lines;
} PythonCode;

void python_code_done(PythonCode *c);

/* Reads only what identifies it: one read. -EBADMSG: no code object; else the error of the read. */
int python_code_identify(const PythonReader *reader, uint64_t address, PythonCodeId *ret);

/* All of it; about five reads. -EBADMSG: malformed; -ENOMEM; the error of a read. */
int python_code_read(const PythonReader *reader, uint64_t address, PythonCode *ret);

/* A str. */
int python_text_read(const PythonReader *reader, uint64_t address, char **ret_text);

static inline bool python_code_id_equal(const PythonCodeId *a, const PythonCodeId *b) {
        return a->file == b->file && a->name == b->name && a->lines == b->lines &&
                        a->first_line == b->first_line;
}
