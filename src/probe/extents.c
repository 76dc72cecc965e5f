/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/extents.h"

#include "basic/cleanup.h"

#include <string.h>

int extents_init(Extents *e, uint32_t size) {
        Extent *parts;

        assert(e);
        assert(size > 0);

        parts = calloc(16, sizeof(*parts));
        if (!parts)
                return -ENOMEM;

        parts[0] = (Extent){ .n = size };
        *e = (Extents){ .parts = parts, .n_parts = 1, .n_allocated = 16, .size = size };
        return 0;
}

void extents_done(Extents *e) {
        free(e->parts);
        *e = (Extents){};
}

/* Makes what has rested free and joins free neighbours. */
static void wake(Extents *e, usec_t now_usec) {
        size_t n = 0;

        for (size_t i = 0; i < e->n_parts; i++) {
                Extent p = e->parts[i];

                if (p.state == EXTENT_RESTING && now_usec - p.since_usec >= EXTENTS_REST_USEC)
                        p.state = EXTENT_FREE;

                if (p.state == EXTENT_FREE && n > 0 && e->parts[n - 1].state == EXTENT_FREE)
                        e->parts[n - 1].n += p.n;
                else
                        e->parts[n++] = p;
        }

        e->n_parts = n;
}

static int reserve_part(Extents *e) {
        Extent *parts;

        if (e->n_parts < e->n_allocated)
                return 0;
        if (e->n_parts >= EXTENTS_MAX)
                return -ENOSPC;

        parts = reallocarray(e->parts, 2 * e->n_allocated, sizeof(*parts));
        if (!parts)
                return -ENOMEM;

        e->parts = parts;
        e->n_allocated *= 2;
        return 0;
}

/* Cuts the free part at index @i in two, the first of @n elements. */
static void split(Extents *e, size_t i, uint32_t n) {
        Extent *p = e->parts + i;

        memmove(p + 1, p, (e->n_parts - i) * sizeof(*p));
        e->n_parts++;
        p[0].n = n;
        p[1].first += n;
        p[1].n -= n;
}

int extents_take(Extents *e, uint32_t n, usec_t now_usec, uint32_t *ret_first) {
        int r;

        assert(n > 0);
        assert(ret_first);

        wake(e, now_usec);
        r = reserve_part(e);
        if (r < 0)
                return r;

        for (size_t i = 0; i < e->n_parts; i++) {
                if (e->parts[i].state != EXTENT_FREE || e->parts[i].n < n)
                        continue;

                if (e->parts[i].n > n)
                        split(e, i, n);

                e->parts[i].state = EXTENT_TAKEN;
                e->n_taken += n;
                *ret_first = e->parts[i].first;
                return 0;
        }

        return -ENOSPC;
}

static int compare_first(const void *key, const void *element) {
        uint32_t first = *(const uint32_t *) key;
        const Extent *p = element;

        return (first > p->first) - (first < p->first);
}

void extents_give(Extents *e, uint32_t first, usec_t now_usec) {
        Extent *p = bsearch(&first, e->parts, e->n_parts, sizeof(*p), compare_first);

        assert(p && p->state == EXTENT_TAKEN);

        p->state = EXTENT_RESTING;
        p->since_usec = now_usec;
        e->n_taken -= p->n;
}
