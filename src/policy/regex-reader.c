/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/regex-reader.h"

#include "basic/strbuf.h"
#include "policy/policy-message.h"

#include <stdarg.h>
#include <string.h>

static bool is_continuation(char c) {
        return ((unsigned char) c & 0xc0) == 0x80;
}

bool regex_looking_at(const RegexReader *p, const char *prefix) {
        size_t n = strlen(prefix);

        return p->length - p->at >= n && memcmp(p->text + p->at, prefix, n) == 0;
}

size_t regex_character_length(const RegexReader *p, size_t at) {
        size_t n = 1;

        while (at + n < p->length && is_continuation(p->text[at + n]))
                n++;

        return n;
}

uint32_t regex_next(RegexReader *p) {
        unsigned char lead = (unsigned char) p->text[p->at];
        size_t n = regex_character_length(p, p->at);
        uint32_t c = n == 1 ? lead : lead & (0x7fU >> n);

        for (size_t i = 1; i < n; i++)
                c = c << 6 | ((unsigned char) p->text[p->at + i] & 0x3fU);

        p->at += n;
        return c;
}

unsigned regex_column(const RegexReader *p, size_t at) {
        unsigned column = 1;

        for (size_t i = 0; i < at && i < p->length; i++)
                if (!is_continuation(p->text[i]))
                        column++;

        return column;
}

int regex_refuse(const RegexReader *p, size_t at, size_t length, const char *reason, ...) {
        char construct[POLICY_VALUE_SHOWN_MAX + 8], shown[POLICY_VALUE_SHOWN_MAX + 4];
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *text = NULL;
        va_list ap;
        int r;

        if (!p->reterr_message)
                return -EINVAL;

        /* one byte too many is cut by policy_value_shown(), which knows characters */
        length = MIN_OF(length, p->length - at);
        length = MIN_OF(length, sizeof(construct) - 1);
        memcpy(construct, p->text + at, length);
        construct[length] = '\0';

        va_start(ap, reason);
        strbuf_addv(&b, reason, ap);
        va_end(ap);
        r = strbuf_finish(&b, &text);
        if (r < 0)
                return r;

        return policy_refuse(
                        -EINVAL,
                        p->reterr_message,
                        "column %u: '%s' %s",
                        regex_column(p, at),
                        policy_value_shown(construct, shown),
                        text);
}

int regex_refuse_unsupported(const RegexReader *p, size_t at, size_t length, const char *what) {
        return regex_refuse(p, at, length, "(%s) is not supported", what);
}

int regex_refuse_folding(const RegexReader *p, size_t at, size_t length) {
        return regex_refuse_unsupported(p, at, length, "upper and lower case beyond ASCII");
}
