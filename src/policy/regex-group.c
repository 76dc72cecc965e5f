/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/regex-group.h"

#include <string.h>

/* The longer ones first where one begins with another. */
static const struct {
        const char *open, *what;
} unsupported[] = {
        { "(?=", "lookahead" },
        { "(?!", "negative lookahead" },
        { "(?<=", "lookbehind" },
        { "(?<!", "negative lookbehind" },
        { "(?>", "atomic group" },
        { "(?|", "branch reset" },
        { "(?#", "comment" },
        { "(?(", "condition" },
        { "(?'", "group named between quotes" },
        { "(?P=", "backreference" },
        { "(?P>", "recursion" },
        { "(?&", "recursion" },
        { "(?R", "recursion" },
        { "(?+", "recursion" },
        { "(?0", "recursion" },
        { "(?1", "recursion" },
        { "(?C", "callout" },
        { "(?x", "spaces that do not count" },
};

static bool is_word(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Behind "(?P<" or "(?<". */
static int read_name(RegexReader *p, size_t open) {
        const char *name = p->text + p->at;
        size_t length = 0;

        while (is_word(regex_peek(p, length)))
                length++;
        if (length == 0 || regex_peek(p, length) != '>')
                return regex_refuse(
                                p,
                                open,
                                p->at + length - open,
                                "is not followed by a name of letters, digits and '_', and '>'");

        for (size_t i = 0; i < p->n_names; i++)
                if (p->names[i].length == length && memcmp(p->text + p->names[i].at, name, length) == 0)
                        return regex_refuse(p, p->at, length, "is the name of two groups");
        if (p->n_names >= ELEMENTSOF(p->names))
                return regex_refuse(p, open, p->at - open, "is one name too many");

        p->names[p->n_names].at = p->at;
        p->names[p->n_names++].length = length;
        p->at += length + 1;
        return 1;
}

static unsigned flag_of(char c) {
        switch (c) {
        case 'i':
                return REGEX_FOLD;
        case 'm':
                return REGEX_MULTILINE;
        case 's':
                return REGEX_DOT_ALL;
        case 'U':
                return REGEX_UNGREEDY;
        default:
                return 0;
        }
}

/* Behind "(?": "i)", "i-s:", ":". */
static int read_flags(RegexReader *p, size_t open) {
        unsigned flags = p->flags;
        bool negative = false, any = false;

        for (;; p->at++) {
                char c = regex_peek(p, 0);
                unsigned flag = flag_of(c);

                if (flag) {
                        flags = negative ? flags & ~flag : flags | flag;
                        any = true;
                } else if (c == '-' && !negative) {
                        negative = true;
                        any = false;
                } else if ((c == ':' || c == ')') && (any || !negative)) {
                        p->flags = flags;
                        p->at++;
                        return c == ':';
                } else
                        return regex_refuse(
                                        p,
                                        open,
                                        p->at + 1 - open,
                                        "is no group: flags are i, m, s and U, then ':' or ')'");
        }
}

int regex_read_group_open(RegexReader *p) {
        size_t open = p->at;

        for (size_t i = 0; i < ELEMENTSOF(unsupported); i++)
                if (regex_looking_at(p, unsupported[i].open))
                        return regex_refuse_unsupported(
                                        p, open, strlen(unsupported[i].open), unsupported[i].what);

        if (regex_looking_at(p, "(?P<") || regex_looking_at(p, "(?<")) {
                p->at += regex_looking_at(p, "(?P<") ? strlen("(?P<") : strlen("(?<");
                return read_name(p, open);
        }
        if (regex_looking_at(p, "(?")) {
                p->at += strlen("(?");
                return read_flags(p, open);
        }

        p->at++;
        return 1;
}
