/* SPDX-License-Identifier: Apache-2.0 */
/* A byte for the version, then the memory of a process, a code object at its start; its pointers are
 * offsets. For 3.13 the memory starts with the description of its layout. */
#include "symbol/python-code.h"

#include "basic/utf8.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Memory {
        const uint8_t *data;
        size_t size;
} Memory;

static int read_memory(uint64_t address, void *buffer, size_t size, void *userdata) {
        const Memory *m = userdata;

        if (address > m->size || size > m->size - address)
                return -EFAULT;

        memcpy(buffer, m->data + address, size);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Memory m;
        PythonReader reader = { .fn = read_memory, .userdata = &m };
        PythonCode code = {};
        PythonLayout l;

        if (size < 1)
                return 0;

        m = (Memory){ data + 1, size - 1 };

        if (python_layout_for_version(0x0300U | data[0], &l) < 0 &&
            python_layout_parse(m.data, m.size, &l) < 0)
                return 0;

        reader.layout = &l;
        if (python_code_read(&reader, 0, &code) < 0)
                return 0;

        if (!utf8_is_valid(code.name, strlen(code.name)) || !utf8_is_valid(code.file, strlen(code.file)))
                abort();
        python_code_done(&code);
        return 0;
}
