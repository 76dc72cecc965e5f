/* SPDX-License-Identifier: Apache-2.0 */
/* Names of services as words, and as names of policies. */
#include "oap/oap-policy-private.h"

#include "policy/policy.h"

#include <string.h>

#define DIGEST_LENGTH (sizeof("\\h0123456789abcdef") - 1)

const char *oap_target_to_kind(OapTarget t) {
        static const char *const names[_OAP_TARGET_MAX] = {
                [OAP_TARGET_ON_CPU] = "on-cpu",
                [OAP_TARGET_OFF_CPU] = "off-cpu",
                [OAP_TARGET_NETWORK] = "network",
        };

        return t >= 0 && t < _OAP_TARGET_MAX ? names[t] : NULL;
}

static bool is_plain(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c != '\0' && strchr(":-_.@", c));
}

void oap_escape(StrBuf *b, const char *text) {
        for (; *text; text++)
                if (is_plain(*text))
                        strbuf_add_n(b, text, 1);
                else
                        strbuf_addf(b, "\\x%02x", (unsigned) (unsigned char) *text);
}

static int hex_digit(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -EINVAL;
}

int oap_unescape(const char *word, size_t length, char **ret_text) {
        _cleanup_(strbuf_done) StrBuf b = {};

        if (length == 0)
                return -EINVAL;

        for (size_t i = 0; i < length; i++) {
                char c = word[i];

                if (c == '\\') {
                        int high = i + 3 < length && word[i + 1] == 'x' ? hex_digit(word[i + 2]) : -EINVAL;
                        int low = high >= 0 ? hex_digit(word[i + 3]) : -EINVAL;

                        if (low < 0 || high + low == 0)
                                return -EINVAL;
                        c = (char) (high * 16 + low);
                        i += 3;
                } else if (!is_plain(c))
                        return -EINVAL;

                strbuf_add_n(&b, &c, 1);
        }

        return strbuf_finish(&b, ret_text);
}

/* Cuts @name, but not inside of what stands for one byte, and adds what tells it from others. No escaped
 * name has "\h" in it. */
static int shorten(char *name, size_t prefix, const char *service, char **ret_name) {
        size_t n = POLICY_NAME_MAX - DIGEST_LENGTH;

        for (size_t back = 1; back <= 3 && n > prefix + back; back++)
                if (name[n - back] == '\\') {
                        n -= back;
                        break;
                }

        name[n] = '\0';
        if (asprintf(ret_name,
                     "%s\\h%016llx",
                     name,
                     (unsigned long long) oap_policy_hash(service, strlen(service))) < 0)
                return -ENOMEM;

        return 0;
}

int oap_policy_name(const char *service, OapTarget target, char **ret_name) {
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *name = NULL;
        size_t prefix;
        int r;

        assert(service);
        assert(target >= 0 && target < _OAP_TARGET_MAX);
        assert(ret_name);

        strbuf_addf(&b, OAP_POLICY_PREFIX "%s:", oap_target_to_kind(target));
        prefix = b.length;
        oap_escape(&b, service);
        r = strbuf_finish(&b, &name);
        if (r < 0)
                return r;

        if (strlen(name) > POLICY_NAME_MAX)
                return shorten(name, prefix, service, ret_name);

        *ret_name = TAKE_PTR(name);
        return 0;
}
