/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/extents.h"

/* An array in the kernel that we write through a mapping and hand out in parts. */
typedef struct SharedArray {
        int fd; /* -EBADF: not made yet */
        void *data;
        size_t size;
        Extents extents;
} SharedArray;

/* Part of an array; n = 0: none */
typedef struct Place {
        uint32_t first, n;
} Place;

/* After a failure shared_array_done() is due, too. */
int shared_array_init(SharedArray *a, const char *name, uint32_t element_size, uint32_t n);
void shared_array_done(SharedArray *a);

/* -ENOSPC, -ENOMEM; @n may be 0. Nobody finds the part before something refers to it. */
int shared_array_take(SharedArray *a, uint32_t n, Place *ret_place);
/* When nothing refers to the part any more; unsets it. */
void shared_array_give(SharedArray *a, Place *place);
