/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "monitor/monitor.h"
#include "policy/policy.h"
#include "window/window.h"

/* What one or several rules look at: a metric, of HTTP ones for some of the requests. As long as the longest
 * period of those rules. */
typedef struct WatchWindow {
        Metric metric;
        const UriRule *uri; /* borrowed from a trigger of the watch's policies */
        Window *window;
        unsigned period_sec; /* the longest of its rules, 0 = no rule left */
} WatchWindow;

/* One trigger of one policy. All borrowed from the watch. */
typedef struct WatchRule {
        Policy *policy;
        const PolicyTrigger *trigger;
        const Window *window;
} WatchRule;

/* One subject that at least one policy watches. Hangs at Process.watch or Unit.watch; all of them lie in one
 * array of the set and move when it grows or shrinks. */
typedef struct Watch {
        Subject subject;
        WatchWindow *windows;
        size_t n_windows;
        WatchRule *rules; /* by policy, then as the policy has its triggers */
        size_t n_rules, n_rules_allocated;
        Policy **policies; /* referenced; sorted by name */
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

/* NULL for none: no rule reads it. Borrowed until the policies of the watch change. */
const Window *watch_find_window(const Watch *w, Metric metric, const UriRule *uri);

bool watch_has_http(const Watch *w);
/* The different URI rules of its HTTP triggers, those without a URI as one of URI_RULE_ALL: the first @max
 * of them, borrowed until the policies of the watch change. Returns how many there are; above @max it counts
 * some twice. @w may be NULL. */
size_t watch_uri_rules(const Watch *w, const UriRule **ret, size_t max);
/* The same for a process, with those of the units that it belongs to, whose rules are about all their
 * processes. */
size_t process_uri_rules(const Process *p, const UriRule **ret, size_t max);
