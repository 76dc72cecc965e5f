/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a program in bpf/ needs of the kernel, for compiling it natively: maps as arrays, helpers as
 * functions. Map declarations are used as they stand; types and sizes are read from their members. One CPU.
 */

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name
#undef __always_inline /* of the C library: not the same words */
#define __always_inline inline __attribute__((always_inline))
#define __noinline static __attribute__((noinline, unused))
#define barrier() __asm__ volatile("" ::: "memory")
#define barrier_var(variable) __asm__ volatile("" : "+r"(variable))

struct native_map_type {
        unsigned type;
        size_t key_size, value_size, n;
};

#define NATIVE_TYPE(map)                                                                        \
        &(struct native_map_type) {                                                             \
                sizeof(*(map)->type) / sizeof(int), sizeof(*(map)->key), sizeof(*(map)->value), \
                                sizeof(*(map)->max_entries) / sizeof(int),                      \
        }

#define bpf_map_lookup_elem(map, key) native_map_lookup(map, NATIVE_TYPE(map), key)
#define bpf_map_update_elem(map, key, value, flags) native_map_update(map, NATIVE_TYPE(map), key, value)
#define bpf_map_delete_elem(map, key) native_map_delete(map, NATIVE_TYPE(map), key)

/* What the programs call; @map only names the map. */
void *native_map_lookup(const void *map, const struct native_map_type *type, const void *key);
int native_map_update(
                const void *map, const struct native_map_type *type, const void *key, const void *value);
int native_map_delete(const void *map, const struct native_map_type *type, const void *key);

/* For tests: makes room for @n elements instead of those declared, all zero. */
#define native_map_resize(map, n_) native_map_set_size(map, NATIVE_TYPE(map), n_)
void native_map_set_size(const void *map, const struct native_map_type *type, size_t n);
/* Elements that are in the hash. */
size_t native_map_count(const void *map);
void native_maps_free(void);

extern __u64 native_now_ns; /* the clock */

static inline __u64 bpf_ktime_get_ns(void) {
        return native_now_ns;
}

static inline long bpf_probe_read_kernel(void *to, __u32 n, const void *from) {
        memcpy(to, from, n);
        return 0;
}
