/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/words.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_LENGTH_MAX 64

/* Levenshtein distance, one row at a time; both words are at most WORD_LENGTH_MAX long. */
static size_t edit_distance(const char *a, const char *b) {
        size_t row[WORD_LENGTH_MAX + 1], la = strlen(a), lb = strlen(b);

        for (size_t j = 0; j <= lb; j++)
                row[j] = j;

        for (size_t i = 1; i <= la; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= lb; j++) {
                        size_t replace = diagonal + (a[i - 1] != b[j - 1]);
                        size_t edit = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

                        diagonal = row[j];
                        row[j] = replace < edit ? replace : edit;
                }
        }

        return row[lb];
}

/* Without a suffix such as ".service", which is the same in all and says nothing of nearness. */
static size_t stem_length(const char *word) {
        const char *dot = strrchr(word, '.');

        return dot ? (size_t) (dot - word) : strlen(word);
}

const char *word_nearest(const char *word, const char *const *known) {
        const char *best = NULL;
        size_t best_distance = (size_t) -1;

        assert(word);
        assert(known);

        if (strlen(word) > WORD_LENGTH_MAX)
                return NULL;

        for (; *known; known++) {
                size_t d;

                if (strlen(*known) > WORD_LENGTH_MAX)
                        continue;

                d = edit_distance(word, *known);
                if (d < best_distance && d <= stem_length(*known) / 3 + 1 && d < strlen(*known)) {
                        best = *known;
                        best_distance = d;
                }
        }

        return best;
}

int words_split(const char *text, size_t max, char ***ret_words) {
        size_t n = 0, length;
        char **words, *copy, *save = NULL;

        assert(text);
        assert(ret_words);

        for (const char *p = text + strspn(text, " \t"); *p; p += strspn(p, " \t")) {
                p += strcspn(p, " \t");
                n++;
        }

        if (n > max)
                return -E2BIG;

        length = strlen(text) + 1;
        words = malloc((n + 1) * sizeof(words[0]) + length);
        if (!words)
                return -ENOMEM;

        copy = (char *) (words + n + 1);
        memcpy(copy, text, length);

        size_t i = 0;
        for (char *w = strtok_r(copy, " \t", &save); w; w = strtok_r(NULL, " \t", &save))
                words[i++] = w;
        words[i] = NULL;

        *ret_words = words;
        return (int) n;
}
