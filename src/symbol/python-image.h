/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/elf-image.h"

/* Where an interpreter's file has what we look for; virtual addresses. */
typedef struct PythonImage {
        unsigned version;
        uint64_t runtime;   /* _PyRuntime */
        uint64_t code_type; /* PyCode_Type: the type of all code objects */
} PythonImage;

#define PYTHON_EVAL_PARTS_MAX 4U

/* Offsets in the file of _PyEval_EvalFrameDefault, the loop that runs byte code; the compiler may have
 * split it. */
typedef struct PythonEval {
        struct {
                uint64_t start, end;
        } parts[PYTHON_EVAL_PARTS_MAX];
        unsigned n_parts;
} PythonEval;

/* Whether a file may be an interpreter, by its name: "python3.11", "libpython3.12.so.1.0". */
bool python_image_is_candidate(const char *path, size_t length);

/* -ENOENT: no interpreter. -EBADMSG: malformed. */
int python_image_find(const ElfImage *e, PythonImage *ret_image, PythonEval *ret_eval);
