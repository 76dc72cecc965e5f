/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* The word of the NULL-terminated list @known that is nearest to @word by edit distance, or NULL when none
 * is near enough to be a typing error: a distance above a third of the length, without suffix, and one. For
 * "did you mean". */
const char *word_nearest(const char *word, const char *const *known);

/* Splits at blanks. Returns the number of words, at most @max, -E2BIG for more, -ENOMEM. *@ret_words is one
 * allocation of NULL-terminated pointers into itself, freed by free(). */
int words_split(const char *text, size_t max, char ***ret_words);
