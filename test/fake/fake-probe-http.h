/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe.h"

#define FAKE_HTTP_MAX 64U

/* The HTTP part of FakeProbe: what it was told, and what a test lets it see. All zero is a good beginning.
 */
typedef struct FakeHttp {
        bool armed;
        unsigned n_armed; /* how often */

        /* Failures to come; negative errno, 0 = none. fail[PROBE_FEATURE_HTTP] of the probe is that of arm.
         */
        int rules_error, watch_error, tls_error;
        ProbeHttpHook hook; /* where AUTO leads, for those watched from now on; AUTO: SOCKET */

        struct {
                bool is_used;
                unsigned n_users; /* processes that have them */
                unsigned n_rules, n_groups;
                uint64_t all;
        } rules[FAKE_HTTP_MAX]; /* by number */
        unsigned n_rules_added, n_rules_removed;

        struct {
                pid_t pid; /* 0 = free */
                uint32_t rules;
                char cgroup[256]; /* "" = none */
                ProbeHttpHook wanted, hook;
                uint64_t counters[CPROF_HTTP_COUNTERS_MAX];
                unsigned n_tls;
                char tls_path[256]; /* of the last one */
        } processes[FAKE_HTTP_MAX];
        unsigned n_watched, n_unwatched; /* calls */

        struct {
                pid_t pid;
                unsigned rule;
                struct cprof_http_cell cell;
        } sums[2 * FAKE_HTTP_MAX];
        size_t n_sums;
        unsigned n_read;
} FakeHttp;

typedef struct FakeProbe FakeProbe;

/* Index in processes[], -ENOENT if it is not watched. */
int fake_http_find(const FakeProbe *f, pid_t pid);
/* Counted by that rule of a watched process in @sums->second; several for the same are added up. */
void fake_http_push(FakeProbe *f, pid_t pid, unsigned rule, const struct cprof_http_cell *sums);
/* The same for @n requests that took @nsec each, @n_5xx of them failed. */
void fake_http_requests(
                FakeProbe *f,
                pid_t pid,
                unsigned rule,
                uint64_t second,
                unsigned n,
                unsigned n_5xx,
                uint64_t nsec);
void fake_http_count(FakeProbe *f, pid_t pid, enum cprof_http_loss counter, uint64_t n);

/* Its part of the ProbeOps of the fake. */
int fake_http_arm(void *self);
void fake_http_disarm(void *self);
int fake_http_rules_add(void *self, const HttpRules *rules, uint32_t *ret_rules);
void fake_http_rules_remove(void *self, uint32_t rules);
int fake_http_watch(void *self, const ProbeHttpTarget *target, ProbeHttpHook *ret_hook);
void fake_http_unwatch(void *self, pid_t pid);
int fake_http_read(void *self, uint64_t second, ProbeHttpFn fn, void *userdata);
int fake_http_counters(void *self, pid_t pid, uint64_t ret[static CPROF_HTTP_COUNTERS_MAX]);
int fake_http_tls_attach(void *self, pid_t pid, const ProbeTls *tls);
