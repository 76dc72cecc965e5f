/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from an answer.
 *
 * In a cluster each OAP has a cache of its own, for a minute: after a change one of them may still say what
 * was before, or that there is nothing. So "nothing" (a uuid of "") and what was there before the last
 * change count only when they are said again after OAP_REMOVAL_CONFIRM_USEC. Until then the uuid stays, so
 * that OAP goes on answering. What an operator has cleared has a uuid, and counts at once. */
#include "oap/oap-policy-private.h"

#include "basic/log.h"
#include "basic/strv.h"

#include <string.h>

typedef struct Fresh {
        char *texts[_OAP_TARGET_MAX];
        uint64_t hashes[_OAP_TARGET_MAX];
        unsigned n_items;
        char **refused;
} Fresh;

static void fresh_done(Fresh *f) {
        for (size_t i = 0; i < _OAP_TARGET_MAX; i++)
                free(f->texts[i]);
        strv_free(f->refused);
}

static int fresh_init(Fresh *f, const OapServicePolicy *policy) {
        int r;

        for (OapTarget t = 0; t < _OAP_TARGET_MAX; t++) {
                unsigned n_items;

                r = oap_policy_build(policy, t, &f->texts[t], &n_items, &f->refused);
                if (r < 0)
                        return r;

                f->hashes[t] = oap_cache_text_hash(f->texts[t]);
                f->n_items += n_items;
        }

        if (policy->n_refused == 0)
                return 0;

        return strv_pushf(&f->refused, "%s: %zu items cannot be read", policy->service, policy->n_refused);
}

static uint64_t hash_text(uint64_t h, const char *text) {
        return hash_u64(h, text ? oap_policy_hash(text, strlen(text)) : 1);
}

/* Of all that is said but the uuid; whatever the order of items, which means nothing. Making automata of
 * rules only to see that they are the same ones takes far longer. */
static uint64_t hash_policy(const OapServicePolicy *policy) {
        uint64_t sum = hash_u64(1, policy->n_refused);

        for (size_t i = 0; i < policy->n_items; i++) {
                const OapCheckItem *item = policy->items + i;
                uint64_t h = hash_text(hash_text(item->target, item->type), item->threshold);

                h = hash_u64(hash_u64(h, (uint64_t) item->period_sec), (uint64_t) item->count);
                for (char **uri = item->uris; uri && *uri; uri++)
                        h = hash_text(h, *uri);
                sum += hash_text(h, item->uri_regex);
        }

        return sum ?: 1;
}

static void say_refused(OapPolicies *p, OapService *s, char *const *refused, usec_t now_usec) {
        uint64_t hash = 0;

        for (char *const *line = refused; line && *line; line++)
                hash = hash_u64(hash, oap_policy_hash(*line, strlen(*line)));

        s->n_refused = (unsigned) strv_length(refused);
        if (hash == s->refused_hash)
                return;

        s->refused_hash = hash;
        for (char *const *line = refused; line && *line; line++)
                if (ratelimit_below(&p->refused_limit, now_usec))
                        log_warning("Not all of a policy of SkyWalking's OAP is followed: %s", *line);
}

/* Whether it is what was there before a change of the last minute. */
static bool is_bounce(const OapService *s, uint64_t hash, usec_t now_usec) {
        return s->changed_usec > 0 && hash != 0 && hash == s->before_hash &&
                        now_usec - s->changed_usec < OAP_REMOVAL_CONFIRM_USEC;
}

/* Whether what the hash stands for was said before, and long enough ago. */
static bool is_confirmed(OapService *s, uint64_t hash, usec_t now_usec) {
        bool again = s->waiting_since_usec > 0 && s->waiting_hash == hash &&
                        now_usec - s->waiting_said_usec <= 2 * OAP_REMOVAL_CONFIRM_USEC;

        if (!again) {
                s->waiting_hash = hash;
                s->waiting_since_usec = now_usec;
        }

        s->waiting_said_usec = now_usec;
        return now_usec - s->waiting_since_usec >= OAP_REMOVAL_CONFIRM_USEC;
}

