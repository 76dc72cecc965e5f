/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-client.h"
#include "oap/oap-config.h"
#include "oap/oap-forward.h"
#include "oap/oap-policy.h"
#include "oap/oap-registry.h"
#include "oap/oap-run.h"
#include "policy/http-watch.h"
#include "policy/policy-store.h"
#include "policy/watch-set.h"
#include "sink/sink.h"
#include "symbol/hot-functions.h"
#include "task/task-manager.h"
#include "trigger/cooldown.h"

#include <systemd/sd-bus.h>

/* A question for the hottest functions that is to be answered once, by one of these, which release it. They
 * return what sending came to. Who cannot answer any more frees it: the caller runs into its timeout. */
typedef struct BusHottest BusHottest;
BusHottest *bus_hottest_free(BusHottest *h);
DEFINE_CLEANUP(BusHottest *, bus_hottest_free)
int bus_hottest_answer(
                BusHottest *h,
                uint64_t period_nsec, /* that a sample stands for */
                uint64_t n_samples,
                const HotFunction *functions,
                size_t n_functions);
int bus_hottest_fail(BusHottest *h, int error, const char *message);

/* SkyWalking as the daemon sees it. Everything but @runs is borrowed until the loop goes on. */
typedef struct BusOapStatus {
        const OapConfig *config;
        const char *problem; /* why there is no connection at all; NULL: there is one, or tries to be */
        OapClientStatus client;
        OapRegistryStatus registry;
        OapForwardStatus forward;
        const OapPolicyInfo *policies;
        size_t n_policies;
        OapRunInfo *runs; /* freed by who asked */
        size_t n_runs;
        OapRunsStatus tasks;
        uint64_t n_policy_queries, n_meters_over_cap;
        usec_t now_usec; /* CLOCK_MONOTONIC, of all of it */
} BusOapStatus;

/* The stages as the bus sees them; all borrowed, all outlive the bus. */
typedef struct BusContext {
        const Host *host;
        Probe *probe;
        TargetSet *targets;
        WatchSet *watches;
        HttpMonitor *http;     /* NULL: HTTP is not measured */
        HttpWatch *http_watch; /* ditto */
        Cooldown *cooldown;
        PolicyStore *policies;
        TaskManager *tasks;
        Store *store;
        Sinks *sinks;
        char ***config_problems; /* NULL-terminated list, may be NULL */

        /* The daemon's own verbs. reload: -errno with everything as before. resolve_id: the full ID of a
         * running, finishing or stored task from "latest" or a unique part: -ENOENT, -ENOTUNIQ. find_task:
         * one that runs or is being written (borrowed), else NULL. */
        int (*reload)(void *userdata);
        int (*start_task)(
                        void *userdata,
                        Subject subject,
                        ProfileKinds kinds,
                        usec_t duration_usec,
                        char ret_id[static TASK_ID_MAX]);
        int (*resolve_id)(void *userdata, const char *text, char ret_id[static TASK_ID_MAX]);
        Task *(*find_task)(void *userdata, const char *id);
        /* The at most @max hottest functions of a unit in the last @span_usec. 0: @request was taken over
         * and will be answered. -EOPNOTSUPP: nothing is recorded, -EBUSY. NULL: nothing ever is. */
        int (*hottest)(void *userdata,
                       const char *unit,
                       usec_t span_usec,
                       unsigned max,
                       BusHottest *request);
        /* TLS libraries in processes that were refused, and those above a limit. NULL: none are looked for.
         */
        void (*tls_losses)(void *userdata, uint64_t *ret_refused, uint64_t *ret_over_cap);

        /* Who is registered with SkyWalking, or would be; NULL, or it returns NULL: nobody is named, so that
         * names are made when somebody asks, by the default rule. */
        IdentitySet *(*identities)(void *userdata);
        /* 1: filled in; 0: no OAP is configured; -ENOMEM. NULL: never is. */
        int (*oap_status)(void *userdata, BusOapStatus *ret);
        void *userdata;
} BusContext;

typedef struct Bus Bus;

/* Registers the manager object on @sd_bus (borrowed; started or not). The name is requested by
 * bus_request_name(). */
int bus_new(sd_bus *sd_bus, const BusContext *context, Bus **ret_bus);
Bus *bus_free(Bus *b);
DEFINE_CLEANUP(Bus *, bus_free)
int bus_request_name(Bus *b);
bool bus_name_is_settled(const Bus *b); /* ours, or refused */

/* Signals; failures are logged at debug level: a listener's trouble is not ours. */
void bus_emit_policy_changed(Bus *b, const char *name, bool had, bool has);
void bus_emit_task_started(Bus *b, const Task *t);
void bus_emit_task_finished(Bus *b, const Task *t);
/* The properties OapState and OapAddress changed. */
void bus_emit_oap_changed(Bus *b);
