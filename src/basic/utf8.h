/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether @length bytes are UTF-8 as RFC 3629 has it (no overlong forms, no surrogates), without NUL. */
bool utf8_is_valid(const char *text, size_t length);

/* A copy in which each byte that is no part of valid UTF-8, and each control character, is '?'. NULL: out of
 * memory. */
char *utf8_sanitize(const char *text, size_t length);

/* How many bytes of @text, which is valid, fit into @max without cutting a character in two. */
size_t utf8_fit(const char *text, size_t max);
