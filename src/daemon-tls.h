/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"
#include "monitor/http-monitor.h"
#include "probe/probe.h"
#include "target/target.h"

/* Finds the TLS libraries of processes whose HTTP is measured, has their functions seen by the probe and
 * tells the monitor what came of it. Files are read in slices, each once, however many processes have it. */
typedef struct DaemonTls DaemonTls;

#define TLS_PROCESSES_MAX 4096U /* known at once */
#define TLS_FILES_OF_PROCESS_MAX 8U
/* Between two searches in one process that were not asked for by an event; longer each time. */
#define TLS_RETRY_SEC 10U
#define TLS_RETRY_SEC_MAX 640U

/* All are borrowed and outlive it. */
int daemon_tls_new(const Host *host, Probe *probe, HttpMonitor *monitor, DaemonTls **ret);
DaemonTls *daemon_tls_free(DaemonTls *t);
DEFINE_CLEANUP(DaemonTls *, daemon_tls_free)

/* After http_monitor_watch() of @p, also of one that is known and runs another program now: it is looked at
 * by daemon_tls_step(). Other rules for it change nothing here. @p is borrowed until daemon_tls_forget().
 * -EUSERS: too many, -ENOMEM. */
int daemon_tls_process(DaemonTls *t, Process *p);
/* Before http_monitor_unwatch(), and before @p is freed. */
void daemon_tls_forget(DaemonTls *t, const Process *p);

/* The process @pid mapped the file @path: PROBE_EVENT_MAP. Others than TLS libraries cost a comparison. */
void daemon_tls_mapped(DaemonTls *t, pid_t pid, const char *path);

/* Once per tick: processes with TLS connections that nothing shows us are looked at again, not too often. */
void daemon_tls_tick(DaemonTls *t, usec_t now_usec);

/* Idle work: whether there is some; and one slice of it, a millisecond, which returns whether there is more
 * to do. */
bool daemon_tls_has_work(const DaemonTls *t);
bool daemon_tls_step(DaemonTls *t);

typedef struct DaemonTlsCounters {
        unsigned n_processes, n_files; /* known */
        uint64_t n_attached;           /* files in processes */
        uint64_t n_refused;            /* attachments that failed */
        uint64_t n_over_cap;           /* processes and files above the limits */
} DaemonTlsCounters;

void daemon_tls_counters(const DaemonTls *t, DaemonTlsCounters *ret);
