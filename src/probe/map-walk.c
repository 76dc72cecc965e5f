/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/map-walk.h"

#include "basic/cleanup.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>

#define BATCH 1024U     /* more than any bucket holds */
#define KEYS_MAX 65536U /* of a walk one by one */

typedef struct Batch {
        char *keys, *values;
        uint32_t position; /* of the kernel: a bucket */
} Batch;

static void batch_done(Batch *b) {
        free(b->keys);
        free(b->values);
}

/* Returns the number of elements; -ENOENT with those that are the last ones. */
static int batch_read(Batch *b, int map_fd, bool is_first, uint32_t *ret_n) {
        uint32_t n = BATCH;
        int r;

        r = bpf_map_lookup_batch(
                        map_fd, is_first ? NULL : &b->position, &b->position, b->keys, b->values, &n, NULL);
        if (r < 0 && errno != ENOENT)
                return -errno;

        *ret_n = n;
        return r < 0 ? -ENOENT : 0;
}

static int walk_batches(int map_fd, size_t key_size, size_t value_size, MapElementFn fn, void *userdata) {
        _cleanup_(batch_done) Batch b = {};
        bool is_first = true;
        int r;

        b.keys = malloc(BATCH * key_size);
        b.values = malloc(BATCH * value_size);
        if (!b.keys || !b.values)
                return -ENOMEM;

        do {
                uint32_t n = 0;

                r = batch_read(&b, map_fd, is_first, &n);
                if (r < 0 && r != -ENOENT)
                        return is_first ? -EOPNOTSUPP : r;

                for (size_t i = 0; i < n; i++)
                        fn(map_fd, b.keys + i * key_size, b.values + i * value_size, userdata);
                is_first = false;
        } while (r == 0);

        return 0;
}

/* All keys first: after an element that went away the kernel would begin anew. */
static int walk_keys(int map_fd, size_t key_size, size_t value_size, MapElementFn fn, void *userdata) {
        _cleanup_(freep) char *keys = NULL, *value = NULL;
        size_t n = 0;

        keys = malloc(KEYS_MAX * key_size);
        value = malloc(value_size);
        if (!keys || !value)
                return -ENOMEM;

        while (n < KEYS_MAX &&
               bpf_map_get_next_key(map_fd, n > 0 ? keys + (n - 1) * key_size : NULL, keys + n * key_size) ==
                               0)
                n++;

        for (size_t i = 0; i < n; i++)
                if (bpf_map_lookup_elem(map_fd, keys + i * key_size, value) == 0)
                        fn(map_fd, keys + i * key_size, value, userdata);

        return 0;
}

int map_walk(int map_fd, size_t key_size, size_t value_size, MapElementFn fn, void *userdata) {
        int r;

        r = walk_batches(map_fd, key_size, value_size, fn, userdata);
        if (r != -EOPNOTSUPP)
                return r;

        return walk_keys(map_fd, key_size, value_size, fn, userdata);
}

uint64_t map_read_counter(int map_fd, uint32_t index) {
        _cleanup_(freep) uint64_t *values = NULL;
        int n_cpus = libbpf_num_possible_cpus();
        uint64_t sum = 0;

        if (n_cpus <= 0)
                return 0;

        values = calloc((size_t) n_cpus, sizeof(values[0]));
        if (!values || bpf_map_lookup_elem(map_fd, &index, values) < 0)
                return 0;

        for (int i = 0; i < n_cpus; i++)
                sum += values[i];

        return sum;
}
