/* SPDX-License-Identifier: Apache-2.0 */
/* The few functions that a one-line summary names. */
#include "symbol/hottest.h"

#include "basic/strbuf.h"

#include <math.h>
#include <string.h>

typedef struct Self {
        const char *name; /* borrowed from the symbols */
        uint64_t n_samples;
        UT_hash_handle hh;
} Self;

static void free_all(Self **table) {
        Self *s, *next;

        HASH_ITER(hh, *table, s, next) {
                HASH_DEL(*table, s);
                free(s);
        }
}

static int add(Self **table, const char *name, uint64_t n_samples) {
        Self *s;

        HASH_FIND_STR(*table, name, s);
        if (!s) {
                s = calloc(1, sizeof(*s));
                if (!s)
                        return -ENOMEM;

                s->name = name;
                HASH_ADD_KEYPTR(hh, *table, s->name, strlen(s->name), s);
                if (!HASH_ADDED(s)) {
                        free(s);
                        return -ENOMEM;
                }
        }

        s->n_samples += n_samples;
        return 0;
}

static int compare(const Self *a, const Self *b) {
        if (a->n_samples != b->n_samples)
                return a->n_samples > b->n_samples ? -1 : 1;

        return strcmp(a->name, b->name);
}

int profile_hottest(const Profile *profile, const Symbols *symbols, size_t n, char **ret_text) {
        _cleanup_(free_all) Self *table = NULL;
        _cleanup_(strbuf_done) StrBuf b = {};
        uint64_t total = 0;
        ProfileStack *stack, *next_stack;
        Self *s, *next;
        int r;

        HASH_ITER(hh, profile_stacks(profile), stack, next_stack) {
                if (stack->n_frames == 0 ||
                    stack->n_samples == 0) /* waits are all innermost in the scheduler */
                        continue;

                r = add(&table, symbols_name(symbols, stack->frames[0]).name, stack->n_samples);
                if (r < 0)
                        return r;
                total += stack->n_samples;
        }

        if (total == 0) {
                *ret_text = NULL;
                return 0;
        }

        HASH_SORT(table, compare);
        HASH_ITER(hh, table, s, next) {
                if (n-- == 0)
                        break;

                strbuf_addf(&b,
                            "%s%s %.0f%%",
                            b.length > 0 ? ", " : "",
                            s->name,
                            round(100.0 * (double) s->n_samples / (double) total));
        }

        return strbuf_finish(&b, ret_text);
}
