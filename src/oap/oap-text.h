/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* How many bytes of @text fit into @max without cutting a character in two. @text is valid UTF-8. */
size_t oap_text_fit(const char *text, size_t max);

/* Foreign bytes as a text: valid UTF-8 without control characters, cut to fit @size with its NUL. Empty when
 * memory is short. */
void oap_text_copy(char *buf, size_t size, const char *text);
