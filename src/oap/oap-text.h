/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Foreign bytes as a text: valid UTF-8 without control characters, cut to fit @size with its NUL. Empty when
 * memory is short. */
void oap_text_copy(char *buf, size_t size, const char *text);
