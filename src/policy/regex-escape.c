/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/regex-escape.h"

#include <string.h>

/* What other engines, or RE2 itself, have and one pass without memory or without the tables of Unicode has
 * not. */
static const struct {
        char letter;
        const char *what;
} unsupported[] = {
        { 'p', "class of Unicode" },
        { 'P', "class of Unicode" },
        { 'k', "backreference" },
        { 'g', "backreference" },
        { 'G', "end of the last match" },
        { 'K', "start of the match" },
        { 'Z', "end before a newline, \\z is the end" },
        { 'R', "line break" },
        { 'X', "grapheme" },
        { 'N', "no newline" },
        { 'h', "horizontal space" },
        { 'H', "no horizontal space" },
        { 'V', "no vertical space" },
        { 'u', "character by number, \\x{…} is one" },
        { 'U', "character by number, \\x{…} is one" },
        { 'o', "character by number, \\x{…} is one" },
        { 'c', "control character" },
        { 'e', "escape character" },
};

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

static bool is_octal(char c) {
        return c >= '0' && c <= '7';
}

static bool is_letter_or_digit(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Behind "\x{". */
static int read_braced_hex(RegexReader *p, size_t start, uint32_t *ret_character) {
        uint32_t c = 0;
        size_t digits = 0;

        for (; hex_digit(regex_peek(p, 0)) >= 0; p->at++, digits++) {
                c = c * 16 + (uint32_t) hex_digit(regex_peek(p, 0));
                if (c > CHAR_MAX_UNICODE)
                        return regex_refuse(
                                        p, start, p->at + 1 - start, "is beyond the last character, 10FFFF");
        }
        if (digits == 0 || regex_peek(p, 0) != '}')
                return regex_refuse(
                                p, start, p->at - start, "is not followed by hexadecimal digits and '}'");

        p->at++;
        *ret_character = c;
        return 0;
}

/* Behind "\x". */
static int read_hex(RegexReader *p, size_t start, uint32_t *ret_character) {
        int high = hex_digit(regex_peek(p, 0)), low = hex_digit(regex_peek(p, 1));

        if (regex_peek(p, 0) == '{') {
                p->at++;
                return read_braced_hex(p, start, ret_character);
        }
        if (high < 0 || low < 0)
                return regex_refuse(p, start, 2, "is not followed by two hexadecimal digits");

        p->at += 2;
        *ret_character = (uint32_t) (high * 16 + low);
        return 0;
}

/* At the first digit: "\0", and "\1" if another one follows; one alone would refer back to a group. */
static int read_octal(RegexReader *p, size_t start, uint32_t *ret_character) {
        uint32_t c = 0;
        size_t digits = 0;

        if (!is_octal(regex_peek(p, 0)) || (regex_peek(p, 0) != '0' && !is_octal(regex_peek(p, 1))))
                return regex_refuse_unsupported(p, start, 2, "backreference");

        for (; digits < 3 && is_octal(regex_peek(p, 0)); digits++, p->at++)
                c = c * 8 + (uint32_t) (regex_peek(p, 0) - '0');

        *ret_character = c;
        return 0;
}

static int refuse_letter(RegexReader *p, size_t start) {
        size_t length = 1 + regex_character_length(p, start + 1);
        char letter = p->text[start + 1];

        for (size_t i = 0; i < ELEMENTSOF(unsupported); i++)
                if (unsupported[i].letter == letter)
                        return regex_refuse_unsupported(p, start, length, unsupported[i].what);
        if (letter == 'E')
                return regex_refuse(p, start, length, "is not the end of a '\\Q'");
        if (strchr("bBAzQCdswDSW", letter))
                return regex_refuse(p, start, length, "cannot stand here");

        return regex_refuse(p, start, length, "is no escape sequence");
}

int regex_read_escape(RegexReader *p, uint32_t *ret_character) {
        static const char letters[] = "afnrtv", characters[] = "\a\f\n\r\t\v";
        size_t start = p->at;
        const char *letter;
        char c;

        p->at++;
        if (regex_at_end(p))
                return regex_refuse(p, start, 1, "at the end escapes nothing");

        c = regex_peek(p, 0);
        if (c >= '0' && c <= '9')
                return read_octal(p, start, ret_character);
        if (c == 'x') {
                p->at++;
                return read_hex(p, start, ret_character);
        }

        letter = strchr(letters, c);
        if (letter)
                *ret_character = (uint32_t) characters[letter - letters];
        else if ((unsigned char) c >= 0x80 || is_letter_or_digit(c))
                return refuse_letter(p, start);
        else
                *ret_character = (uint32_t) c;

        p->at++;
        return 0;
}

int regex_read_escaped_class(RegexReader *p, CharSet *set) {
        int r;

        if (regex_peek(p, 0) != '\\' || !regex_peek(p, 1))
                return 0;

        r = char_set_add_perl(set, regex_peek(p, 1), p->flags & REGEX_FOLD);
        if (r == -EINVAL)
                return 0;
        if (r < 0)
                return r;

        p->at += 2;
        return 1;
}
