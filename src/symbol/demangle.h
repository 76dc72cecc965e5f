/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#define DEMANGLED_NAME_MAX 4096U /* bytes; a name that unfolds to more stays mangled */

/* The C++ or Rust name behind @name (at most SYMBOL_NAME_MAX bytes count as one). Returns 1 and a new
 * string, 0 for a name that is not mangled or not to be demangled within the limits, -ENOMEM. */
int symbol_demangle(const char *name, char **ret_name);
