/* SPDX-License-Identifier: Apache-2.0 */
#include "store/intern.h"

#include "basic/cleanup.h"

#include <string.h>

void intern_done(Intern *t) {
        free(t->items);
        free(t->hashes);
        free(t->slots);
        *t = (Intern){};
}

static void place(Intern *t, uint32_t number) {
        size_t mask = t->n_slots - 1, i = t->hashes[number] & mask;

        while (t->slots[i] != 0)
                i = (i + 1) & mask;
        t->slots[i] = number + 1;
}

/* Keeps at least half of the slots free. */
static int grow_slots(Intern *t) {
        size_t n = t->n_slots > 0 ? t->n_slots * 2 : 256;
        uint32_t *slots;

        slots = calloc(n, sizeof(*slots));
        if (!slots)
                return -ENOMEM;

        free(t->slots);
        t->slots = slots;
        t->n_slots = n;
        for (size_t i = 0; i < t->n_items; i++)
                place(t, (uint32_t) i);

        return 0;
}

static int grow_items(Intern *t) {
        size_t n = t->n_allocated > 0 ? t->n_allocated * 2 : 128;
        unsigned char *items;
        uint32_t *hashes;

        items = realloc(t->items, n * t->item_size);
        if (!items)
                return -ENOMEM;
        t->items = items;

        hashes = realloc(t->hashes, n * sizeof(*hashes));
        if (!hashes)
                return -ENOMEM;
        t->hashes = hashes;

        t->n_allocated = n;
        return 0;
}

static bool find(const Intern *t, uint32_t hash, const void *item, uint32_t *ret_number) {
        size_t mask = t->n_slots - 1;

        if (t->n_slots == 0)
                return false;

        for (size_t i = hash & mask; t->slots[i] != 0; i = (i + 1) & mask) {
                uint32_t number = t->slots[i] - 1;

                if (t->hashes[number] == hash && t->equal(intern_item(t, number), item)) {
                        *ret_number = number;
                        return true;
                }
        }

        return false;
}

static uint32_t fold_hash(uint64_t hash) {
        return (uint32_t) (hash ^ hash >> 32);
}

bool intern_find(const Intern *t, uint64_t hash, const void *item, uint32_t *ret_number) {
        return find(t, fold_hash(hash), item, ret_number);
}

int intern_add(Intern *t, uint64_t hash, const void *item, uint32_t *ret_number) {
        uint32_t hash32 = fold_hash(hash);
        int r;

        assert(t->item_size > 0);

        if (find(t, hash32, item, ret_number))
                return 0;

        if (t->n_items >= INTERN_ITEMS_MAX)
                return -E2BIG;

        if (t->n_items >= t->n_allocated) {
                r = grow_items(t);
                if (r < 0)
                        return r;
        }

        if (t->n_items >= t->n_slots / 2) {
                r = grow_slots(t);
                if (r < 0)
                        return r;
        }

        memcpy(t->items + t->n_items * t->item_size, item, t->item_size);
        t->hashes[t->n_items] = hash32;
        place(t, (uint32_t) t->n_items);

        *ret_number = (uint32_t) t->n_items++;
        return 1;
}
