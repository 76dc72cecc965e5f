/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/watch-set.h"
#include "trigger/cooldown.h"

/* From the causes of one second to the tasks to start: groups by subject, merges the causes of several
 * policies and the kinds that they ask for into one request, drops the kinds that are silent or already
 * recorded and the causes that have no kind left, and for system-load keeps per policy only the subjects
 * that use most CPU, silent ones among them: the next busiest are no substitute. */
typedef struct Trigger Trigger;

#define TRIGGER_CAUSES_MAX 16U    /* per request; more are counted in n_causes_dropped */
#define TRIGGER_BUSIEST_MAX 3U    /* processes (or units) that one system-load cause profiles */
#define TRIGGER_REQUESTS_MAX 256U /* per second */

typedef struct TriggerRequest {
        Subject subject;
        ProfileKinds kinds;   /* one at least */
        usec_t duration_usec; /* the longest of its policies */
        usec_t silence_usec;  /* the longest */
        Cause causes[TRIGGER_CAUSES_MAX];
        size_t n_causes;
        unsigned n_causes_dropped;
} TriggerRequest;

typedef struct TriggerOps {
        /* Whether a task of that kind runs for the subject, or for the unit it belongs to. */
        bool (*is_running)(Subject subject, ProfileKind kind, void *userdata);
        /* Whether the process is still the same one, alive. */
        bool (*is_alive)(const Process *p, void *userdata);
        /* Starts a task. Whatever it returns, silence begins, so that a subject that cannot be profiled
         * makes one failed task and not one a second; -EBUSY (host budget) and -EEXIST (already running)
         * alone leave it open. */
        int (*start)(const TriggerRequest *request, void *userdata);
        void *userdata;
} TriggerOps;

typedef struct TriggerCounters {
        uint64_t n_over_cap; /* causes whose subject got no request: TRIGGER_REQUESTS_MAX, or no memory */
        uint64_t n_silent;   /* causes of which silence dropped all kinds */
        uint64_t n_running;  /* causes dropped because tasks of kinds that were not silent run */
        uint64_t n_dead;     /* requests whose process was gone */
        uint64_t n_busy;     /* requests the host budget refused */
        uint64_t n_not_silenced; /* tasks started without silence to follow, for want of memory or place */
} TriggerCounters;

/* @cooldown is borrowed and outlives it; @ops is copied. */
int trigger_new(Cooldown *cooldown, const TriggerOps *ops, Trigger **ret);
Trigger *trigger_free(Trigger *t);
DEFINE_CLEANUP(Trigger *, trigger_free)

/* Once per tick: begin, add each cause, commit; the watch set must not change in between. */
void trigger_begin(Trigger *t, usec_t now_usec);
void trigger_add(Trigger *t, const Cause *cause); /* a CauseFn with userdata swapped by the daemon */
/* Acts on what was added, units before processes: a unit's task covers its processes. Returns the number of
 * tasks started. */
unsigned trigger_commit(Trigger *t);

const TriggerCounters *trigger_counters(const Trigger *t); /* since trigger_new() */
