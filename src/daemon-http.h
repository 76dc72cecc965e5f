/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/http-watch.h"

/* The HTTP stages together: who is measured by which rules, the sums of each second, and the TLS libraries
 * of those processes. */
typedef struct DaemonHttp DaemonHttp;

typedef struct DaemonHttpConfig {
        ProbeHttpHook hook;
        bool tls; /* look for TLS libraries */
} DaemonHttpConfig;

/* All are borrowed and outlive it. From now on @watches tells it of changed rules. */
int daemon_http_new(
                const DaemonHttpConfig *config,
                const Host *host,
                Probe *probe,
                TargetSet *targets,
                WatchSet *watches,
                DaemonHttp **ret);
DaemonHttp *daemon_http_free(DaemonHttp *h);
DEFINE_CLEANUP(DaemonHttp *, daemon_http_free)

HttpMonitor *daemon_http_monitor(DaemonHttp *h);
HttpWatch *daemon_http_watch(DaemonHttp *h);

/* Processes that are watched from now on. */
void daemon_http_set_hook(DaemonHttp *h, ProbeHttpHook hook);

/* Wired to TargetEvents, after the watch set was told. */
void daemon_http_process_changed(DaemonHttp *h, Process *p);
void daemon_http_process_removed(DaemonHttp *h, Process *p);

/* Wired to TaskEvents. */
void daemon_http_mapped(DaemonHttp *h, pid_t pid, const char *path);

/* The two halves of a tick: sums of the second that ended, before processes that exited are removed; and who
 * is to be measured, when all of this tick's changes are known. */
void daemon_http_read(DaemonHttp *h, usec_t slot_end_usec);
void daemon_http_sync(DaemonHttp *h, usec_t now_usec);

/* TLS libraries in processes that could not be attached to, and what was not looked at because of a limit.
 */
void daemon_http_tls_losses(const DaemonHttp *h, uint64_t *ret_refused, uint64_t *ret_over_cap);

/* Idle work: whether there may be some, and one slice of it; returns whether there is more to do. */
bool daemon_http_has_work(const DaemonHttp *h);
bool daemon_http_step(DaemonHttp *h);
