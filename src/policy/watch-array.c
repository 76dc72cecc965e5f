/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/watch-array.h"

#define WATCHES_MIN 64U /* first allocation */

void watch_array_done(WatchArray *a) {
        assert(a);

        for (size_t i = 0; i < a->n_watches; i++)
                watch_done(a->watches + i);
        free(a->watches);

        *a = (WatchArray){};
}

/* Lets the subject know where its watch lies. */
static void link_subject(Watch *w) {
        if (w->subject.process)
                w->subject.process->watch = w;
        else
                w->subject.unit->watch = w;
}

static int reserve_one(WatchArray *a) {
        size_t n = a->n_allocated > 0 ? 2 * a->n_allocated : WATCHES_MIN;
        Watch *watches;

        if (a->n_watches < a->n_allocated)
                return 0;

        watches = reallocarray(a->watches, n, sizeof(*watches));
        if (!watches)
                return -ENOMEM;

        a->watches = watches;
        a->n_allocated = n;
        for (size_t i = 0; i < a->n_watches; i++)
                link_subject(a->watches + i);

        return 0;
}

int watch_array_add(WatchArray *a, Subject subject, Watch **ret_watch) {
        Watch *w;
        int r;

        assert(a);
        assert(!subject.process != !subject.unit);
        assert(ret_watch);

        if (a->n_watches >= WATCHES_MAX)
                return -EUSERS;

        r = reserve_one(a);
        if (r < 0)
                return r;

        w = a->watches + a->n_watches;
        *w = (Watch){ .subject = subject, .index = a->n_watches };
        a->n_watches++;
        link_subject(w);

        if (subject.unit)
                subject.unit->cpu_wanted = true;

        *ret_watch = w;
        return 0;
}

void watch_array_remove(WatchArray *a, Watch *w) {
        Watch *last;
        size_t index;

        assert(a && a->n_watches > 0);
        assert(w == a->watches + w->index);

        index = w->index;
        last = a->watches + a->n_watches - 1;

        watch_done(w);
        a->n_watches--;
        if (w == last)
                return;

        *w = *last;
        w->index = index;
        link_subject(w);
}
