/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/parse.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static int digit_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;

        return 99;
}

int parse_field(const char **p, const char *end, unsigned base, uint64_t *ret) {
        const char *s = *p;
        uint64_t v = 0;

        assert(base == 10 || base == 16);

        if (s >= end || digit_value(*s) >= (int) base)
                return -EINVAL;

        for (; s < end && digit_value(*s) < (int) base; s++)
                if (__builtin_mul_overflow(v, base, &v) ||
                    __builtin_add_overflow(v, (unsigned) digit_value(*s), &v))
                        return -ERANGE;

        *p = s;
        *ret = v;
        return 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret) {
        uint64_t v;
        int r;

        assert(text);
        assert(ret);

        const char *end = text + strlen(text);

        r = parse_field(&text, end, 10, &v);
        if (r < 0)
                return r;
        if (text != end)
                return -EINVAL;
        if (v < min || v > max)
                return -ERANGE;

        *ret = v;
        return 0;
}

int parse_uint(const char *text, unsigned min, unsigned max, unsigned *ret) {
        uint64_t v;
        int r;

        r = parse_u64(text, min, max, &v);
        if (r < 0)
                return r;

        *ret = (unsigned) v;
        return 0;
}

int parse_double(const char *text, double max, double *ret) {
        double v = 0, scale = 1;
        const char *s = text;

        assert(text);
        assert(ret);

        if (*s < '0' || *s > '9')
                return -EINVAL;
        for (; *s >= '0' && *s <= '9'; s++)
                v = v * 10 + (*s - '0');

        if (*s == '.') {
                s++;
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                for (; *s >= '0' && *s <= '9'; s++) {
                        scale *= 10;
                        if (scale <= 1e15) /* a double carries no more digits */
                                v += (*s - '0') / scale;
                }
        }

        if (*s)
                return -EINVAL;
        if (v > max)
                return -ERANGE;

        *ret = v;
        return 0;
}

int parse_bool(const char *text, bool *ret) {
        static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
        static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

        assert(text);
        assert(ret);

        for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
                if (strcasecmp(text, yes[i]) == 0) {
                        *ret = true;
                        return 0;
                }
                if (strcasecmp(text, no[i]) == 0) {
                        *ret = false;
                        return 0;
                }
        }

        return -EINVAL;
}

int parse_bytes(const char *text, uint64_t *ret) {
        static const char suffixes[] = "KMGT";
        uint64_t v;
        int r;

        assert(text);
        assert(ret);

        const char *end = text + strlen(text);

        r = parse_field(&text, end, 10, &v);
        if (r < 0)
                return r;

        if (text < end) {
                const char *s = strchr(suffixes, *text);

                if (!s || text + 1 != end)
                        return -EINVAL;
                for (; s >= suffixes; s--)
                        if (__builtin_mul_overflow(v, UINT64_C(1024), &v))
                                return -ERANGE;
        }

        *ret = v;
        return 0;
}
