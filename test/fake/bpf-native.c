/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/bpf-native.h"

#include <assert.h>
#include <stdlib.h>

#define MAPS_MAX 32U

/* Keys are in @keys for hashes only; an entry is in use when its byte in @used is set. */
struct native_map {
        const void *name;
        struct native_map_type type;
        size_t n_used;
        char *keys, *values, *used;
};

static struct native_map maps[MAPS_MAX];
static size_t n_maps;

__u64 native_now_ns = 1;

static bool is_array(const struct native_map_type *type) {
        return type->type == BPF_MAP_TYPE_ARRAY || type->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static void map_allocate(struct native_map *m, size_t n) {
        m->type.n = n;
        m->n_used = 0;
        m->values = calloc(n, m->type.value_size);
        m->keys = calloc(n, m->type.key_size);
        m->used = calloc(n, 1);
        assert(m->values && m->keys && m->used);
}

static void map_release(struct native_map *m) {
        free(m->values);
        free(m->keys);
        free(m->used);
}

static struct native_map *map_of(const void *name, const struct native_map_type *type) {
        for (size_t i = 0; i < n_maps; i++)
                if (maps[i].name == name)
                        return &maps[i];

        assert(n_maps < MAPS_MAX);
        maps[n_maps] = (struct native_map){ .name = name, .type = *type };
        map_allocate(&maps[n_maps], type->n);
        return &maps[n_maps++];
}

static char *value_at(struct native_map *m, size_t i) {
        return m->values + i * m->type.value_size;
}

/* The entry of @key, or of the first free place; -1: neither. */
static ssize_t find(struct native_map *m, const void *key, bool free_too) {
        ssize_t room = -1;
        size_t seen = 0;

        for (size_t i = 0; i < m->type.n; i++) {
                if (!m->used[i]) {
                        room = room < 0 ? (ssize_t) i : room;
                        if (seen >= m->n_used)
                                break;
                        continue;
                }
                seen++;
                if (memcmp(m->keys + i * m->type.key_size, key, m->type.key_size) == 0)
                        return i;
        }

        return free_too ? room : -1;
}

void *native_map_lookup(const void *map, const struct native_map_type *type, const void *key) {
        struct native_map *m = map_of(map, type);
        __u32 index;
        ssize_t i;

        if (is_array(&m->type)) {
                memcpy(&index, key, sizeof(index));
                return index < m->type.n ? value_at(m, index) : NULL;
        }

        i = find(m, key, /* free_too= */ false);
        return i >= 0 ? value_at(m, i) : NULL;
}

int native_map_update(
                const void *map, const struct native_map_type *type, const void *key, const void *value) {
        struct native_map *m = map_of(map, type);
        ssize_t i;

        if (is_array(&m->type)) {
                void *old = native_map_lookup(map, type, key);

                if (!old)
                        return -1;
                memcpy(old, value, m->type.value_size);
                return 0;
        }

        i = find(m, key, /* free_too= */ true);
        if (i < 0)
                return -1;
        m->n_used += !m->used[i];
        m->used[i] = 1;
        memcpy(m->keys + i * m->type.key_size, key, m->type.key_size);
        memcpy(value_at(m, i), value, m->type.value_size);
        return 0;
}

int native_map_delete(const void *map, const struct native_map_type *type, const void *key) {
        struct native_map *m = map_of(map, type);
        ssize_t i = find(m, key, /* free_too= */ false);

        if (i < 0)
                return -1;
        m->used[i] = 0;
        m->n_used--;
        return 0;
}

void native_map_set_size(const void *map, const struct native_map_type *type, size_t n) {
        struct native_map *m = map_of(map, type);

        map_release(m);
        map_allocate(m, n);
}

size_t native_map_count(const void *map) {
        for (size_t i = 0; i < n_maps; i++)
                if (maps[i].name == map)
                        return maps[i].n_used;
        return 0;
}

void native_maps_free(void) {
        for (size_t i = 0; i < n_maps; i++)
                map_release(&maps[i]);
        n_maps = 0;
}
