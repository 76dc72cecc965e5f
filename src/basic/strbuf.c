/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Room for @more bytes and the terminating NUL. */
static bool reserve(StrBuf *b, size_t more) {
        size_t need, size;
        char *t;

        if (b->error < 0)
                return false;

        if (__builtin_add_overflow(b->length, more, &need) || need >= SIZE_MAX / 2) {
                b->error = -ENOMEM;
                return false;
        }

        need++;
        if (need <= b->allocated)
                return true;

        size = MAX_OF(need, b->allocated * 2);
        size = MAX_OF(size, (size_t) 64);

        t = realloc(b->text, size);
        if (!t) {
                b->error = -ENOMEM;
                return false;
        }

        b->text = t;
        b->allocated = size;
        return true;
}

void strbuf_done(StrBuf *b) {
        free(b->text);
        *b = (StrBuf){};
}

void strbuf_add_n(StrBuf *b, const char *data, size_t length) {
        if (!reserve(b, length))
                return;

        if (length > 0)
                memcpy(b->text + b->length, data, length);
        b->length += length;
        b->text[b->length] = '\0';
}

void strbuf_add(StrBuf *b, const char *text) {
        strbuf_add_n(b, text, strlen(text));
}

void strbuf_addv(StrBuf *b, const char *format, va_list ap) {
        va_list again;
        int n;

        va_copy(again, ap);
        n = vsnprintf(NULL, 0, format, again);
        va_end(again);

        if (n < 0) {
                b->error = -EINVAL;
                return;
        }

        if (!reserve(b, (size_t) n))
                return;

        (void) vsnprintf(b->text + b->length, (size_t) n + 1, format, ap);
        b->length += (size_t) n;
}

void strbuf_addf(StrBuf *b, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        strbuf_addv(b, format, ap);
        va_end(ap);
}

int strbuf_finish(StrBuf *b, char **ret_text) {
        strbuf_add_n(b, "", 0); /* an empty text is a text */

        if (b->error < 0) {
                int r = b->error;

                strbuf_done(b);
                return r;
        }

        *ret_text = b->text;
        *b = (StrBuf){};
        return 0;
}
