/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "monitor/monitor.h"
#include "policy/policy.h"
#include "window/window.h"

/* One subject that at least one policy watches. Hangs at Process.watch or Unit.watch; all of them lie in one
 * array of the set and move when it grows or shrinks. */
typedef struct Watch {
        Subject subject;
        Window *windows[_METRIC_MAX]; /* only for metrics some rule reads, as long as the longest of their
                                         periods */
        Policy **policies;            /* referenced; sorted by name */
        size_t n_policies;
        size_t index; /* in the set's array */
} Watch;

/* Unhooked from its subject, with nothing left in it. */
void watch_done(Watch *w);

/* The policy of that name, NULL for none. */
Policy *watch_find_policy(const Watch *w, const char *name);

/* Puts @p in, in place of a policy of the same name, and makes the windows it needs; those that are there
 * keep their values. -ENOMEM: no policy of that name is in it any more. */
int watch_put_policy(Watch *w, Policy *p);
/* Takes out the policy of that name, if it is there, and the windows that only it needed. */
void watch_drop_policy(Watch *w, const char *name);

size_t watch_n_rules(const Watch *w);
