/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-text.h"

#include "basic/cleanup.h"
#include "basic/utf8.h"

#include <string.h>

void oap_text_copy(char *buf, size_t size, const char *text) {
        _cleanup_(freep) char *clean = NULL;
        size_t n;

        /* What is far beyond the end need not be looked at; four bytes are the longest character. */
        clean = utf8_sanitize(text, strnlen(text, size + 4));
        n = clean ? utf8_fit(clean, size - 1) : 0;
        if (n > 0)
                memcpy(buf, clean, n);

        buf[n] = '\0';
}
