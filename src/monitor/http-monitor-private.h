/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/hash.h"
#include "monitor/http-monitor.h"
#include "monitor/http-rule-sets.h"

/* What is kept of one rule of one process from its first request on. */
typedef struct HttpTraffic {
        HttpSums total;
        struct cprof_http_cell recent[HTTP_RECENT_SEC_MAX]; /* by second; each says which one it is of */
} HttpTraffic;

/* The counters as they were read at the end of a second. */
typedef struct HttpReading {
        uint64_t second;
        uint64_t counters[CPROF_HTTP_COUNTERS_MAX];
} HttpReading;

typedef struct HttpProcess {
        pid_t pid;
        uint32_t exec_id;
        Process *process; /* borrowed; NULL once it is no more watched: */
        char **units;     /* then the names of the units it was in */

        HttpRuleSet *set; /* NULL with an error */
        bool is_in_kernel;
        ProbeHttpHook hook;
        char *cgroup; /* as it was told */
        int error;
        const char *reason;

        uint64_t since_second; /* the first whole one */
        HttpTraffic **traffic; /* by rule; NULL for those without any */
        bool is_active;        /* had requests in the last second */
        uint64_t gone_second;  /* the last one that it is in the sums of */

        HttpReading last, middle, base; /* base and middle are a minute apart or more */
        bool is_tls_attached;
        const char *tls_note;

        struct HttpProcess *active_prev, *active_next; /* of HttpMonitor.active */
        struct HttpProcess *leaving_prev, *leaving_next;
        UT_hash_handle hh; /* by pid */
} HttpProcess;

struct HttpMonitor {
        Probe *probe; /* borrowed */
        ProbeHttpHook hook;
        bool is_armed;
        bool was_just_armed; /* that takes a while: the seconds of it are not missed */
        size_t n_in_kernel;
        const char *last_reason; /* of a process that could not be measured */

        HttpProcess *processes; /* those the kernel knows, and those that failed */
        HttpRuleSet *sets;
        HttpProcess *active;  /* with requests in the last second: watched, leaving or gone */
        HttpProcess *leaving; /* unwatched since the last tick: in the kernel still */
        HttpProcess *gone;    /* no more in the kernel; there for the sums of units, oldest first */
        size_t n_gone;

        uint64_t second;      /* the last one that was read; 0: none yet */
        uint64_t reading;     /* the one that is being read */
        bool second_is_valid; /* reading it worked */
        uint64_t n_missed;
};

HttpProcess *http_monitor_find(const HttpMonitor *m, const Process *p); /* NULL: not watched */
void http_process_free(HttpMonitor *m, HttpProcess *e); /* out of all lists, not of the kernel */

/* Reads the counters anew, unless that was done in this second. */
void http_process_read_counters(const HttpMonitor *m, HttpProcess *e);

/* Frees those that are in no recent sums any more, and when there are too many; @all of them. */
void http_monitor_free_gone(HttpMonitor *m, bool all);
/* Those that leave are gone: no more in the kernel. */
void http_monitor_flush_leaving(HttpMonitor *m);
/* Rules are taken out of the kernel before. */
void http_monitor_disarm_if_idle(HttpMonitor *m);
