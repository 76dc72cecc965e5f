/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-abi.h"

#include "basic/cleanup.h"

#include <stddef.h>
#include <stdint.h>

/* What has to be known of one version of CPython to read its frames and code objects from outside. 3.11 and
 * 3.12 are constants of ours; 3.13 and its patch releases say it themselves, at the start of _PyRuntime. */
typedef struct PythonLayout {
        struct cprof_python_offsets walk;

        /* code objects */
        uint16_t code_size, code_first_line, code_file, code_name, code_lines;
        uint16_t object_type; /* of any object */
        /* bytes: length and data */
        uint16_t bytes_length, bytes_data;
        /* str: length in characters, bit field, data of ASCII and of other texts */
        uint16_t text_length, text_state, text_ascii, text_other;
} PythonLayout;

#define PYTHON_CODE_SIZE_MAX 512U      /* bytes of a code object before its byte code */
#define PYTHON_DEBUG_OFFSETS_SIZE 568U /* bytes of it that hold what we need */

/* @version is PY_VERSION_HEX >> 16. -ENOENT: not known; -EAGAIN: python_layout_parse() tells. */
int python_layout_for_version(unsigned version, PythonLayout *ret);

/* Pure: the first PYTHON_DEBUG_OFFSETS_SIZE bytes of _PyRuntime of a 3.13. -EBADMSG: not that, or offsets
 * that no such object can have. */
int python_layout_parse(const void *data, size_t size, PythonLayout *ret);
