/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-service.h"

#include "basic/cleanup.h"
#include "basic/utf8.h"
#include "policy/policy-message.h"
#include "policy/policy-pattern.h"

#include <stdbool.h>
#include <string.h>

#define BLANKS " \t"

/* One name that is being read. */
typedef struct Name {
        char bytes[POLICY_SERVICE_BYTES_MAX + 1];
        size_t n;
} Name;

static int append(Name *name, char c, char **reterr_what) {
        if (name->n >= POLICY_SERVICE_BYTES_MAX)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "a name is longer than %u bytes",
                                POLICY_SERVICE_BYTES_MAX);

        name->bytes[name->n++] = c;
        return 0;
}

static int hex_digit(char c) {
        static const char digits[] = "0123456789abcdef";
        const char *found = c >= 'A' && c <= 'F' ? digits + 10 + (c - 'A') : strchr(digits, c);

        return found && *found ? (int) (found - digits) : -EINVAL;
}

/* What stands behind a backslash: moves *p behind it. */
static int read_escape(const char **p, char *ret, char **reterr_what) {
        int high, low;

        if (**p == '"' || **p == '\\') {
                *ret = *(*p)++;
                return 0;
        }

        high = **p == 'x' ? hex_digit((*p)[1]) : -EINVAL;
        low = high >= 0 ? hex_digit((*p)[2]) : -EINVAL;
        if (low < 0 || high + low == 0)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "in quotes a backslash is written \\\\, a quotation mark \\\", another byte \\xHH");

        *ret = (char) (high * 16 + low);
        *p += 3;
        return 0;
}

/* Moves *p from behind the opening mark to behind the closing one. */
static int read_quoted(const char **p, Name *name, char **reterr_what) {
        int r;

        while (**p != '"') {
                char c = **p;

                if (c == '\0')
                        return policy_refuse(-EINVAL, reterr_what, "a quotation mark is not closed");

                (*p)++;
                if (c == '\\') {
                        r = read_escape(p, &c, reterr_what);
                        if (r < 0)
                                return r;
                }

                r = append(name, c, reterr_what);
                if (r < 0)
                        return r;
        }

        (*p)++;
        if (**p && !strchr(BLANKS, **p))
                return policy_refuse(-EINVAL, reterr_what, "expected a blank behind the quotation mark");

        return 0;
}

static int read_plain(const char **p, Name *name, char **reterr_what) {
        for (; **p && !strchr(BLANKS, **p); (*p)++) {
                int r;

                if (**p == '"')
                        return policy_refuse(
                                        -EINVAL,
                                        reterr_what,
                                        "a name with a quotation mark in it is written \"in \\\" quotes\"");

                r = append(name, **p, reterr_what);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int read_name(const char **p, Name *name, char **reterr_what) {
        int r;

        name->n = 0;
        if (**p == '"') {
                (*p)++;
                r = read_quoted(p, name, reterr_what);
        } else
                r = read_plain(p, name, reterr_what);
        if (r < 0)
                return r;

        name->bytes[name->n] = '\0';
        if (name->n == 0)
                return policy_refuse(-EINVAL, reterr_what, "a name of nothing");
        if (!utf8_is_valid(name->bytes, name->n))
                return policy_refuse(-EINVAL, reterr_what, "a name is not valid UTF-8");

        return 0;
}

int policy_services_add(const char *value, char ***list, char **reterr_what) {
        assert(value);
        assert(list && *list);

        for (const char *p = value + strspn(value, BLANKS); *p; p += strspn(p, BLANKS)) {
                Name name;
                int r;

                r = read_name(&p, &name, reterr_what);
                if (r >= 0)
                        r = policy_patterns_push(list, strdup(name.bytes), reterr_what);
                if (r < 0)
                        return r;
        }

        return 0;
}

static bool is_control(char c) {
        return (unsigned char) c < 0x20 || c == 0x7f;
}

/* A backslash at the end of a line would continue it. */
static bool needs_quotes(const char *name) {
        for (const char *p = name; *p; p++)
                if (*p == ' ' || *p == '"' || *p == '\\' || is_control(*p))
                        return true;

        return false;
}

void policy_service_write(StrBuf *b, const char *name) {
        assert(b);
        assert(name);

        if (!needs_quotes(name)) {
                strbuf_add(b, name);
                return;
        }

        strbuf_add(b, "\"");
        for (const char *p = name; *p; p++)
                if (is_control(*p))
                        strbuf_addf(b, "\\x%02x", (unsigned) (unsigned char) *p);
                else
                        strbuf_addf(b, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
        strbuf_add(b, "\"");
}

static size_t written_size(const char *name) {
        size_t n = needs_quotes(name) ? 2 : 0;

        for (const char *p = name; *p; p++)
                n += is_control(*p) ? 4 : *p == '"' || *p == '\\' ? 2 : 1;

        return n;
}

size_t policy_services_size(char *const *list) {
        size_t n = 0;

        for (; *list; list++)
                n += strlen("Service=\n") + written_size(*list);

        return n;
}