static int set_uuid(OapPolicies *p, OapService *s, const char *uuid) {
        char *copy = NULL;

        if (strcmp(s->uuid ?: "", uuid) == 0)
                return 0;

        if (uuid[0]) {
                copy = strdup(uuid);
                if (!copy)
                        return -ENOMEM;
        }

        free(s->uuid);
        s->uuid = copy;
        p->is_dirty = true;
        return 0;
}

/* 1: a file is another one now, also when it failed half-way. */
static int write_files(OapPolicies *p, OapService *s, const Fresh *f, int *ret_error) {
        int changed = 0;

        *ret_error = 0;
        s->said_hash = 0;
        for (OapTarget t = 0; t < _OAP_TARGET_MAX; t++) {
                int r = oap_cache_put(p, s, t, f->texts[t]);

                if (r < 0)
                        *ret_error = r;
                changed |= r > 0;
        }

        return changed;
}

/* Returns whether a file changed. */
static bool
change(OapPolicies *p, OapService *s, const OapServicePolicy *policy, Fresh *f, usec_t now_usec) {
        uint64_t before = oap_service_hash(s->hashes);
        int changed, r;

        changed = write_files(p, s, f, &r);
        if (r < 0) {
                /* the uuid stays: OAP says it again at the next query */
                if (!s->is_failing)
                        log_warning_errno(
                                        r,
                                        "Failed to keep the policy of service '%s', trying again: %m",
                                        s->name);
                s->is_failing = true;
                return changed;
        }

        s->is_failing = false;
        s->said_hash = hash_policy(policy);
        s->before_hash = before;
        s->changed_usec = now_usec;
        s->waiting_since_usec = 0;
        s->n_items = f->n_items;
        say_refused(p, s, f->refused, now_usec);
        if (set_uuid(p, s, policy->uuid) < 0)
                log_debug("No memory for the uuid of a policy, asking for it again.");

        return changed;
}

static bool apply_one(OapPolicies *p, OapService *s, const OapServicePolicy *policy, usec_t now_usec) {
        bool is_nothing = policy->uuid[0] == '\0' && policy->n_items == 0;
        _cleanup_(fresh_done) Fresh f = {};
        uint64_t hash;

        if (!is_nothing && s->said_hash == hash_policy(policy)) {
                s->waiting_since_usec = 0;
                (void) set_uuid(p, s, policy->uuid);
                return false;
        }

        if (fresh_init(&f, policy) < 0)
                return false; /* no memory: it is said again */

        /* As with a broken file: what was good stays in force. */
        if (policy->n_items == 0 && policy->n_refused > 0) {
                say_refused(p, s, f.refused, now_usec);
                return false;
        }

        hash = oap_service_hash(f.hashes);
        if (!is_nothing && hash == oap_service_hash(s->hashes)) {
                s->waiting_since_usec = 0;
                s->said_hash = hash_policy(policy);
                s->n_items = f.n_items;
                say_refused(p, s, f.refused, now_usec);
                (void) set_uuid(p, s, policy->uuid);
                return false;
        }

        if (is_nothing && !s->uuid && oap_service_hash(s->hashes) == 0)
                return false;

        if ((is_nothing || is_bounce(s, hash, now_usec)) && !is_confirmed(s, hash, now_usec))
                return false;

        return change(p, s, policy, &f, now_usec);
}

void oap_policies_apply(OapPolicies *p, usec_t now_usec) {
        bool changed = false;

        assert(p);

        for (size_t i = 0; i < p->answer.n_policies; i++) {
                const OapServicePolicy *policy = p->answer.policies + i;
                OapService *s = oap_policies_find(p, policy->service);

                if (!s || !s->is_asked)
                        continue; /* not ours, or twice in one answer */

                s->is_asked = false;
                changed = apply_one(p, s, policy, now_usec) || changed;
        }

        if (p->answer.n_refused > 0 && ratelimit_below(&p->answer_limit, now_usec))
                log_warning("Policies of %zu services in an answer of OAP cannot be read, ignoring them.",
                            p->answer.n_refused);

        if (!changed)
                return;

        p->is_dirty = true;
        p->save_usec = 0;
        p->events.changed(p->events.userdata);
}
