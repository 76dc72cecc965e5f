/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/time-util.h"

#include <stddef.h>

/* Who has which part of an array in the kernel. Pure: no kernel, no clock. A part that was given back rests
 * before it is handed out again, because a program may have begun to read it just before. */
#define EXTENTS_REST_USEC USEC_PER_SEC
#define EXTENTS_MAX (128U * 1024U) /* parts, free ones too; more is -ENOSPC */

typedef enum ExtentState {
        EXTENT_FREE,
        EXTENT_TAKEN,
        EXTENT_RESTING,
} ExtentState;

typedef struct Extent {
        uint32_t first, n;
        ExtentState state;
        usec_t since_usec; /* EXTENT_RESTING: given back then */
} Extent;

/* Embedded; unused until extents_init(). */
typedef struct Extents {
        Extent *parts; /* ascending, without gaps; neighbours are not both free */
        size_t n_parts, n_allocated;
        uint32_t size, n_taken; /* elements of the array */
} Extents;

int extents_init(Extents *e, uint32_t size);
void extents_done(Extents *e);

/* The first place that fits @n >= 1 elements. -ENOSPC, -ENOMEM. */
int extents_take(Extents *e, uint32_t n, usec_t now_usec, uint32_t *ret_first);

/* @first is what extents_take() said. Cannot fail. */
void extents_give(Extents *e, uint32_t first, usec_t now_usec);
