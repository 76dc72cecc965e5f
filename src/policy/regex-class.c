/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/regex-class.h"

#include "policy/regex-escape.h"

#include <string.h>

/* "[:name:]" inside of a class. Returns 0 if it is none: then the '[' is a character. */
static int read_posix(RegexReader *p, CharSet *set) {
        const char *name = p->text + p->at + 2, *end;
        int r;

        if (!regex_looking_at(p, "[:"))
                return 0;
        end = strstr(name, ":]");
        if (!end)
                return 0;

        r = char_set_add_posix(set, name, (size_t) (end - name), p->flags & REGEX_FOLD);
        if (r == -EINVAL)
                return regex_refuse(
                                p, p->at, (size_t) (end + 2 - (p->text + p->at)), "is no class of POSIX");
        if (r < 0)
                return r;

        p->at = (size_t) (end + 2 - p->text);
        return 1;
}

/* @open is the place of the '['. */
static int read_character(RegexReader *p, size_t open, uint32_t *ret_character) {
        if (regex_at_end(p))
                return regex_refuse(p, open, 1, "has no ']'");
        if (regex_peek(p, 0) == '\\')
                return regex_read_escape(p, ret_character);

        *ret_character = regex_next(p);
        return 0;
}

/* "a" or "a-z"; of "a-]" the '-' is a character. */
static int read_range(RegexReader *p, size_t open, CharSet *set) {
        size_t start = p->at;
        uint32_t first, last;
        int r;

        r = read_character(p, open, &first);
        if (r < 0)
                return r;

        last = first;
        if (regex_peek(p, 0) == '-' && !(regex_peek(p, 1) == ']' || p->at + 1 >= p->length)) {
                p->at++;
                r = read_character(p, open, &last);
                if (r < 0)
                        return r;
        }
        if (last < first)
                return regex_refuse(p, start, p->at - start, "is a range that ends before it starts");

        r = p->flags & REGEX_FOLD ? char_set_add_folded(set, first, last) : char_set_add(set, first, last);
        if (r == -EOPNOTSUPP)
                return regex_refuse_folding(p, start, p->at - start);
        return r;
}

static int read_item(RegexReader *p, size_t open, CharSet *set) {
        int r;

        r = read_posix(p, set);
        if (r != 0)
                return r;
        r = regex_read_escaped_class(p, set);
        if (r != 0)
                return r;

        return read_range(p, open, set);
}

static int read_items(RegexReader *p, CharSet *set) {
        size_t open = p->at++;
        bool negate = regex_peek(p, 0) == '^', first = true;
        int r;

        if (negate)
                p->at++;

        for (; first || regex_peek(p, 0) != ']'; first = false) {
                if (regex_at_end(p))
                        return regex_refuse(p, open, 1, "has no ']'");
                r = read_item(p, open, set);
                if (r < 0)
                        return r;
        }
        p->at++;

        return negate ? char_set_negate(set) : 0;
}

int regex_read_class(RegexReader *p) {
        CharSet set = {};
        size_t open = p->at;
        int r;

        r = read_items(p, &set);
        if (r >= 0)
                r = regex_tree_add_chars(p->tree, &set, regex_column(p, open));

        char_set_done(&set);
        return r;
}
