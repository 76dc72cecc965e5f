/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory that ends where a test says. For programs that are linked with --wrap of malloc, calloc, realloc
 * and reallocarray, see test/meson.build. */
extern unsigned short_memory_left; /* allocations until one fails; 0: none does */
