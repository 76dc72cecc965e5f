/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-transport.h"
#include "oap/oap-registry.h"

/* What OAP makes of reports and keep-alive, as far as it can be seen from outside, and a clock. */

#define WORLD_AGENT "0b8d1c1e-9f3e-4c55-8f0d-6f2f5b0f5a11"
#define WORLD_START_USEC (1000 * USEC_PER_SEC)
#define WORLD_ROWS_MAX 4096U

/* One process as OAP has it. */
typedef struct WorldRow {
        char *entity; /* "LAYER/service/instance/process" */
        int32_t pid;
        bool is_supported;      /* by the first that was said of it */
        bool was_supported_all; /* in each that was said */
        char *properties;       /* of the last report: "key=value;…" */
        unsigned n_reports, n_pings;
        usec_t report_usec, ping_usec;         /* the last ones */
        UT_hash_handle hh;                     /* by entity */
        usec_t report_gap_usec, ping_gap_usec; /* the longest between two, and from report to first ping */
} WorldRow;

typedef struct RegistryWorld {
        usec_t now_usec;
        OapTransport *transport;
        OapClient *client;
        OapRegistry *registry;

        Identity *identities[WORLD_ROWS_MAX];
        size_t n_identities;
        unsigned n_added; /* ever */

        WorldRow rows[WORLD_ROWS_MAX];
        size_t n_rows;
        WorldRow *by_entity;
        unsigned n_reports, n_keep_alives, n_refused; /* calls */
        size_t n_largest_report;                      /* of one call, since it was set to 0 */
        size_t n_largest;                             /* processes of one call */
        unsigned n_wrong;                             /* calls that no agent of ours makes */

        /* how it is to behave */
        bool is_down;            /* UNAVAILABLE */
        bool is_silent;          /* calls wait for the test to answer them */
        int status;              /* of everything, when not OK */
        const char *odd_layer;   /* not known */
        const char *odd_process; /* UNKNOWN for a call that has it */
        bool takes_odd_reports;  /* that is for keep-alive alone */
        const char *absent;      /* process that is left out of answers */
        const char *fixed_id;    /* the id of all */
        const char *id_prefix;   /* of all ids */
        bool is_reversed;        /* order of answers */
        const char *raw_answer;  /* of reports */
        /* Asked first, when a call is started; true: it is answered, or will be by registry_world_serve().
         */
        bool (*meddle)(struct RegistryWorld *w, OapCall *call);
        void *userdata;
} RegistryWorld;

void registry_world_init(RegistryWorld *w);
void registry_world_done(RegistryWorld *w);

/* pid is 100 + its number, also of those that are gone. */
Identity *registry_world_add(RegistryWorld *w, const char *layer, const char *service, const char *process);
void registry_world_add_many(RegistryWorld *w, const char *layer, size_t n);
void registry_world_remove(RegistryWorld *w, Identity *i);

/* A step each second, and one after each answer. */
void registry_world_run(RegistryWorld *w, unsigned seconds);
/* Steps and answers of one instant. */
void registry_world_settle(RegistryWorld *w);

/* What OAP does with a call, when that is left to the test. */
void registry_world_serve(RegistryWorld *w, OapCall *call);

/* NULL: OAP never heard of it. */
WorldRow *registry_world_row(RegistryWorld *w, const Identity *i);
/* With what has passed since the last one. */
usec_t registry_world_ping_gap(RegistryWorld *w, const Identity *i);
void registry_world_forget_gaps(RegistryWorld *w);
