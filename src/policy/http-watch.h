/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"
#include "monitor/http-monitor.h"
#include "policy/watch-set.h"

/* Has the HTTP of each process measured by the URI rules of all policies that watch it or a unit it is in.
 */
typedef struct HttpWatch HttpWatch;

/* Each may be NULL. */
typedef struct HttpWatchEvents {
        /* The process is measured anew: its TLS libraries are to be looked for. */
        void (*watched)(Process *p, void *userdata);
        /* It is no more. */
        void (*unwatched)(Process *p, void *userdata);
        /* A rule of @p is not measured: once for each list of rules, not for each process. */
        void (*refused)(const Process *p, const UriRule *rule, const char *reason, void *userdata);
        void *userdata;
} HttpWatchEvents;

/* All but @events are borrowed and outlive it. From now on it is told by the set of changed rules. */
int http_watch_new(
                const Host *host,
                TargetSet *targets,
                WatchSet *watches,
                HttpMonitor *monitor,
                const HttpWatchEvents *events,
                HttpWatch **ret_watch);
/* Processes stay as they are measured. */
HttpWatch *http_watch_free(HttpWatch *w);
DEFINE_CLEANUP(HttpWatch *, http_watch_free)

/* Wired to TargetEvents, after the watch set was told. */
void http_watch_process_changed(HttpWatch *w, const Process *p); /* new, another program, unit, or user */
void http_watch_process_removed(HttpWatch *w, Process *p);

/* Brings what is measured in line with the rules, after all changes and once per tick, as a second begins. A
 * process that could not be measured is tried again every HTTP_WATCH_RETRY_SEC. */
#define HTTP_WATCH_RETRY_SEC 10U
void http_watch_sync(HttpWatch *w, usec_t now_usec);

/* Why that rule is not measured in @p although it could be alone; NULL: it is. Borrowed up to the next
 * http_watch_sync(). */
const char *http_watch_refusal(const HttpWatch *w, const Process *p, const UriRule *rule);
