/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/regex-generator.h"

#include "basic/cleanup.h"

#include <string.h>

#define DEPTH_MAX 4

/* Few letters, so that patterns and paths meet: a word and others, each case of what folds to more than two,
 * characters of two to four bytes, neighbours in one range. */
static const char *const letters[] = {
        "a", "b", "A", "B", "k", "K", "s",  "S",  "_", "/", "/",
        "-", "0", "1", "9", "é", "è", "中", "丮", "😀", "ſ", "K",
};

/* Pairs of what stands in a pattern and something it matches. */
typedef struct Piece {
        const char *pattern, *sample;
} Piece;

static const Piece atoms[] = {
        { ".", "é" },
        { ".", "a" },
        { "\\d", "1" },
        { "\\D", "中" },
        { "\\w", "_" },
        { "\\W", "-" },
        { "\\s", "" },
        { "\\S", "é" },
        { "\\b", "" },
        { "\\B", "" },
        { "^", "" },
        { "$", "" },
        { "\\A", "" },
        { "\\z", "" },
        { "\\C", "b" },
        { "\\x41", "A" },
        { "\\x{e9}", "é" },
        { "\\x{1F600}", "😀" },
        { "\\101", "A" },
        { "\\.", "." },
        { "\\-", "-" },
        { "\\Qa.b\\E", "a.b" },
        { "\\Q*\\E", "*" },
        { "()", "" },
        { "(?:)", "" },
        { "[[:alpha:]]", "K" },
        { "[[:^alnum:]_]", "_" },
        { "[^/]", "é" },
        { "[^/]+", "ab" },
        { ".*", "/a" },
        { "{", "{" },
        { "a{,2}", "a{,2}" },
        { "\\t", "" },
        { "\\/", "/" },
        { "]", "]" },
        { "}", "}" },
};

static const Piece class_items[] = {
        { "a", "a" },
        { "b-k", "b" },
        { "0-9", "1" },
        { "\\d", "9" },
        { "\\W", "/" },
        { "A-Z", "K" },
        { "[:upper:]", "S" },
        { "[:^word:]", "-" },
        { "-", "-" },
        { "/", "/" },
        { "é", "é" },
        { "à-ÿ", "è" },
        { "一-龥", "中" },
        { "\\x{10FFFF}", "" },
        { "\\x{1F000}-\\x{1FFFF}", "😀" },
        { "\\x00-\\x2f", "/" },
        { "\\]", "]" },
        { "[", "[" },
        { "\\x{80}-\\x{10ffff}", "é" },
        { "\\S", "K" },
        { "s", "s" },
        { "^", "^" },
};

static const char *const openings[] = { "(",    "(",    "(",     "(?:",     "(?:", "(?i:",
                                        "(?i:", "(?s:", "(?-i:", "(?im-s:", "(?U:" };
static const char *const flags[] = { "(?i)", "(?s)", "(?m)", "(?U)", "(?-i)", "(?i-s)", "(?)" };

static void generate(Random *r, unsigned depth, Text *pattern, Text *sample);

