/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/hash.h"

#include <stdbool.h>

/* Who has which names: unique among those alive, and kept for the successors of those that are gone. Pure.
 */

#define CLAIMS_IDLE_MAX 1024U /* above it the oldest are forgotten */

typedef struct Claim Claim;
struct Claim {
        char *names; /* service, instance, process, each with its NUL; of names_size bytes */
        size_t names_size;
        char *owner; /* who asked for what: service, instance, process as asked for, unit, who; ditto */
        size_t owner_size;
        const char *process; /* within names: what was given */
        const char *unit;    /* within owner */

        bool is_held;
        bool is_unit_gone;
        unsigned last_number; /* that was appended for want of a free one below */
        Claim *next, *prev;   /* in Claims.idle */
        UT_hash_handle hh, hh_owner;
};

typedef struct Claims {
        Claim *by_names, *by_owner;
        Claim *idle; /* not held, oldest first */
        unsigned n_idle;
} Claims;

void claims_done(Claims *c);

typedef struct ClaimRequest {
        const char *service, *instance, *process;
        const char *unit, *unit_label; /* what @process gets behind an '@' when another unit has it */
        const char *who;               /* within the unit; the same for a successor */
        unsigned ordinal;
} ClaimRequest;

/* The names that a predecessor of the same @who had; else those asked for; else, when somebody else has
 * them, "PROCESS@UNIT" or, within one unit, "PROCESS#N". */
int claims_take(Claims *c, const ClaimRequest *request, Claim **ret_claim);
void claims_release(Claims *c, Claim *claim);

/* Whether @claim was taken by such a request. */
bool claim_is_of(const Claim *claim, const ClaimRequest *request);

/* The names of its processes can be had by others. */
void claims_unit_gone(Claims *c, const char *unit);

/* "service\0instance\0process\0"; *ret_size counts all three NULs. */
int claim_names(const char *service,
                const char *instance,
                const char *process,
                char **ret_names,
                size_t *ret_size);
