/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/watch-set.h"
#include "trigger/cooldown.h"

/* From the causes of one second to the tasks to start: groups by (subject, kind), merges the causes of several policies
 * into one request, drops what is silent or already running, and for system-load keeps only the busiest subjects. */
typedef struct Trigger Trigger;

#define TRIGGER_CAUSES_MAX 16U       /* per request; more are counted in n_causes_dropped */
#define TRIGGER_BUSIEST_MAX 3U       /* processes (or units) that one system-load cause profiles */
#define TRIGGER_REQUESTS_MAX 256U    /* per second */

typedef struct TriggerRequest {
        Subject subject;
        ProfileKind kind;
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
        /* Starts a task. Whatever it returns, silence begins, so that a subject that cannot be profiled makes one
         * failed task and not one a second; -EBUSY (host budget) alone leaves it open. */
        int (*start)(const TriggerRequest *request, void *userdata);
        void *userdata;
} TriggerOps;

int trigger_new(Cooldown *cooldown, const TriggerOps *ops, Trigger **ret);
Trigger *trigger_free(Trigger *t);
DEFINE_CLEANUP(Trigger *, trigger_free)

void trigger_begin(Trigger *t, usec_t now_usec);
void trigger_add(Trigger *t, const Cause *cause); /* a CauseFn with userdata swapped by the daemon */
/* Acts on what was added. Returns the number of tasks started. */
unsigned trigger_commit(Trigger *t);
