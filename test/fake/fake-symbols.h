/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/symbolizer.h"

#include <stdint.h>
#include <string.h>

/* Stands in for symbol/symbolizer.c, so that a test says which names frames have. It defines that file's
 * functions: include it in the one source file of a test program. */
typedef struct FakeSymbol {
        Frame frame;
        const char *name, *system_name;
} FakeSymbol;

struct Symbols {
        const FakeSymbol *symbols; /* ends with name NULL */
        const char *build_ids[8];  /* by module */
};

SymbolName symbols_name(const Symbols *s, Frame frame) {
        for (const FakeSymbol *f = s->symbols; f && f->name; f++)
                if (f->frame == frame)
                        return (SymbolName){ f->name, f->system_name ? f->system_name : f->name, true };

        return (SymbolName){ "somewhere+0x1", "somewhere+0x1", false };
}

const char *symbols_build_id(const Symbols *s, unsigned module_index) {
        return module_index < ELEMENTSOF(s->build_ids) ? s->build_ids[module_index] : NULL;
}
