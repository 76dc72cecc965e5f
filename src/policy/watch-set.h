/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "monitor/monitor.h"
#include "policy/policy.h"
#include "window/window.h"

/* Which policy watches which process or unit, and the windows of those. The heart of the second: 1000 subjects must cost
 * well under 300 us per tick. */
typedef struct WatchSet WatchSet;

#define WATCHES_MAX 65536U

/* One subject that at least one policy watches. Hangs at Process.watch or Unit.watch. */
typedef struct Watch {
        Subject subject;
        Window *windows[_METRIC_MAX]; /* only for metrics some rule reads */
        Policy **policies;            /* referenced; sorted by name */
        size_t n_policies;
        size_t index; /* internal */
} Watch;

/* A rule that holds in the second that just closed. Pointers are borrowed and valid until the next change of the set. */
typedef struct Cause {
        Policy *policy;
        const PolicyTrigger *trigger;
        Subject subject;
        unsigned hits;
        double value; /* the latest matching one */
        double peak;
} Cause;
typedef void (*CauseFn)(const Cause *cause, void *userdata);

int watch_set_new(Monitor *monitor, WatchSet **ret_set);
WatchSet *watch_set_free(WatchSet *s);
DEFINE_CLEANUP(WatchSet *, watch_set_free)

/* Whether the policy's globs hold for it: with Scope=process a process of (or below) a matching unit; with Scope=unit a
 * matching unit itself, also a slice. A pattern without '/' matches units of the host's own manager and, for nested
 * ones "OUTER/INNER", those whose OUTER matches; one with '/' matches the whole nested name. Slice= matches any slice
 * above; Exe= the program's path; User= name or number. Pure but for the user name look-up (cached by the caller). */
bool policy_matches_process(const Policy *p, const Process *process);
bool policy_matches_unit(const Policy *p, const Unit *unit);

/* Policies come and go; windows of subjects that stay watched are kept. -ENOMEM leaves the set consistent. */
int watch_set_add_policy(WatchSet *s, Policy *p);
void watch_set_remove_policy(WatchSet *s, const Policy *p); /* by name */

/* Subjects come and go (wired to TargetEvents). */
int watch_set_add_process(WatchSet *s, Process *p);
void watch_set_remove_process(WatchSet *s, Process *p);
int watch_set_add_unit(WatchSet *s, Unit *u);
void watch_set_remove_unit(WatchSet *s, Unit *u);

/* Records the values of the second that ended at @slot_end_usec (a whole second) and calls @fn for each rule that holds. A
 * fresh process has no values. */
void watch_set_tick(WatchSet *s, usec_t slot_end_usec, CauseFn fn, void *userdata);

/* Same, for tests and benches: values from @value instead of the monitor. */
typedef double (*WatchValueFn)(Metric metric, Subject subject, void *userdata);
void watch_set_set_source(WatchSet *s, WatchValueFn value, void *userdata);

size_t watch_set_n_watches(const WatchSet *s);
size_t watch_set_n_rules(const WatchSet *s);
bool watch_set_wants_kind(const WatchSet *s, ProfileKind kind);
size_t policy_n_subjects(const WatchSet *s, const Policy *p);
