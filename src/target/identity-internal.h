/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the identity set share. Nobody else includes this. */

#include "target/identity-claim.h"
#include "target/identity-name.h"
#include "target/identity.h"
#include "target/user-names.h"

/* An Identity and what the set knows of it. */
typedef struct Entry {
        Identity identity; /* first: they are cast */
        Claim *claim;

        /* Of whole units, while identity.pid is not 0: that process, the others of that PID (utlist LL),
         * and, for the first of them, the index. */
        ProcessKey key;
        struct Entry *pid_next;
        UT_hash_handle hh_pid;
        bool in_pids;
} Entry;

struct IdentitySet {
        ServiceRules rules;
        IdentityEvents events;
        UserNames *users;
        char *host, *machine_id;
        pid_t self;

        Identity *identities; /* by the three names */
        Claims claims;
        Entry *units_by_pid;
        uint64_t n_over_cap;
};

/* identity.c: an entry for the process or, when @unit is set, for that unit with @p as its main or oldest
 * process. 1, -EUSERS, -ENOMEM. */
int identity_add(IdentitySet *s, const ServiceRule *rule, Process *p, Unit *unit);
void identity_remove(IdentitySet *s, Entry *e);

/* identity-unit.c */
/* The unit that a rule with Scope=unit means for @p, NULL: none. */
Unit *identity_rule_unit(const ServiceRule *rule, const Process *p);
/* @p is in it. */
int identity_add_unit(IdentitySet *s, const ServiceRule *rule, Unit *u, const Process *p);
/* @p is about to go or perhaps in another unit: whole units that had its PID get another. */
void identity_process_left(IdentitySet *s, const Process *p, bool is_gone);
void identity_unindex_pid(IdentitySet *s, Entry *e);
