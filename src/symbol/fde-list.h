/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/eh-reader.h"

#define FDES_MAX (512U * 1024U) /* of one file */
#define FDE_SORT_DIGITS 3U      /* of 11 bits in an address of 32 */
#define FDE_SORT_VALUES 2048U

/* Code of one FDE, relative to the base. */
typedef struct FdeSpan {
        uint32_t start, end;
        uint32_t first_row, n_rows;
} FdeSpan;

/* FDEs, to be sorted by address in slices. */
typedef struct FdeList {
        uint64_t base;  /* lowest address of code, at the start of its page */
        FdeSpan *spans; /* owned */
        size_t n, n_allocated;
        bool is_unsorted;

        FdeSpan *target; /* owned; while sorting */
        unsigned digit;
        size_t next;
        uint32_t places[FDE_SORT_DIGITS][FDE_SORT_VALUES]; /* how many there are, then where they go */
} FdeList;

/* -ENODATA: @image has no code. */
int fde_list_init(FdeList *l, const ElfImage *image);
void fde_list_done(FdeList *l);

/* The span of @fde, cut where its segment of code ends. -ENOENT: empty or not in code; -ERANGE: 4 GiB or
 * more from the base. */
int fde_list_span(const FdeList *l, const ElfImage *image, const EhFde *fde, FdeSpan *ret_span);

/* -E2BIG, -ENOMEM */
int fde_list_add(FdeList *l, FdeSpan span);

/* Sorts by start, those with the same in the order in which they came. Returns 1 while there is more to do,
 * 0 when done, -ENOMEM. */
int fde_list_sort_step(FdeList *l);

/* Where the code of the span at @i ends if, of two that overlap, the one that starts later has it. Equal to
 * its start: it has none. The list is sorted. */
uint32_t fde_list_end(const FdeList *l, size_t i);
