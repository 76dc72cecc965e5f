/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "target/target-set.h"

/* Who a process or unit is to SkyWalking: the rules of cprofd.conf, and the names they give.
 *
 *   [Service]                     each section is one rule; the first that matches decides
 *   Unit= Slice= Exe= User=GLOB…  as in policies; none: everything
 *   Register=yes                  no: what matches is not registered
 *   Scope=process                 unit: the unit as a whole is one process of SkyWalking's
 *   Layer=GENERAL
 *   Service=%N                    names with specifiers, see IDENTITY_SPECIFIERS
 *   Instance=%H
 *   Process=%P
 *   Property=KEY=VALUE            shown in SkyWalking; repeatable, with specifiers
 *
 * Without any [Service] section there is one: Unit=*.service.
 */
#define IDENTITY_SPECIFIERS                                                                \
        "HmnNpjiPxUs" /* host, machine id; unit: full name, without its type, prefix, last \
                         part of the prefix, instance; process name, program file without  \
                         its directory, user, slice; "%%". Of a unit as a whole %P is %N,  \
                         %x and %U are of its main or oldest process */
#define SERVICE_RULES_MAX 256U
#define IDENTITY_TEMPLATE_BYTES_MAX 512U
#define IDENTITY_NAME_UNITS_MAX \
        70U /* UTF-16: of service and instance; longer ones are cut and get a digest */
#define IDENTITY_PROCESS_BYTES_MAX 500U
#define IDENTITY_PROPERTIES_MAX 16U
#define IDENTITY_PROPERTY_KEY_BYTES_MAX 64U
#define IDENTITY_PROPERTY_VALUE_BYTES_MAX 1024U
#define IDENTITIES_MAX 4096U

typedef struct ServiceRule {
        char **units, **slices, **exes, **users; /* as in Policy */
        bool is_registered;
        bool is_unit_scope;
        char *layer, *service, *instance, *process; /* with specifiers */
        char **properties;                          /* "KEY=VALUE", NULL-terminated */
        char *where;                                /* "PATH:LINE" of its section; "default" */
} ServiceRule;
/* One with the defaults of the keys, for service_rule_done(). */
int service_rule_init(ServiceRule *r, const char *where);
void service_rule_done(ServiceRule *r);

typedef struct ServiceRules {
        ServiceRule *rules;
        size_t n_rules;
        bool is_given; /* there are [Service] sections, though perhaps all bad: no default rule */
} ServiceRules;
void service_rules_done(ServiceRules *r);
/* Takes *@rule over, also on failure. -E2BIG, -ENOMEM. */
int service_rules_push(ServiceRules *r, ServiceRule *rule);
/* The same rules in the same order, wherever they stand. */
bool service_rules_equal(const ServiceRules *a, const ServiceRules *b);
/* Makes *@r what it is without any section. */
int service_rules_default(ServiceRules *r);

/* Whether @text has known specifiers only; else *reterr_specifier is the unknown one, '\0' for a single '%'
 * at the end. */
bool identity_template_is_valid(const char *text, char *reterr_specifier);

/* One registered process or unit. Names are valid UTF-8 and not empty; (service, instance, process) is
 * unique among those alive. */
typedef struct Identity {
        char *layer, *service, *instance, *process;
        char **properties; /* key, value, …, NULL */
        const ServiceRule *rule;
        Process *target_process; /* one of both is set; NULL once it is gone */
        Unit *target_unit;
        pid_t pid;          /* of the process; of a unit its main one or its oldest, 0: none just now */
        void *registration; /* oap/oap-registry's */
        UT_hash_handle hh;
} Identity;

typedef struct IdentityEvents {
        void (*added)(Identity *i, void *userdata);
        /* About to be freed. */
        void (*removed)(Identity *i, void *userdata);
        /* Another process has the names now: i->pid changed. */
        void (*changed)(Identity *i, void *userdata);
        void *userdata;
} IdentityEvents;

typedef struct IdentitySet IdentitySet;

/* @rules are taken over, also on failure; @events may be NULL. The names of host and machine are read once.
 */
int identity_set_new(
                const Host *host, ServiceRules *rules, const IdentityEvents *events, IdentitySet **ret_set);
/* Tells removals; processes and units must still be there. */
IdentitySet *identity_set_free(IdentitySet *s);
DEFINE_CLEANUP(IdentitySet *, identity_set_free)

/* Wired to TargetEvents; sets Process.identity or Unit.identity. Also for one that changed: what stays the
 * same is not told. 1: it has one now; 0: no rule wants it, or it is ourselves. -EUSERS: above
 * IDENTITIES_MAX (counted); -ENOMEM. */
int identity_set_add_process(IdentitySet *s, Process *p);
void identity_set_remove_process(IdentitySet *s, Process *p);
void identity_set_remove_unit(IdentitySet *s, Unit *u);

/* All that are there, in an order that does not depend on when they started, so that who has to give way to
 * whom is the same after a restart of ours. -ENOMEM; who is above the cap is counted. */
int identity_set_add_all(IdentitySet *s, TargetSet *targets);
/* That of the process or of the unit that it is a part of; NULL: none. */
Identity *identity_of_process(const Process *p);
const ServiceRules *identity_set_rules(const IdentitySet *s);
/* @rules, which are equal, have moved to other lines: says so from now on. */
void identity_set_relocate_rules(IdentitySet *s, ServiceRules *rules);

Identity *identity_set_first(IdentitySet *s); /* HASH_ITER(hh, …), in order of addition */
Identity *identity_set_find(IdentitySet *s, const char *service, const char *instance, const char *process);
size_t identity_set_n(const IdentitySet *s);
uint64_t identity_set_n_over_cap(const IdentitySet *s);
