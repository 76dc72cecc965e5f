/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-text.h"

#include "basic/cleanup.h"
#include "basic/utf8.h"

#include <string.h>

size_t oap_text_fit(const char *text, size_t max) {
        size_t n = strnlen(text, max + 1);

        if (n <= max)
                return n;

        for (n = max; n > 0 && ((unsigned char) text[n] & 0xc0) == 0x80;)
                n--;

        return n;
}

void oap_text_copy(char *buf, size_t size, const char *text) {
        _cleanup_(freep) char *clean = NULL;
        size_t n;

        /* What is far beyond the end need not be looked at; four bytes are the longest character. */
        clean = utf8_sanitize(text, strnlen(text, size + 4));
        n = clean ? oap_text_fit(clean, size - 1) : 0;
        if (n > 0)
                memcpy(buf, clean, n);

        buf[n] = '\0';
}
