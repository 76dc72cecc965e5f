/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Called for each element of a map; may delete that element. Borrowed. */
typedef void (*MapElementFn)(int map_fd, const void *key, const void *value, void *userdata);

/* All elements of a hash map, in no order, while programs may change it: elements that come and go meanwhile
 * are seen or not, the others once. Many at once where the kernel can (5.6). */
int map_walk(int map_fd, size_t key_size, size_t value_size, MapElementFn fn, void *userdata);

/* The sum over all CPUs of one element of a per-CPU array of 64-bit numbers; 0 if it can't be read. */
uint64_t map_read_counter(int map_fd, uint32_t index);
