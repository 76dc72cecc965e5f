/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-registry.h"

#include <netinet/in.h>

/* Private to oap-registry*.c. */

typedef enum LaneKind {
        LANE_REPORT,
        LANE_KEEP_ALIVE,
        _LANE_MAX,
} LaneKind;

typedef struct Registration {
        Identity *identity;         /* borrowed, outlives us */
        char *id;                   /* OAP's, NULL: none yet */
        usec_t due_usec[_LANE_MAX]; /* USEC_INFINITY: under way, or not at all */
        bool is_alone[_LANE_MAX];   /* a call with nothing else failed: not to be mixed with others */
        bool is_changed;            /* while its report was under way */
        bool is_kept_alive;         /* OAP takes its layer */
        uint64_t n_returns;         /* of the client, when it was reported last */
        unsigned n_absent;          /* reports in a row without an id in the answer */
        struct Registration *prev, *next;
        UT_hash_handle hh; /* by id */
} Registration;

/* What one call is about. Items that go away meanwhile become NULL. */
typedef struct Batch {
        Registration *items[OAP_PROCESSES_PER_CALL];
        pid_t pids[OAP_PROCESSES_PER_CALL]; /* as sent */
        bool is_answered[OAP_PROCESSES_PER_CALL];
        size_t n;
        bool is_again; /* nothing new: there is time */
        usec_t sent_usec;
        usec_t again_usec; /* when those that were taken are due again: together */
        struct Batch *next;
} Batch;

/* Calls of one kind, one at a time. */
typedef struct Lane {
        Batch *running;
        Batch *suspects;        /* parts of one that failed, the next one first */
        usec_t next_usec;       /* nothing is due earlier; 0: look */
        usec_t not_before_usec; /* the client said so */
        uint64_t n_calls;
} Lane;

struct OapRegistry {
        OapClient *client; /* borrowed */
        const Host *host;  /* borrowed; NULL: none */
        char *agent;
        Registration *all, *by_id;
        size_t n;
        Lane lanes[_LANE_MAX];
        uint64_t n_refused; /* keep-alives of one process, ever */
        uint64_t n_returns; /* of the client, as of the last step */

        const char **services; /* sorted */
        size_t n_services;
        bool services_are_stale;
};

/* What is sent. */
int registry_send(OapRegistry *r, LaneKind kind, Batch *b, usec_t now_usec);
/* Its parts are due again. */
void registry_release(OapRegistry *r, LaneKind kind, Batch *b);

/* What came back; the batch is freed. */
void registry_take_answer(OapRegistry *r, LaneKind kind, Batch *b, const OapCallResult *result);

/* Moves half of @b into a new one; NULL when it has but one. */
Batch *registry_split(Batch *b);
void registry_push_suspects(Lane *lane, Batch *b);

bool registry_is_of_layer(const Registration *reg, const char *layer);
/* Some process of it was kept alive. */
bool registry_layer_is_known(const OapRegistry *r, const char *layer);
/* None was, and two were refused alone: the second is no accident of the first one's. */
bool registry_layer_is_refused(const OapRegistry *r, const char *layer);

/* NULL: forgets it. -EEXIST: another one has it. */
int registry_set_id(OapRegistry *r, Registration *reg, const char *id);
void registry_leave_batch(Batch *b, const Registration *reg);

/* A bit before it has to be, by the step of a second in which things are done. */
usec_t registry_again_usec(OapRegistry *r, LaneKind kind);

/* What a report says of @i: key, value, …, NULL, to be freed by strv_free(). @host_ip: "" for none. */
int registry_describe(const OapRegistry *r, const Identity *i, const char *host_ip, char ***ret_pairs);
/* That it can be profiled: what keep-alive says, and every report. */
extern const char *const registry_support[];
/* The address that this host has for OAP at @peer ("10.0.0.1:11800"; else for the world). No packet is sent.
 * "": it has none. */
void registry_host_ip(const char *peer, char ret[static INET6_ADDRSTRLEN]);
