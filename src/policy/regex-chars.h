/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAR_MAX_UNICODE 0x10ffffU

/* Sets of Unicode characters, as ranges. */
typedef struct CharRange {
        uint32_t first, last;
} CharRange;

typedef struct CharSet {
        CharRange *ranges;
        size_t n, n_allocated;
} CharSet;

void char_set_done(CharSet *s);

int char_set_add(CharSet *s, uint32_t first, uint32_t last);

/* Both cases of each. -EOPNOTSUPP: a range holds characters beyond ASCII, whose cases are not known here. */
int char_set_add_folded(CharSet *s, uint32_t first, uint32_t last);

/* Sorts, and joins what touches. */
void char_set_normalise(CharSet *s);

/* Makes it the others; normalises. */
int char_set_negate(CharSet *s);

/* Adds the characters of a class of Perl ('d', 'w', 's' and their capitals, which are the others). -EINVAL:
 * there is none of that letter. */
int char_set_add_perl(CharSet *s, char letter, bool fold);

/* Adds the class of POSIX of this name: "alpha" or, for the others, "^alpha". -EINVAL: there is none. */
int char_set_add_posix(CharSet *s, const char *name, size_t length, bool fold);
