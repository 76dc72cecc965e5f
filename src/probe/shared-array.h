/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/extents.h"

/* An array in the kernel that we hand out in parts. */
typedef struct SharedArray {
        int fd; /* -EBADF: not made yet */
        uint32_t element_size;
        Extents extents;
} SharedArray;

/* Part of an array; n = 0: none */
typedef struct Place {
        uint32_t first, n;
} Place;

/* A part of an array in our memory. The kernel maps all pages of a mapping at once, so there is none for
 * longer than somebody writes. */
typedef struct SharedPart {
        void *data; /* the first element */
        void *pages;
        size_t size;
} SharedPart;

/* After a failure shared_array_done() is due, too. */
int shared_array_init(SharedArray *a, const char *name, uint32_t element_size, uint32_t n);
void shared_array_done(SharedArray *a);

/* -ENOSPC, -ENOMEM; @n may be 0. Nobody finds the part before something refers to it. */
int shared_array_take(SharedArray *a, uint32_t n, Place *ret_place);
/* When nothing refers to the part any more; unsets it. */
void shared_array_give(SharedArray *a, Place *place);

/* For writing; @place is not empty. */
int shared_array_open(const SharedArray *a, const Place *place, SharedPart *ret_part);
void shared_part_close(SharedPart *part);
