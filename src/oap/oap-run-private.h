/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/ratelimit.h"
#include "oap/oap-run-seen.h"
#include "oap/oap-run.h"

#include <stdbool.h>

/* Private to oap-run*.c. */

#define OAP_RUN_FEEDS_MAX 4U
#define OAP_RUN_GONE_USEC (15 * USEC_PER_SEC) /* a service that restarts is back by then */
#define OAP_RUN_GRACE_USEC                                                                             \
        (2 * USEC_PER_SEC)                 /* a recording that ends so soon after its run ends with it \
                                            */
#define OAP_RUN_REST_MIN_USEC USEC_PER_SEC /* less is not worth a recording */
#define OAP_RUN_RETRY_MIN_USEC USEC_PER_SEC
#define OAP_RUN_RETRY_MAX_USEC USEC_PER_MINUTE

/* A recording of ours that is told to OAP as part of a run. One that is over still is a feed until its last
 * data is there, which is after its code was named. */
typedef struct OapFeed {
        char ours[TASK_ID_MAX]; /* "": none */
        OapProfile *profile;
        bool is_own;       /* was started for this run */
        usec_t until_usec; /* when an own one reaches its duration */
        uint64_t base_count,
                        base_nsec; /* told before by @profile, less what is not the run's; modulo 2^64 */

        bool is_frozen; /* the run is over, the recording is not: what comes now is not the run's */
        bool is_second; /* its data came once since: what has no name now will have none */
        uint64_t all_count, all_nsec; /* oap_profile_told() when all of it is told */
} OapFeed;

typedef enum OapRunState {
        OAP_RUN_WAITING, /* for its time, or for its process to be known */
        OAP_RUN_RUNNING,
        OAP_RUN_ENDING, /* over; the last data of its feeds is awaited */
} OapRunState;

typedef struct OapRun OapRun;
struct OapRun {
        OapRunState state;
        OapTarget target;

        /* Of a task that OAP asked for; NULL: it was triggered here. */
        char *task, *process_id;
        uint64_t key;
        int64_t duration_sec; /* asked for, capped */

        char *layer, *service, *instance, *process;
        pid_t pid;

        int64_t start_ms; /* of its profile: when the first recording began; 0: not yet */
        int64_t end_ms;   /* planned */
        int64_t last_ms;  /* of the last flush, 0 for none */
        usec_t begin_usec, end_usec;

        usec_t covered_usec; /* until then it had a feed, or it had not begun */
        usec_t retry_usec, backoff_usec;
        usec_t gone_usec; /* since when the process is not there; 0: it is */
        bool is_said;     /* that it cannot be recorded */
        bool is_stopped;  /* the recording for it was stopped here: there is no other one */

        OapFeed feeds[OAP_RUN_FEEDS_MAX];
        OapProfile *spare; /* of a feed that is over: knows what stacks OAP has already */
        OapRun *next, *prev;
};

struct OapRuns {
        OapClient *client; /* borrowed, as the next two */
        OapRegistry *registry;
        OapForward *forward;
        char *agent;
        OapRunOps ops;

        OapRun *runs; /* utlist DL */
        size_t n_runs;
        OapRunsStatus counters;

        /* queryTasks */
        usec_t next_query_usec; /* 0: never asked */
        bool is_asking, has_answer;
        OapTasks answer;
        OapSeen *seen;
        int64_t cursor_ms;   /* OAP's clock: what changed up to then was dealt with */
        int64_t newest_ms;   /* OAP's clock: of all tasks there were */
        int64_t floor_ms;    /* nothing older is asked for: it was too much for one answer; 0: everything */
        int64_t asked_ms;    /* our clock: when the query under way was sent … */
        int64_t answered_ms; /* … and the last one that was answered */
        unsigned n_answers;  /* in a row */
        size_t n_unreadable; /* of the last answer */
        int64_t said_ahead_ms; /* OAP's clock, as the journal has it */
        bool is_full;          /* and that was said */
        RateLimit log_limit;
};

/* oap-run.c */
OapRun *oap_run_free(OapRun *run);
DEFINE_CLEANUP(OapRun *, oap_run_free)
/* Of the process of @i; the caller adds it with oap_runs_add(). */
int oap_run_new(OapTarget target, const Identity *i, OapRun **ret_run);
void oap_runs_add(OapRuns *r, OapRun *run);
void oap_runs_remove(OapRuns *r, OapRun *run); /* and frees it */

/* oap-run-query.c: what OAP asks for. */
usec_t oap_runs_query_step(OapRuns *r, usec_t now_usec, int64_t now_ms);

/* oap-run-accept.c: which of it is to run. */
void oap_runs_accept(OapRuns *r, const OapTasks *tasks, usec_t now_usec, int64_t now_ms);

/* oap-run-step.c: what an asked run does with its time. Returns when to be called again; USEC_INFINITY when
 * data is all it waits for. *ret_over: nothing is left to be done. */
usec_t oap_run_step(OapRuns *r, OapRun *run, usec_t now_usec, int64_t now_ms, bool *ret_over);

/* oap-run-feed.c */
OapFeed *oap_run_feed(OapRun *run, const char *ours); /* that still is to tell what comes; NULL */
size_t oap_run_n_feeds(const OapRun *run);
/* @baseline: what is in it now is not the run's; NULL: nothing. @t is NULL for one that just began. -EBUSY:
 * too many are not over. */
int oap_run_attach(OapRun *run, const char *ours, const Profile *baseline, OapFeed **ret_feed);
/* -ENOMEM: as if it had not been asked. */
int oap_run_freeze(const OapRun *run, OapFeed *f, const Profile *profile);
