/* SPDX-License-Identifier: Apache-2.0 */
/* Four bytes of instruction offset, then a table of lines. */
#include "symbol/python-lines.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint32_t instruction, line = 0;

        if (size < sizeof(instruction))
                return 0;

        memcpy(&instruction, data, sizeof(instruction));
        data += sizeof(instruction);
        size -= sizeof(instruction);

        if (python_line_find(data, size, 1, instruction, &line) >= 0 && line > PYTHON_LINE_MAX)
                abort();

        return 0;
}
