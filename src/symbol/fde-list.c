/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/fde-list.h"

#define SPANS_FIRST 1024U
#define SORT_SLICE 16384U
#define DIGIT_BITS 11U
#define PAGE_MASK UINT64_C(4095)

int fde_list_init(FdeList *l, const ElfImage *image) {
        uint64_t base = UINT64_MAX;

        for (size_t i = 0; i < image->n_segments; i++)
                if (image->segments[i].executable && image->segments[i].file_size > 0)
                        base = MIN_OF(base, image->segments[i].address);
        if (base == UINT64_MAX)
                return -ENODATA;

        *l = (FdeList){ .base = base & ~PAGE_MASK };
        return 0;
}

void fde_list_done(FdeList *l) {
        free(l->spans);
        free(l->target);
        l->spans = l->target = NULL;
        l->n = l->n_allocated = 0;
}

int fde_list_span(const FdeList *l, const ElfImage *image, const EhFde *fde, FdeSpan *ret_span) {
        for (size_t i = 0; i < image->n_segments; i++) {
                const ElfSegment *s = &image->segments[i];
                uint64_t size;

                if (!s->executable || fde->start < s->address || fde->start - s->address >= s->file_size)
                        continue;

                size = MIN_OF(fde->size, s->file_size - (fde->start - s->address));
                if (size == 0)
                        return -ENOENT;
                if (size > UINT32_MAX || fde->start - l->base > UINT32_MAX - size)
                        return -ERANGE;

                *ret_span = (FdeSpan){
                        .start = (uint32_t) (fde->start - l->base),
                        .end = (uint32_t) (fde->start - l->base + size),
                };
                return 0;
        }

        return -ENOENT;
}

static unsigned digit_of(uint32_t start, unsigned digit) {
        return start >> (digit * DIGIT_BITS) & (FDE_SORT_VALUES - 1);
}

int fde_list_add(FdeList *l, FdeSpan span) {
        if (l->n >= FDES_MAX)
                return -E2BIG;

        if (l->n == l->n_allocated) {
                size_t n = l->n > 0 ? 2 * l->n : SPANS_FIRST;
                FdeSpan *grown = reallocarray(l->spans, n, sizeof(span));

                if (!grown)
                        return -ENOMEM;
                l->spans = grown;
                l->n_allocated = n;
        }

        if (l->n > 0 && span.start < l->spans[l->n - 1].start)
                l->is_unsorted = true;
        for (unsigned d = 0; d < FDE_SORT_DIGITS; d++)
                l->places[d][digit_of(span.start, d)]++;

        l->spans[l->n++] = span;
        return 0;
}

/* Turns counts into the places where the first of each value goes. */
static void count_places(uint32_t places[static FDE_SORT_VALUES]) {
        uint32_t place = 0;

        for (unsigned i = 0; i < FDE_SORT_VALUES; i++) {
                uint32_t n = places[i];

                places[i] = place;
                place += n;
        }
}

int fde_list_sort_step(FdeList *l) {
        FdeSpan *sorted;
        size_t end;

        if (!l->is_unsorted || l->digit == FDE_SORT_DIGITS)
                return 0;

        if (!l->target) {
                l->target = reallocarray(NULL, l->n, sizeof(l->target[0]));
                if (!l->target)
                        return -ENOMEM;
        }

        if (l->next == 0)
                count_places(l->places[l->digit]);

        end = MIN_OF(l->n, l->next + SORT_SLICE);
        for (; l->next < end; l->next++) {
                FdeSpan span = l->spans[l->next];

                l->target[l->places[l->digit][digit_of(span.start, l->digit)]++] = span;
        }
        if (l->next < l->n)
                return 1;

        sorted = l->target;
        l->target = l->spans;
        l->spans = sorted;
        l->n_allocated = l->n;
        l->next = 0;
        l->digit++;
        return l->digit < FDE_SORT_DIGITS;
}

uint32_t fde_list_end(const FdeList *l, size_t i) {
        uint32_t end = l->spans[i].end;

        return i + 1 < l->n ? MIN_OF(end, l->spans[i + 1].start) : end;
}
