/* SPDX-License-Identifier: Apache-2.0 */
#include "target/identity-claim.h"

#include "target/identity-name.h"
#include "target/identity.h"

#include <string.h>
#include <utlist.h>

#define NUMBERS_TRIED_MAX 16U /* before the search goes on where it ended last */

/* The texts up to NULL with their NULs. */
static int join(const char *const *texts, char **ret_key, size_t *ret_size) {
        size_t size = 0;
        char *key, *p;

        for (size_t i = 0; texts[i]; i++)
                size += strlen(texts[i]) + 1;

        key = p = malloc(size);
        if (!key)
                return -ENOMEM;

        for (size_t i = 0; texts[i]; i++)
                p = stpcpy(p, texts[i]) + 1;

        *ret_key = key;
        *ret_size = size;
        return 0;
}

int claim_names(const char *service,
                const char *instance,
                const char *process,
                char **ret_names,
                size_t *ret_size) {
        return join((const char *const[]){ service, instance, process, NULL }, ret_names, ret_size);
}

static int owner_key(const ClaimRequest *r, char **ret_owner, size_t *ret_size) {
        return join((const char *const[]){ r->service, r->instance, r->process, r->unit, r->who, NULL },
                    ret_owner,
                    ret_size);
}

/* The text behind @n others. */
static const char *nth(const char *key, unsigned n) {
        while (n-- > 0)
                key = strchr(key, '\0') + 1;

        return key;
}

static void claim_free(Claims *c, Claim *claim) {
        if (claim->hh.tbl)
                HASH_DELETE(hh, c->by_names, claim);
        if (claim->hh_owner.tbl)
                HASH_DELETE(hh_owner, c->by_owner, claim);

        free(claim->names);
        free(claim->owner);
        free(claim);
}

static void idle_remove(Claims *c, Claim *claim) {
        DL_DELETE(c->idle, claim);
        c->n_idle--;
}

void claims_done(Claims *c) {
        Claim *claim, *next;

        HASH_ITER(hh, c->by_names, claim, next) {
                claim_free(c, claim);
        }
        *c = (Claims){};
}

void claims_release(Claims *c, Claim *claim) {
        Claim *oldest;

        claim->is_held = false;
        DL_APPEND(c->idle, claim);
        if (++c->n_idle <= CLAIMS_IDLE_MAX)
                return;

        oldest = c->idle;
        idle_remove(c, oldest);
        claim_free(c, oldest);
}

void claims_unit_gone(Claims *c, const char *unit) {
        Claim *claim;

        DL_FOREACH(c->idle, claim) {
                if (strcmp(claim->unit, unit) == 0)
                        claim->is_unit_gone = true;
        }
}

bool claim_is_of(const Claim *claim, const ClaimRequest *r) {
        const char *const texts[] = { r->service, r->instance, r->process, r->unit, r->who };
        const char *p = claim->owner;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++, p = nth(p, 1))
                if (strcmp(p, texts[i]) != 0)
                        return false;

        return true;
}

static void hold(Claims *c, Claim *claim) {
        idle_remove(c, claim);
        claim->is_held = true;
        claim->is_unit_gone = false;
}

/* 1: @process is free, and what was left of its last holder is gone; 0: it is not. *ret_claim is who has it.
 */
static int
try_names(Claims *c, const ClaimRequest *r, const char *process, char **ret_names, Claim **ret_claim) {
        _cleanup_(freep) char *names = NULL;
        Claim *claim = NULL;
        size_t size;
        int k;

        k = claim_names(r->service, r->instance, process, &names, &size);
        if (k < 0)
                return k;

        HASH_FIND(hh, c->by_names, names, size, claim);
        *ret_claim = claim;
        if (claim) {
                if (claim->is_held || (!claim->is_unit_gone && strcmp(claim->unit, r->unit) != 0))
                        return 0;

                idle_remove(c, claim);
                claim_free(c, claim);
                *ret_claim = NULL;
        }

        *ret_names = TAKE_PTR(names);
        return 1;
}

