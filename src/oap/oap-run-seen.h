/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/hash.h"

#include <stdint.h>

/* The tasks of OAP's that were dealt with, so that one which it tells again is neither run nor counted
 * twice. Pure. */
#define OAP_SEEN_MAX 4096U

typedef struct OapSeen {
        uint64_t key;         /* oap_seen_key() */
        int64_t update_ms;    /* OAP's clock */
        int64_t end_ms;       /* our clock: it makes no difference afterwards */
        int64_t duration_sec; /* that was dealt with: a longer one is news */

        /* Of a task that ran: what its profile goes on with if it is made longer. 0: it did not. */
        int64_t start_ms, last_ms;
        UT_hash_handle hh;
} OapSeen;

/* Of one process's part in a task. */
uint64_t oap_seen_key(const char *task, const char *process);

OapSeen *oap_seen_find(OapSeen *seen, uint64_t key);
/* The new one, or the one that is there. Above OAP_SEEN_MAX the one that OAP changed first is forgotten.
 * NULL: out of memory. */
OapSeen *oap_seen_add(OapSeen **seen, uint64_t key, int64_t update_ms);
/* Forgets what is over and will not be told again, because OAP is asked for what changed after @since_ms. */
void oap_seen_expire(OapSeen **seen, int64_t since_ms, int64_t now_ms);
void oap_seen_done(OapSeen **seen);
