/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Items of one size, each distinct one kept once and numbered from 0 in order of appearance. An open table
 * over one array: a profile may have a million frames, for which a node each would be too much. */
typedef struct Intern {
        size_t item_size;
        bool (*equal)(const void *a, const void *b);

        unsigned char *items;
        uint32_t *hashes; /* of the items */
        size_t n_items, n_allocated;

        uint32_t *slots; /* number of an item + 1; 0 = free */
        size_t n_slots;  /* power of two */
} Intern;

#define INTERN_ITEMS_MAX (1U << 27)

void intern_done(Intern *t);

/* Returns 1 if @item (copied) is new, 0 if it was known, -ENOMEM, -E2BIG. @hash should be seeded: keys come
 * from the programs that are profiled. */
int intern_add(Intern *t, uint64_t hash, const void *item, uint32_t *ret_number);

/* Whether such an item is there. */
bool intern_find(const Intern *t, uint64_t hash, const void *item, uint32_t *ret_number);

static inline void *intern_item(const Intern *t, uint32_t number) {
        return t->items + (size_t) number * t->item_size;
}
