/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PYTHON_LINE_MAX 0x7fffffffU

/* Line of the instruction @instruction bytes into the byte code, by the table of locations that code objects
 * have since 3.11 (co_linetable). Pure. -ENOENT: the instruction has no line, or lies behind the table;
 * -EBADMSG: the table is none. */
int python_line_find(
                const uint8_t *table,
                size_t size,
                uint32_t first_line,
                uint32_t instruction,
                uint32_t *ret_line);
