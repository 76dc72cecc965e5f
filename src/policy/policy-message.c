/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-message.h"

#include "basic/strbuf.h"
#include "basic/words.h"

#include <stdarg.h>
#include <string.h>

int policy_refuse(int error, char **reterr_message, const char *format, ...) {
        _cleanup_(strbuf_done) StrBuf b = {};
        va_list ap;
        int r;

        assert(error < 0);

        if (!reterr_message)
                return error;

        va_start(ap, format);
        strbuf_addv(&b, format, ap);
        va_end(ap);

        r = strbuf_finish(&b, reterr_message);
        return r < 0 ? r : error;
}

static int join(const char *const *words, char **ret_text) {
        _cleanup_(strbuf_done) StrBuf b = {};

        for (size_t i = 0; words[i]; i++)
                strbuf_addf(&b, "%s%s", i > 0 ? ", " : "", words[i]);

        return strbuf_finish(&b, ret_text);
}

int policy_refuse_unknown(
                const char *what,
                const char *word,
                const char *const *known,
                const char *suffix,
                char **reterr_message) {
        _cleanup_(freep) char *list = NULL;
        const char *nearest = word_nearest(word, known);
        int r;

        if (nearest)
                return policy_refuse(
                                -EINVAL,
                                reterr_message,
                                "unknown %s, did you mean %s%s?",
                                what,
                                nearest,
                                suffix);

        r = join(known, &list);
        if (r < 0)
                return r;

        return policy_refuse(
                        -EINVAL,
                        reterr_message,
                        known[0] && known[1] ? "unknown %s, expected one of %s" : "unknown %s, expected %s",
                        what,
                        list);
}

int policy_refuse_elsewhere(const char *word, const char *const *known, char **reterr_message) {
        _cleanup_(freep) char *list = NULL;
        int r;

        r = join(known, &list);
        if (r < 0)
                return r;

        return policy_refuse(
                        -EOPNOTSUPP, reterr_message, "this build does not have %s (it has %s)", word, list);
}

const char *policy_value_shown(const char *value, char buf[static POLICY_VALUE_SHOWN_MAX + 4]) {
        size_t length = strlen(value), n = MIN_OF(length, (size_t) POLICY_VALUE_SHOWN_MAX);

        if (n < length)
                while (n > 0 && ((unsigned char) value[n] & 0xc0) == 0x80) /* not inside a character */
                        n--;

        for (size_t i = 0; i < n; i++)
                buf[i] = (unsigned char) value[i] < 0x20 || value[i] == 0x7f ? '?' : value[i];
        strcpy(buf + n, n < length ? "…" : "");

        return buf;
}
