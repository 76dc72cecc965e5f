/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "monitor/metric.h"
#include "monitor/subject.h"
#include "monitor/uri-rule.h"
#include "probe/probe.h"
#include "target/target-set.h"

/* The HTTP requests of watched processes: who is measured by which rules, and the sums of each second. */
typedef struct HttpMonitor HttpMonitor;

/* @probe is borrowed and outlives us. @hook is asked for, for all processes. */
int http_monitor_new(Probe *probe, ProbeHttpHook hook, HttpMonitor **ret_monitor);
HttpMonitor *http_monitor_free(HttpMonitor *m);
DEFINE_CLEANUP(HttpMonitor *, http_monitor_free)

/* Measures @p by @rules from now on, in place of those it had; same rules again change nothing. @compiled
 * are the same rules in the same order. The first process arms the probe. Errors of probe_arm() and
 * probe_http_watch(); why is then in http_monitor_status(). */
int http_monitor_watch(
                HttpMonitor *m,
                Process *p,
                const UriRule *rules,
                size_t n_rules,
                const HttpRules *compiled,
                const char *cgroup);
/* The last one disarms the probe. */
void http_monitor_unwatch(HttpMonitor *m, Process *p);

/* Once per tick, before values are asked for: reads the second that ended at @slot_end_usec. */
int http_monitor_tick(HttpMonitor *m, usec_t slot_end_usec);

/* What one rule counted in a second, or since it began. Histogram as struct cprof_http_cell has it. */
typedef struct HttpSums {
        uint64_t n_total, n_4xx, n_5xx, n_timed, sum_nsec;
        uint64_t buckets[CPROF_HTTP_BUCKETS];
} HttpSums;

/* Of a process, or of all processes of a unit. false: the rule is not measured there. */
bool http_monitor_last(const HttpMonitor *m, Subject subject, const UriRule *rule, HttpSums *ret);
bool http_monitor_total(const HttpMonitor *m, Subject subject, const UriRule *rule, HttpSums *ret);

/* The last second's value, NAN for none. */
double http_monitor_value(const HttpMonitor *m, Metric metric, Subject subject, const UriRule *rule);
/* Response time below which @share (0…1) of the timed ones were, ms, NAN without any. Linear within a
 * bucket. Pure. */
double http_sums_quantile(const HttpSums *s, double share);
double http_sums_value(const HttpSums *s, Metric metric); /* pure */

typedef struct HttpStatus {
        int error;          /* 0, or why the process is not measured */
        const char *reason; /* of the error, for a person */
        ProbeHttpHook hook;
        bool is_tls_attached;
        const char *tls_note; /* why TLS is not seen, although there is some; NULL: it is, or there is none
                               */
        uint64_t counters[CPROF_HTTP_COUNTERS_MAX]; /* since it is watched */
        bool is_degraded;                           /* losses above one in a thousand of the requests */
} HttpStatus;

/* -ENOENT: not measured. */
int http_monitor_status(const HttpMonitor *m, const Process *p, HttpStatus *ret);

/* What the search for TLS libraries found; @note is static. */
void http_monitor_set_tls(HttpMonitor *m, Process *p, bool is_attached, const char *note);
