/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/cleanup.h"
#include "symbol/demangle.h"
#include "symbol/symbol-table.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *demangled = NULL;
        char name[SYMBOL_NAME_MAX + 1];

        if (size > SYMBOL_NAME_MAX)
                return 0;

        memcpy(name, data, size);
        name[size] = '\0';
        if (symbol_demangle(name, &demangled) > 0 && strlen(demangled) > DEMANGLED_NAME_MAX)
                abort();

        return 0;
}
