/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "policy/watch-array.h"
#include "policy/watch-match.h"

/* Which policy watches which process or unit, and the windows of those. The heart of the second: 1000
 * subjects must cost well under 300 us per tick. */
typedef struct WatchSet WatchSet;

/* A rule that holds in the second that just closed. Pointers are borrowed and valid until the next change of
 * the set. */
typedef struct Cause {
        Policy *policy;
        const PolicyTrigger *trigger;
        Subject subject;
        unsigned hits;
        double value; /* the latest matching one */
        double peak;
} Cause;
typedef void (*CauseFn)(const Cause *cause, void *userdata);

/* @monitor is borrowed and outlives the set, and so do the processes and units it was given. */
int watch_set_new(Monitor *monitor, WatchSet **ret_set);
WatchSet *watch_set_free(WatchSet *s);
DEFINE_CLEANUP(WatchSet *, watch_set_free)

/* Policies come and go; windows of subjects that stay watched are kept. A policy that is added takes the
 * place of one of the same name: subjects that both watch keep their windows, made longer or shorter as the
 * new periods need. Subjects beyond WATCHES_MAX are counted, not watched. On -ENOMEM neither the old nor the
 * new one is in the set. */
int watch_set_add_policy(WatchSet *s, Policy *p);
int watch_set_replace_policy(WatchSet *s, const Policy *old, Policy *new);
void watch_set_remove_policy(WatchSet *s, const Policy *p); /* by name */

/* Subjects come and go (wired to TargetEvents). A changed process is removed and added: a new program starts
 * with empty windows. Adding one twice does nothing. -EUSERS beyond WATCHES_MAX, -ENOMEM: it is not watched.
 */
int watch_set_add_process(WatchSet *s, Process *p);
void watch_set_remove_process(WatchSet *s, Process *p);
int watch_set_add_unit(WatchSet *s, Unit *u);
void watch_set_remove_unit(WatchSet *s, Unit *u);

/* Records the values of the second that ended at @slot_end_usec (a whole second) and calls @fn for each rule
 * that holds;
 * @fn must not change the set. A fresh process has no values. */
void watch_set_tick(WatchSet *s, usec_t slot_end_usec, CauseFn fn, void *userdata);

/* Same, for tests and benches: values from @value instead of the monitor. */
typedef double (*WatchValueFn)(Metric metric, Subject subject, const UriRule *uri, void *userdata);
void watch_set_set_source(WatchSet *s, WatchValueFn value, void *userdata);

/* Called after each change that may have given the subject other URI rules, process_uri_rules(), also when
 * it is about to go: what @fn does must be cheap, for many come together, and must not change the set. Rules
 * of a unit are those of all its processes. */
typedef void (*WatchHttpFn)(Subject subject, void *userdata);
void watch_set_set_http_changed(WatchSet *s, WatchHttpFn fn, void *userdata);

size_t watch_set_n_watches(const WatchSet *s);
size_t watch_set_n_rules(const WatchSet *s);     /* evaluated per tick: triggers x subjects */
uint64_t watch_set_n_dropped(const WatchSet *s); /* refused for WATCHES_MAX, ever */
/* Whether any policy in the set records that, with or without subjects at the moment. */
bool watch_set_wants_kind(const WatchSet *s, ProfileKind kind);
size_t policy_n_subjects(const WatchSet *s, const Policy *p);
