/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/regex-chars.h"

#include "basic/cleanup.h"

#include <string.h>

/* ASCII only, as RE2 has them: pairs of first and last character. */
static const struct {
        const char *name, *ranges;
} posix_classes[] = {
        { "alnum", "09AZaz" },
        { "alpha", "AZaz" },
        { "blank", "\t\t  " },
        { "digit", "09" },
        { "graph", "!~" },
        { "lower", "az" },
        { "print", " ~" },
        { "punct", "!/:@[`{~" },
        { "space", "\t\r  " },
        { "upper", "AZ" },
        { "word", "09AZ__az" },
        { "xdigit", "09AFaf" },
        /* these two hold NUL, which a string cannot */
        { "ascii", NULL },
        { "cntrl", NULL },
};

static const struct {
        char letter;
        const char *ranges;
} perl_classes[] = {
        { 'd', "09" },
        { 's', "\t\n\f\r  " }, /* not \v */
        { 'w', "09AZ__az" },
};

void char_set_done(CharSet *s) {
        free(s->ranges);
        *s = (CharSet){};
}

int char_set_add(CharSet *s, uint32_t first, uint32_t last) {
        if (s->n == s->n_allocated) {
                size_t n = s->n_allocated > 0 ? s->n_allocated * 2 : 8;
                CharRange *grown = reallocarray(s->ranges, n, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                s->ranges = grown;
                s->n_allocated = n;
        }

        s->ranges[s->n++] = (CharRange){ first, last };
        return 0;
}

/* Adds the other case of the letters between @first and @last, which are those between @a and @z. */
static int add_other_case(CharSet *s, uint32_t first, uint32_t last, uint32_t a, uint32_t z, int distance) {
        first = MAX_OF(first, a);
        last = MIN_OF(last, z);
        if (first > last)
                return 0;

        return char_set_add(s, first + (uint32_t) distance, last + (uint32_t) distance);
}

static bool has(uint32_t first, uint32_t last, uint32_t c) {
        return first <= c && c <= last;
}

int char_set_add_folded(CharSet *s, uint32_t first, uint32_t last) {
        int r;

        if (last >= 0x80)
                return -EOPNOTSUPP;

        r = char_set_add(s, first, last);
        if (r < 0)
                return r;
        r = add_other_case(s, first, last, 'a', 'z', 'A' - 'a');
        if (r < 0)
                return r;
        r = add_other_case(s, first, last, 'A', 'Z', 'a' - 'A');
        if (r < 0)
                return r;

        /* Unicode, CaseFolding.txt: the Kelvin sign is a k, the long s is an s */
        if (has(first, last, 'k') || has(first, last, 'K')) {
                r = char_set_add(s, 0x212a, 0x212a);
                if (r < 0)
                        return r;
        }
        if (has(first, last, 's') || has(first, last, 'S'))
                return char_set_add(s, 0x17f, 0x17f);
        return 0;
}

static int by_first(const void *a, const void *b) {
        const CharRange *x = a, *y = b;

        return x->first < y->first ? -1 : x->first > y->first;
}

void char_set_normalise(CharSet *s) {
        size_t n = 0;

        if (s->n == 0)
                return;

        qsort(s->ranges, s->n, sizeof(s->ranges[0]), by_first);
        for (size_t i = 1; i < s->n; i++) {
                CharRange *last = &s->ranges[n], r = s->ranges[i];

                if (r.first <= last->last + 1)
                        last->last = MAX_OF(last->last, r.last);
                else
                        s->ranges[++n] = r;
        }
        s->n = n + 1;
}

int char_set_negate(CharSet *s) {
        CharSet others = {};
        uint32_t first = 0;
        int r = 0;

        char_set_normalise(s);
        for (size_t i = 0; i < s->n && r >= 0; i++) {
                if (s->ranges[i].first > first)
                        r = char_set_add(&others, first, s->ranges[i].first - 1);
                first = s->ranges[i].last + 1;
        }
        if (first <= CHAR_MAX_UNICODE && r >= 0)
                r = char_set_add(&others, first, CHAR_MAX_UNICODE);
        if (r < 0) {
                char_set_done(&others);
                return r;
        }

        char_set_done(s);
        *s = others;
        return 0;
}

static int add(CharSet *s, uint32_t first, uint32_t last, bool fold) {
        return fold ? char_set_add_folded(s, first, last) : char_set_add(s, first, last);
}

static int add_pairs(CharSet *s, const char *pairs, bool fold) {
        for (; *pairs; pairs += 2) {
                int r = add(s, (uint32_t) pairs[0], (uint32_t) pairs[1], fold);

                if (r < 0)
                        return r;
        }

        return 0;
}

/* Adds the characters that are not in @others, and frees it. */
static int add_negated(CharSet *s, CharSet *others, int r) {
        if (r >= 0)
                r = char_set_negate(others);
        for (size_t i = 0; i < others->n && r >= 0; i++)
                r = char_set_add(s, others->ranges[i].first, others->ranges[i].last);

        char_set_done(others);
        return r;
}

int char_set_add_perl(CharSet *s, char letter, bool fold) {
        for (size_t i = 0; i < ELEMENTSOF(perl_classes); i++) {
                CharSet others = {};

                if (letter == perl_classes[i].letter)
                        return add_pairs(s, perl_classes[i].ranges, fold);
                if (letter == perl_classes[i].letter - 'a' + 'A')
                        return add_negated(s, &others, add_pairs(&others, perl_classes[i].ranges, fold));
        }

        return -EINVAL;
}

static int add_posix(CharSet *s, size_t class, bool fold) {
        const char *name = posix_classes[class].name;
        int r;

        if (posix_classes[class].ranges)
                return add_pairs(s, posix_classes[class].ranges, fold);
        if (strcmp(name, "ascii") == 0)
                return add(s, 0, 0x7f, fold);

        r = add(s, 0, 0x1f, fold);
        return r < 0 ? r : add(s, 0x7f, 0x7f, fold);
}

int char_set_add_posix(CharSet *s, const char *name, size_t length, bool fold) {
        bool negate = length > 0 && name[0] == '^';

        if (negate) {
                name++;
                length--;
        }

        for (size_t i = 0; i < ELEMENTSOF(posix_classes); i++) {
                CharSet others = {};

                if (strlen(posix_classes[i].name) != length ||
                    memcmp(posix_classes[i].name, name, length) != 0)
                        continue;

                return negate ? add_negated(s, &others, add_posix(&others, i, fold)) : add_posix(s, i, fold);
        }

        return -EINVAL;
}
