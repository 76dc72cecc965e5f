/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/watch.h"

#define WATCHES_MAX 65536U

/* All watches in one piece, because a tick walks through all of them. Keeps Process.watch and Unit.watch
 * right when they move. Zero-initialise. */
typedef struct WatchArray {
        Watch *watches;
        size_t n_watches, n_allocated;
} WatchArray;

void watch_array_done(WatchArray *a);

/* A watch without policies for a subject that has none; from now on a unit's CPU time is wanted. Earlier
 * Watch pointers are invalid afterwards. -EUSERS above WATCHES_MAX, -ENOMEM. */
int watch_array_add(WatchArray *a, Subject subject, Watch **ret_watch);

/* The last one takes its place. */
void watch_array_remove(WatchArray *a, Watch *w);

static inline Watch *subject_watch(Subject subject) {
        return subject.process ? subject.process->watch : subject.unit->watch;
}
