/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/module-symbols.h"
#include "symbol/symbolizer.h"

/* The inside of Symbols, for those who fill it. */

#define SYMBOLS_FRAMES_MAX 262144U       /* distinct frames; the rest stay unnamed */
#define SYMBOLS_TEXT_MAX (64U << 20)     /* bytes of all names, likewise */
#define SYMBOLS_UNKNOWN_NAME "[unknown]" /* of a frame that was not named */
#define SYMBOLS_NO_STACK_NAME "[stack not taken]"

int symbols_new(unsigned n_modules, Symbols **ret_symbols);

/* Returns 1 if the frame is new, 0 if not, -ERANGE for a module that is
 * not among the @n_modules, -E2BIG, -ENOMEM. */
int symbols_add_frame(Symbols *s, Frame frame);

/* All frames, ascending: those of one module are together. The caller frees the array. */
int symbols_list_frames(const Symbols *s, Frame **ret_frames, size_t *ret_n);

/* Names a frame that was added. @name is as in the symbol table, any bytes; it is
 * demangled if @known. Returns -E2BIG, -ENOMEM. */
int symbols_set_name(Symbols *s, Frame frame, const char *name, bool known);

void symbols_set_module(Symbols *s, unsigned module_index, SymbolSource source, const char *build_id);