static int try_number(Claims *c, const ClaimRequest *r, const char *stem, unsigned n, char **ret_names) {
        _cleanup_(freep) char *process = NULL;
        Claim *claim;

        if (asprintf(&process, "%s#%u", stem, n) < 0) {
                process = NULL;
                return -ENOMEM;
        }

        identity_cut(process, IDENTITY_PROCESS_BYTES_MAX, IDENTITY_PROCESS_BYTES_MAX);
        return try_names(c, r, process, ret_names, &claim);
}

/* @first has what was asked for, and remembers how far the numbers went. */
static int find_number(Claims *c, const ClaimRequest *r, const char *stem, Claim *first, char **ret_names) {
        unsigned begin = MAX_OF(r->ordinal, 2U);
        int k = 0;

        for (unsigned n = begin; k == 0 && n < begin + NUMBERS_TRIED_MAX; n++)
                k = try_number(c, r, stem, n, ret_names);

        for (first->last_number = MAX_OF(first->last_number, begin + NUMBERS_TRIED_MAX - 1); k == 0;)
                k = try_number(c, r, stem, ++first->last_number, ret_names);

        return k;
}

/* 1: *ret_names is free. */
static int find_names(Claims *c, const ClaimRequest *r, char **ret_names) {
        _cleanup_(freep) char *stem = NULL;
        Claim *first, *claim;
        int k;

        k = try_names(c, r, r->process, ret_names, &first);
        if (k != 0)
                return k;
        if (strcmp(first->unit, r->unit) == 0)
                return find_number(c, r, r->process, first, ret_names);

        if (asprintf(&stem, "%s@%s", r->process, r->unit_label) < 0) {
                stem = NULL;
                return -ENOMEM;
        }

        identity_cut(stem, IDENTITY_PROCESS_BYTES_MAX, IDENTITY_PROCESS_BYTES_MAX);
        k = try_names(c, r, stem, ret_names, &claim);
        return k != 0 ? k : find_number(c, r, stem, first, ret_names);
}

/* Takes @owner over. */
static int claim_new(Claims *c, const ClaimRequest *r, char *owner, size_t owner_size, Claim **ret_claim) {
        Claim *claim = calloc(1, sizeof(*claim)), *namesake = NULL;
        int k = -ENOMEM;

        if (!claim) {
                free(owner);
                return k;
        }

        *claim = (Claim){ .owner = owner, .owner_size = owner_size, .unit = nth(owner, 3), .is_held = true };
        k = find_names(c, r, &claim->names);
        if (k < 0) {
                claim_free(c, claim);
                return k;
        }

        claim->process = nth(claim->names, 2);
        claim->names_size = (size_t) (strchr(claim->process, '\0') + 1 - claim->names);
        HASH_ADD_KEYPTR(hh, c->by_names, claim->names, claim->names_size, claim);
        HASH_FIND(hh_owner, c->by_owner, owner, owner_size, namesake);
        if (!namesake)
                HASH_ADD_KEYPTR(hh_owner, c->by_owner, owner, owner_size, claim);
        if (!claim->hh.tbl || (!namesake && !claim->hh_owner.tbl)) {
                claim_free(c, claim);
                return -ENOMEM;
        }

        *ret_claim = claim;
        return 0;
}

int claims_take(Claims *c, const ClaimRequest *request, Claim **ret_claim) {
        Claim *claim = NULL;
        char *owner;
        size_t size;
        int k;

        assert(c);
        assert(request);
        assert(ret_claim);

        k = owner_key(request, &owner, &size);
        if (k < 0)
                return k;

        HASH_FIND(hh_owner, c->by_owner, owner, size, claim);
        if (!claim || claim->is_held)
                return claim_new(c, request, owner, size, ret_claim);

        free(owner);
        hold(c, claim);
        *ret_claim = claim;
        return 0;
}
