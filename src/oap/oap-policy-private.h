/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/hash.h"
#include "basic/ratelimit.h"
#include "basic/strbuf.h"
#include "oap/oap-policy.h"
#include "policy/policy-store.h"

/* Private to oap-policy*.c. */

#define OAP_POLICY_PREFIX "oap:"
#define OAP_POLICY_FILES_MAX (POLICIES_MAX / 4) /* so that there is room for those of this host */

static inline uint64_t oap_policy_hash(const void *data, size_t size) {
        const uint8_t *bytes = data;
        uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a: Fowler, Noll, Vo */

        for (size_t i = 0; i < size; i++)
                h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);

        return h;
}

/* "on-cpu": a target as names of policies and of kinds of profiles have it. */
const char *oap_target_to_kind(OapTarget t);

/* What stands for @text where a word is wanted: letters, digits, ":-_.@" as they are, other bytes as \xHH.
 */
void oap_escape(StrBuf *b, const char *text);
/* The text of such a word of @length bytes. -EINVAL, -ENOMEM. */
int oap_unescape(const char *word, size_t length, char **ret_text);

/* As oap_policy_format(); *ret_n_items: how many of the items the text has. */
int oap_policy_build(
                const OapServicePolicy *policy,
                OapTarget target,
                char **ret_text,
                unsigned *ret_n_items,
                char ***refused); /* is added to */

/* What is known of one service. */
typedef struct OapService {
        char *name;
        char *uuid;                       /* last applied; NULL: not known */
        uint64_t hashes[_OAP_TARGET_MAX]; /* of the files; 0: there is none */
        uint64_t said_hash;               /* of what OAP said, as far as the files are that; 0: not known */
        unsigned n_items, n_refused;
        uint64_t refused_hash; /* of the lines that were said last */
        unsigned day;          /* since 1970: when it was last registered */
        uint64_t round;        /* when it was last asked for; 0: never */
        bool is_asked;         /* by the query under way */
        bool is_failing;       /* its files could not be written, and that was said */

        /* What waits to be said again, as oap-policy-apply.c has it. */
        uint64_t waiting_hash;
        usec_t waiting_since_usec, waiting_said_usec; /* 0: nothing */
        uint64_t before_hash;                         /* of the files before the last change */
        usec_t changed_usec;                          /* 0: none yet */

        UT_hash_handle hh; /* by name */
} OapService;

struct OapPolicies {
        OapClient *client;
        OapRegistry *registry;
        int directory_fd;
        OapPolicyEvents events;

        OapService *services;
        unsigned n_files;
        bool is_unclean; /* a file was removed when they were read: the store may have it */
        char pseudo[40]; /* a service that nobody has */

        uint64_t round, n_queries;
        size_t n_done;                  /* services of this round that were asked for */
        usec_t due_usec, answered_usec; /* the next round; the last answer that could be read, 0: none */
        bool is_asking, is_answered;
        bool has_policies;
        OapServicePolicies answer; /* taken from the callback, which has no time */
        char *problem;             /* … of it, NULL: none */

        bool is_dirty; /* "uuids" is to be written, not before: */
        usec_t save_usec;
        usec_t forget_usec; /* when to look for services that are gone */
        RateLimit refused_limit, answer_limit;
        bool is_full; /* OAP_SERVICES_MAX, and that was said */

        OapPolicyInfo *infos; /* of oap_policies_list() */
};

/* 0: there is none. */
uint64_t oap_service_hash(const uint64_t hashes[static _OAP_TARGET_MAX]);

OapService *oap_policies_find(OapPolicies *p, const char *name);
/* Made when it is not there. -EUSERS: too many; -ENOMEM. */
int oap_policies_get(OapPolicies *p, const char *name, OapService **ret);
void oap_policies_drop(OapPolicies *p, OapService *s);

/* Reads the directory. Files that can't be ours any more are removed. -ENOMEM, or why it can't be read. */
int oap_cache_load(OapPolicies *p);
/* Writes "uuids". */
int oap_cache_save(OapPolicies *p);
/* NULL: no file. 1: there was another one before. -EUSERS: above OAP_POLICY_FILES_MAX. */
int oap_cache_put(OapPolicies *p, OapService *s, OapTarget target, const char *text);
uint64_t oap_cache_text_hash(const char *text); /* NULL: 0 */

/* Follows p->answer as far as it was asked for. */
void oap_policies_apply(OapPolicies *p, usec_t now_usec);