/* xorshift64* (Vigna 2016) */
unsigned random_below(Random *r, unsigned n) {
        r->state ^= r->state >> 12;
        r->state ^= r->state << 25;
        r->state ^= r->state >> 27;
        return (unsigned) ((r->state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

void text_clear(Text *t) {
        t->n = 0;
        t->bytes[0] = '\0';
}

void text_add(Text *t, const char *text, size_t n) {
        if (t->n + n > GENERATED_MAX)
                return;

        memcpy(t->bytes + t->n, text, n);
        t->n += n;
        t->bytes[t->n] = '\0';
}

static void add(Text *t, const char *text) {
        text_add(t, text, strlen(text));
}

static void add_letter(Random *r, Text *pattern, Text *sample) {
        const char *letter = letters[random_below(r, ELEMENTSOF(letters))];

        add(pattern, letter);
        add(sample, letter);
}

static void add_class(Random *r, Text *pattern, Text *sample) {
        unsigned n = 1 + random_below(r, 3), taken = random_below(r, n);

        add(pattern, random_below(r, 4) == 0 ? "[^" : "[");
        for (unsigned i = 0; i < n; i++) {
                const Piece *item = &class_items[random_below(r, ELEMENTSOF(class_items))];

                add(pattern, item->pattern);
                if (i == taken)
                        add(sample, item->sample);
        }
        add(pattern, "]");
}

static void add_group(Random *r, unsigned depth, Text *pattern, Text *sample) {
        static unsigned n_names;
        char name[32];

        if (random_below(r, 12) == 0) {
                snprintf(name, sizeof(name), "(?P<n%u>", n_names++);
                add(pattern, name);
        } else
                add(pattern, openings[random_below(r, ELEMENTSOF(openings))]);

        generate(r, depth + 1, pattern, sample);
        add(pattern, ")");
}

static void add_atom(Random *r, unsigned depth, Text *pattern, Text *sample) {
        const Piece *atom;

        switch (random_below(r, depth < DEPTH_MAX ? 10 : 8)) {
        case 0:
        case 1:
                atom = &atoms[random_below(r, ELEMENTSOF(atoms))];
                add(pattern, atom->pattern);
                add(sample, atom->sample);
                break;
        case 2:
                add_class(r, pattern, sample);
                break;
        case 8:
        case 9:
                add_group(r, depth, pattern, sample);
                break;
        default:
                add_letter(r, pattern, sample);
        }
}

static void add_repeat(Random *r, Text *pattern, const Text *once, Text *sample) {
        unsigned min = random_below(r, 3), max = min + random_below(r, 3), times = 1;
        char text[32];

        switch (random_below(r, 6)) {
        case 0:
                add(pattern, "*");
                times = random_below(r, 3);
                break;
        case 1:
                add(pattern, "+");
                times = 1 + random_below(r, 3);
                break;
        case 2:
                add(pattern, "?");
                times = random_below(r, 2);
                break;
        case 3:
                snprintf(text, sizeof(text), "{%u}", min);
                add(pattern, text);
                times = min;
                break;
        case 4:
                snprintf(text, sizeof(text), "{%u,}", min);
                add(pattern, text);
                times = min + random_below(r, 3);
                break;
        default:
                snprintf(text, sizeof(text), "{%u,%u}", min, max);
                add(pattern, text);
                times = min + random_below(r, max - min + 1);
        }
        if (random_below(r, 5) == 0)
                add(pattern, "?");

        for (unsigned i = 0; i < times; i++)
                text_add(sample, once->bytes, once->n);
}

static void add_sequence(Random *r, unsigned depth, Text *pattern, Text *sample) {
        unsigned n = random_below(r, depth == 0 ? 7 : 4);

        for (unsigned i = 0; i < n; i++) {
                Text once = {};

                if (random_below(r, 25) == 0)
                        add(pattern, flags[random_below(r, ELEMENTSOF(flags))]);

                add_atom(r, depth, pattern, &once);
                if (random_below(r, 4) == 0)
                        add_repeat(r, pattern, &once, sample);
                else
                        text_add(sample, once.bytes, once.n);
        }
}

static void generate(Random *r, unsigned depth, Text *pattern, Text *sample) {
        unsigned n = random_below(r, 5) == 0 ? 2 + random_below(r, 2) : 1, taken = random_below(r, n);

        for (unsigned i = 0; i < n; i++) {
                Text ignored = {};

                if (i > 0)
                        add(pattern, "|");
                add_sequence(r, depth, pattern, i == taken ? sample : &ignored);
        }
}

void generate_pattern(Random *r, Text *ret_pattern, Text *ret_sample) {
        text_clear(ret_pattern);
        text_clear(ret_sample);

        if (random_below(r, 3) == 0)
                add(ret_pattern, "^");
        generate(r, 0, ret_pattern, ret_sample);
        if (random_below(r, 4) == 0)
                add(ret_pattern, "$");
}

static size_t random_character(Random *r, const Text *t) {
        size_t at = random_below(r, (unsigned) t->n + 1);

        while (at > 0 && at < t->n && ((unsigned char) t->bytes[at] & 0xc0) == 0x80)
                at--;

        return at;
}

/* Replaces @removed bytes at @at. */
static void replace(Text *t, size_t at, size_t removed, const char *text) {
        Text old = *t;

        removed = MIN_OF(removed, old.n - at);
        t->n = at;
        add(t, text);
        text_add(t, old.bytes + at + removed, old.n - at - removed);
        t->bytes[t->n] = '\0';
}

void spoil_pattern(Random *r, Text *pattern) {
        static const char *const marks[] = {
                "(", ")",   "[",      "]",      "{",  "}",   "*",   "+",     "?",   "|",  "^",
                "$", "\\",  ".",      "-",      ",",  ":",   "&",   "=",     "!",   "<",  ">",
                "P", "Q",   "E",      "d",      "w",  "b",   "i",   "U",     "0",   "1",  "2",
                "a", "x",   "[:",     ":]",     "(?", "(?i", "\\8", "\\pN",  "{2}", "**", "a{1001}",
                "é", "\\Q", "(?P<n>", "(?P<a>", "[^", "k",   "{0}", "{0,0}", "1}",
        };
        unsigned n = 1 + random_below(r, 3);

        for (unsigned i = 0; i < n; i++)
                replace(pattern,
                        random_character(r, pattern),
                        random_below(r, 2),
                        random_below(r, 5) == 0 ? "" : marks[random_below(r, ELEMENTSOF(marks))]);
}

static const char *random_bytes(Random *r) {
        /* the last ones are no UTF-8, alone; and it is seldom that all of an overlong form is asked about */
        static const char *const others[] = { ".",
                                              "\x80",
                                              "\xc3",
                                              "\xe4\xb8",
                                              "\xff",
                                              "\xc0\x80",
                                              "\xe0\x80\x80",
                                              "\xed\xa0\x80",
                                              "\xf4\x90\x80\x80",
                                              "~",
                                              "z",
                                              "Z" };

        if (random_below(r, 8) == 0)
                return others[random_below(r, ELEMENTSOF(others))];

        return letters[random_below(r, ELEMENTSOF(letters))];
}

void generate_path(Random *r, const Text *sample, Text *ret_path) {
        unsigned n;

        *ret_path = *sample;
        if (random_below(r, 4) == 0)
                return;

        if (random_below(r, 4) == 0)
                text_clear(ret_path);
        n = 1 + random_below(r, 4);
        for (unsigned i = 0; i < n; i++) {
                /* a byte, not a character: halves are left */
                size_t at = random_below(r, 3) == 0 ? random_below(r, (unsigned) ret_path->n + 1)
                                                    : random_character(r, ret_path);

                replace(ret_path, at, random_below(r, 3), random_below(r, 4) == 0 ? "" : random_bytes(r));
        }
}
