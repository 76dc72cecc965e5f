/* SPDX-License-Identifier: Apache-2.0 */
#include "window/window.h"

#include <math.h>

struct Window {
        uint64_t newest; /* number of the newest slot; means nothing while !used */
        unsigned head;   /* where that slot lies in the ring */
        unsigned length; /* slots in the ring */
        bool used;

        /* No value in the ring is higher, so that most rules, which are far from holding, need not look at
         * them. It was the value of that slot; when the slot leaves the ring, it is made tight again. */
        double bound;
        uint64_t bound_slot;

        double slots[]; /* NAN = no value */
};

/* A run of slots: @n of them backwards from @at in the ring. */
typedef struct Run {
        unsigned at, n;
} Run;

int window_new(unsigned length_sec, Window **ret_window) {
        _cleanup_(window_freep) Window *w = NULL;

        assert(ret_window);

        if (length_sec < 1 || length_sec > WINDOW_LENGTH_SEC_MAX)
                return -ERANGE;

        w = malloc(sizeof(*w) + length_sec * sizeof(w->slots[0]));
        if (!w)
                return -ENOMEM;

        *w = (Window){ .length = length_sec, .bound = -INFINITY };
        for (unsigned i = 0; i < length_sec; i++)
                w->slots[i] = NAN;

        *ret_window = TAKE_PTR(w);
        return 0;
}

Window *window_free(Window *w) {
        free(w);
        return NULL;
}

unsigned window_length(const Window *w) {
        assert(w);

        return w->length;
}

/* Where the slot @age seconds before the newest lies; @age < length. */
static unsigned slot_at(const Window *w, unsigned age) {
        return w->head >= age ? w->head - age : w->head + w->length - age;
}

int window_resize(Window **w, unsigned length_sec) {
        Window *old, *resized;
        unsigned n_kept;
        int r;

        assert(w && *w);

        old = *w;
        if (old->length == length_sec)
                return 0;

        r = window_new(length_sec, &resized);
        if (r < 0)
                return r;

        n_kept = MIN_OF(old->length, length_sec);
        resized->used = old->used;
        resized->newest = old->newest;
        resized->head = length_sec - 1;
        resized->bound = old->bound;
        resized->bound_slot = old->bound_slot;
        for (unsigned age = 0; age < n_kept; age++)
                resized->slots[resized->head - age] = old->slots[slot_at(old, age)];

        window_free(old);
        *w = resized;
        return 0;
}

/* Makes @slot the newest; the seconds skipped have no value. */
static void window_advance(Window *w, uint64_t slot) {
        uint64_t n = w->used ? slot - w->newest : 1;

        for (uint64_t i = 0; i < MIN_OF(n, (uint64_t) w->length); i++) {
                w->head = w->head + 1 == w->length ? 0 : w->head + 1;
                w->slots[w->head] = NAN;
        }

        w->newest = slot;
        w->used = true;
}

/* Makes the bound that of the values that are left. */
static void window_tighten(Window *w) {
        w->bound = -INFINITY;
        w->bound_slot = w->newest;

        for (unsigned age = 0; age < w->length; age++) {
                double value = w->slots[slot_at(w, age)];

                if (value > w->bound) {
                        w->bound = value;
                        w->bound_slot = w->newest - age;
                }
        }
}

int window_add(Window *w, usec_t at_usec, double value) {
        uint64_t slot = at_usec / USEC_PER_SEC;

        assert(w);

        if (!w->used || slot > w->newest)
                window_advance(w, slot);
        else if (w->newest - slot >= w->length)
                return 0;

        w->slots[slot_at(w, (unsigned) (w->newest - slot))] = value;
        if (value >= w->bound) {
                w->bound = value;
                w->bound_slot = slot;
        } else if (w->newest - w->bound_slot >= w->length)
                window_tighten(w);

        return 1;
}

/* The slots in the ring among the last @n up to @slot, in two runs, newer one first. False if there are
 * none. */
static bool window_runs(const Window *w, uint64_t slot, unsigned n, Run ret_runs[static 2]) {
        uint64_t first, last, first_held;
        unsigned at, count;

        if (!w->used || n == 0)
                return false;

        first = slot + 1 >= n ? slot + 1 - n : 0;
        first_held = w->newest + 1 >= w->length ? w->newest + 1 - w->length : 0;
        first = MAX_OF(first, first_held);
        last = MIN_OF(slot, w->newest);
        if (first > last)
                return false;

        count = (unsigned) (last - first + 1);
        at = slot_at(w, (unsigned) (w->newest - last));

        ret_runs[0] = (Run){ .at = at, .n = MIN_OF(count, at + 1) };
        ret_runs[1] = (Run){ .at = w->length - 1, .n = count - ret_runs[0].n };
        return true;
}

static unsigned count_hits(const Window *w, Run run, double threshold) {
        const double *first = w->slots + run.at + 1 - run.n;
        unsigned hits = 0;

        for (unsigned i = 0; i < run.n; i++)
                hits += first[i] >= threshold; /* false for NAN */

        return hits;
}

WindowHits window_hits(const Window *w, usec_t slot_usec, unsigned period_sec, double threshold) {
        WindowHits h = { .latest = NAN, .peak = NAN };
        Run runs[2];

        assert(w);

        if (!(w->bound >= threshold) || !window_runs(w, slot_usec / USEC_PER_SEC, period_sec, runs))
                return h;

        h.hits = count_hits(w, runs[0], threshold) + count_hits(w, runs[1], threshold);
        if (h.hits == 0)
                return h;

        for (unsigned k = 0; k < ELEMENTSOF(runs); k++)
                for (unsigned i = 0; i < runs[k].n; i++) {
                        double value = w->slots[runs[k].at - i];

                        if (!(value >= threshold))
                                continue;
                        if (isnan(h.latest))
                                h.latest = value;
                        h.peak = fmax(h.peak, value);
                }

        return h;
}

void window_values(const Window *w, usec_t slot_usec, unsigned n, double *ret_values) {
        uint64_t slot = slot_usec / USEC_PER_SEC;

        assert(w);
        assert(ret_values || n == 0);

        for (unsigned age = 0; age < n; age++) {
                double *value = ret_values + (n - 1 - age);
                uint64_t wanted = slot - age;

                if (!w->used || age > slot || wanted > w->newest || w->newest - wanted >= w->length)
                        *value = NAN;
                else
                        *value = w->slots[slot_at(w, (unsigned) (w->newest - wanted))];
        }
}
