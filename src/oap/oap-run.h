/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-client.h"
#include "oap/oap-command.h"
#include "oap/oap-forward.h"
#include "oap/oap-profile.h"
#include "oap/oap-registry.h"
#include "task/task.h"

/* What OAP shall get of our recordings: the tasks it asks for (queryTasks), and those that were triggered
 * here. A run is one OAP task on one process: it has a time of its own and is fed by whatever task of ours
 * records that process meanwhile, so that runs that overlap share one recording. Conformance items 19, 20,
 * 25 to 30, 33. */
typedef struct OapRuns OapRuns;

/* Of ON_CPU and OFF_CPU: what records it. */
ProfileKind oap_target_kind(OapTarget target);

#define OAP_RUNS_MAX 256U
#define OAP_RUN_DURATION_MAX_SEC 86400

typedef struct OapRunOps {
        /* Starts a recording of @i by us, as cprofctl profile would. -EEXIST: one of that kind runs; else
         * *reterr_message says why not. */
        int (*start)(Identity *i,
                     ProfileKind kind,
                     usec_t duration_usec,
                     char ret_id[static TASK_ID_MAX],
                     char **reterr_message,
                     void *userdata);
        /* The task of ours that records @i now, NULL for none. */
        const Task *(*find)(Identity *i, ProfileKind kind, void *userdata);
        void *userdata;
} OapRunOps;

int oap_runs_new(
                OapClient *client,
                OapRegistry *registry,
                OapForward *forward,
                const char *agent,
                const OapRunOps *ops,
                OapRuns **ret_runs);
OapRuns *oap_runs_free(OapRuns *r);
DEFINE_CLEANUP(OapRuns *, oap_runs_free)

/* Asks for tasks, starts and ends runs. @now_ms: since 1970. */
usec_t oap_runs_step(OapRuns *r, usec_t now_usec, int64_t now_ms);

/* Of our tasks, as a sink gets them. A triggered one of a registered process is announced, with a run for
 * each kind. */
int oap_runs_task_started(OapRuns *r, const Task *t, Identity *i, int64_t now_ms);
int oap_runs_task_data(
                OapRuns *r,
                const Task *t,
                const Profile *profile,
                const Symbols *symbols,
                bool last,
                int64_t now_ms);

typedef struct OapRunInfo {
        const char *oap_task; /* "" is not known yet */
        const char *ours;     /* that feeds it, "" for none at the moment */
        OapTarget target;
        OapEntity entity;
        int64_t start_ms, end_ms;
} OapRunInfo;
/* Borrowed until the next step; the caller frees the array. */
int oap_runs_list(const OapRuns *r, OapRunInfo **ret, size_t *ret_n);
typedef struct OapRunsStatus {
        uint64_t n_queries;
        uint64_t n_started; /* runs that had a recording: asked for, or announced */
        uint64_t n_expired; /* asked for, over before they began: a process in a task counts as one */
        uint64_t n_refused; /* likewise: can't be recorded or read */
} OapRunsStatus;
void oap_runs_status(const OapRuns *r, OapRunsStatus *ret);
