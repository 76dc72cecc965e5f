/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "monitor/http-sums.h"
#include "monitor/metric.h"
#include "monitor/subject.h"
#include "monitor/uri-rule.h"
#include "probe/probe.h"
#include "target/target-set.h"

#define HTTP_RECENT_SEC_MAX 10U /* sums of so many seconds are kept */

/* The HTTP requests of watched processes: who is measured by which rules, and the sums of each second. */
typedef struct HttpMonitor HttpMonitor;

/* @probe is borrowed and outlives us. @hook is asked for, for all processes. */
int http_monitor_new(Probe *probe, ProbeHttpHook hook, HttpMonitor **ret_monitor);
HttpMonitor *http_monitor_free(HttpMonitor *m);
DEFINE_CLEANUP(HttpMonitor *, http_monitor_free)

/* Processes that are watched from now on are asked for by this hook; those that are keep theirs. */
void http_monitor_set_hook(HttpMonitor *m, ProbeHttpHook hook);

/* Measures @p by @rules from now on, in place of those it had: its sums begin at zero. Same rules again
 * change nothing, unless the process is another program now, has left the @cgroup that it is measured by, or
 * could not be measured. @compiled are the same rules in the same order. Returns 1 when the process is
 * watched anew, 0 when nothing changed. The first process arms the probe.
 * Errors of probe_arm(), probe_http_rules_add() and probe_http_watch(); the process is known nevertheless
 * and why is in http_monitor_status(). */
int http_monitor_watch(
                HttpMonitor *m,
                Process *p,
                const UriRule *rules,
                size_t n_rules,
                const HttpRules *compiled,
                const char *cgroup);
/* To be called before @p goes. The kernel goes on for what is left of the second, because the sums of the
 * units that it was in have what it did up to its end; the next tick ends it, and the last one disarms the
 * probe. One that is not watched is left alone. */
void http_monitor_unwatch(HttpMonitor *m, Process *p);

/* Once per tick, before processes that exited are removed: reads the second that ended at @slot_end_usec,
 * and earlier ones that were slept through as far as the kernel has them: those count for totals, not as
 * values. Errors of probe_http_read(): that second has no values. */
int http_monitor_tick(HttpMonitor *m, usec_t slot_end_usec);
/* Seconds that have no values although something was watched. */
uint64_t http_monitor_n_missed(const HttpMonitor *m);
size_t http_monitor_n_watched(const HttpMonitor *m);  /* also those that could not be measured */
size_t http_monitor_n_measured(const HttpMonitor *m); /* in the kernel */
/* Why the last process that could not be measured was not; NULL: there was none. */
const char *http_monitor_last_reason(const HttpMonitor *m);

/* Of a process, or of all processes of a unit and the units below it; false: the rule is not measured there,
 * or was not yet in that second. */
bool http_monitor_last(const HttpMonitor *m, Subject subject, const UriRule *rule, HttpSums *ret);
/* Of the last @n_seconds (at most HTTP_RECENT_SEC_MAX) up to the last one; of a unit with what processes did
 * that have left it since. */
bool http_monitor_recent(
                const HttpMonitor *m,
                Subject subject,
                const UriRule *rule,
                unsigned n_seconds,
                HttpSums *ret);
/* Since it is watched; of a unit: of those processes that are watched now. */
bool http_monitor_total(const HttpMonitor *m, Subject subject, const UriRule *rule, HttpSums *ret);

/* The last second's value, NAN for none. */
double http_monitor_value(const HttpMonitor *m, Metric metric, Subject subject, const UriRule *rule);

typedef struct HttpStatus {
        int error;          /* 0, or why the process is not measured */
        const char *reason; /* of the error, for a person; static or of the probe */
        ProbeHttpHook hook;
        unsigned n_seconds; /* that recent sums are of, at most HTTP_RECENT_SEC_MAX */
        bool is_tls_attached;
        const char *tls_note; /* why TLS is not seen, although there is some, or what there is to say of how
                                 it is; may be NULL */
        uint64_t counters[CPROF_HTTP_COUNTERS_MAX]; /* since it is watched */
        bool is_degraded;                           /* something of the requests is not in the sums: */
        const char *degraded_reason;                /* static; NULL when not */
} HttpStatus;

/* -ENOENT: not measured. Degraded is who lost more than one request in a thousand within the last minute or
 * two (what was lost in the beginning, in mid-traffic, is not held against it for ever), and who has
 * connections that are not measured at all: HTTP/2, TLS that nothing is attached to. */
int http_monitor_status(const HttpMonitor *m, const Process *p, HttpStatus *ret);

/* The rules of @p in their order, borrowed until it is watched anew; NULL for none. */
const UriRule *http_monitor_rules(const HttpMonitor *m, const Process *p, size_t *ret_n);

/* What the search for TLS libraries found; @note is static. */
void http_monitor_set_tls(HttpMonitor *m, Process *p, bool is_attached, const char *note);
