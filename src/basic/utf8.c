/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Length of the well-formed sequence at @s, 0 when there is none. Source: RFC 3629, section 4. */
static size_t sequence_length(const unsigned char *s, size_t left) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        uint32_t c = s[0];
        size_t n;

        if (c == 0)
                return 0;
        if (c < 0x80)
                return 1;

        if ((c & 0xe0) == 0xc0)
                n = 2;
        else if ((c & 0xf0) == 0xe0)
                n = 3;
        else if ((c & 0xf8) == 0xf0)
                n = 4;
        else
                return 0;

        if (n > left)
                return 0;

        c &= 0x7fU >> n;
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = (c << 6) | (s[i] & 0x3f);
        }

        return c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

/* Whether the next eight bytes are all ASCII, and none is NUL: names of functions mostly are. */
static bool is_ascii_word(const unsigned char *s) {
        uint64_t word;

        memcpy(&word, s, sizeof(word));
        return ((word | (word - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080)) == 0;
}

bool utf8_is_valid(const char *text, size_t length) {
        const unsigned char *s = (const unsigned char *) text;

        while (length > 0) {
                size_t n = length >= sizeof(uint64_t) && is_ascii_word(s) ? sizeof(uint64_t)
                                                                          : sequence_length(s, length);

                if (n == 0)
                        return false;

                s += n;
                length -= n;
        }

        return true;
}

char *utf8_sanitize(const char *text, size_t length) {
        const unsigned char *s = (const unsigned char *) text;
        char *copy = malloc(length + 1), *out = copy;

        if (!copy)
                return NULL;

        while (length > 0) {
                size_t n = sequence_length(s, length);

                if (n == 0 || *s < 0x20 || *s == 0x7f) {
                        *out++ = '?';
                        n = 1;
                } else {
                        memcpy(out, s, n);
                        out += n;
                }

                s += n;
                length -= n;
        }

        *out = '\0';
        return copy;
}

size_t utf8_fit(const char *text, size_t max) {
        size_t n = strnlen(text, max + 1);

        if (n <= max)
                return n;

        for (n = max; n > 0 && ((unsigned char) text[n] & 0xc0) == 0x80;)
                n--;

        return n;
}
