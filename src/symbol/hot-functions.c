/* SPDX-License-Identifier: Apache-2.0 */
/* The ranking of functions in a profile. */
#include "symbol/hot-functions.h"

#include <string.h>

typedef struct Entry {
        HotFunction function;
        uint64_t last_stack; /* number of the stack that was last counted in total, from 1 */
        UT_hash_handle hh;
} Entry;

static void free_all(Entry **table) {
        Entry *e, *next;

        HASH_ITER(hh, *table, e, next) {
                HASH_DEL(*table, e);
                free(e);
        }
}

static int get(Entry **table, const char *name, Entry **ret) {
        Entry *e;

        HASH_FIND_STR(*table, name, e);
        if (!e) {
                e = calloc(1, sizeof(*e));
                if (!e)
                        return -ENOMEM;

                e->function.name = name;
                HASH_ADD_KEYPTR(hh, *table, e->function.name, strlen(name), e);
                if (!HASH_ADDED(e)) {
                        free(e);
                        return -ENOMEM;
                }
        }

        *ret = e;
        return 0;
}

static int add_stack(Entry **table, const ProfileStack *stack, const Symbols *symbols, uint64_t number) {
        Entry *e;
        int r;

        for (unsigned i = 0; i < stack->n_frames; i++) {
                r = get(table, symbols_name(symbols, stack->frames[i]).name, &e);
                if (r < 0)
                        return r;

                if (i == 0)
                        e->function.self += stack->n_samples;
                if (e->last_stack != number)
                        e->function.total += stack->n_samples;
                e->last_stack = number;
        }

        return 0;
}

static int compare(const Entry *a, const Entry *b) {
        const HotFunction *x = &a->function, *y = &b->function;

        if (x->self != y->self)
                return x->self > y->self ? -1 : 1;
        if (x->total != y->total)
                return x->total > y->total ? -1 : 1;

        return strcmp(x->name, y->name);
}

int profile_hot_functions(
                const Profile *profile,
                const Symbols *symbols,
                size_t max,
                HotFunction **ret_functions,
                size_t *ret_n) {
        _cleanup_(free_all) Entry *table = NULL;
        _cleanup_(freep) HotFunction *functions = NULL;
        ProfileStack *stack, *next_stack;
        uint64_t number = 0;
        Entry *e, *next;
        size_t n = 0;
        int r;

        HASH_ITER(hh, profile_stacks(profile), stack, next_stack) {
                if (stack->n_samples == 0)
                        continue; /* waits are all innermost in the scheduler */

                r = add_stack(&table, stack, symbols, ++number);
                if (r < 0)
                        return r;
        }

        max = MIN_OF(max, (size_t) HASH_COUNT(table));
        functions = calloc(max + 1, sizeof(*functions));
        if (!functions)
                return -ENOMEM;

        HASH_SORT(table, compare);
        HASH_ITER(hh, table, e, next) {
                if (n == max)
                        break;
                functions[n++] = e->function;
        }

        *ret_functions = TAKE_PTR(functions);
        *ret_n = n;
        return 0;
}
