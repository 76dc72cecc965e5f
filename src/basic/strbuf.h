/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stdarg.h>
#include <stddef.h>

/* A growing text. Errors stick: after a failed append nothing more is added and strbuf_finish() reports it,
 * so that callers check once. Zero-initialise. */
typedef struct StrBuf {
        char *text;
        size_t length, allocated;
        int error;
} StrBuf;

void strbuf_done(StrBuf *b);
void strbuf_add(StrBuf *b, const char *text);
void strbuf_add_n(StrBuf *b, const char *data, size_t length);
void strbuf_addf(StrBuf *b, const char *format, ...) _printf_(2, 3);
void strbuf_addv(StrBuf *b, const char *format, va_list ap) _printf_(2, 0);

/* Hands the NUL-terminated text over; the buffer is empty afterwards. Returns -ENOMEM if any append failed.
 */
int strbuf_finish(StrBuf *b, char **ret_text);
