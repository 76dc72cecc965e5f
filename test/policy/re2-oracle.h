/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* RE2 itself (libre2, which is C++) behind C: what regular expressions of URI rules are compared with. */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Re2Oracle Re2Oracle;

/* NULL: RE2 refuses @pattern, @error says why. */
Re2Oracle *re2_oracle_new(const char *pattern, char *error, size_t error_size);
void re2_oracle_free(Re2Oracle *o);

/* Whether it finds the pattern somewhere in @text. */
bool re2_oracle_find(const Re2Oracle *o, const char *text, size_t length);

#ifdef __cplusplus
}
#endif
