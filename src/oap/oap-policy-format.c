/* SPDX-License-Identifier: Apache-2.0 */
/* One target of one service of OAP's as a policy of ours. */
#include "oap/oap-policy-draft.h"

#include "basic/profile-kind.h"
#include "basic/strv.h"
#include "basic/utf8.h"
#include "policy/policy-pattern.h"
#include "policy/policy-service.h"
#include "policy/policy-uri.h"
#include "policy/uri-match.h"

#include <string.h>

static int compare_triggers(const void *a, const void *b) {
        const PolicyTrigger *x = a, *y = b;
        int r;

        if (x->metric != y->metric)
                return x->metric < y->metric ? -1 : 1;
        if (x->uri.kind != y->uri.kind)
                return x->uri.kind < y->uri.kind ? -1 : 1;
        r = strcmp(x->uri.text ?: "", y->uri.text ?: "");
        if (r != 0)
                return r;
        if (x->threshold != y->threshold)
                return x->threshold < y->threshold ? -1 : 1;
        if (x->period_sec != y->period_sec)
                return x->period_sec < y->period_sec ? -1 : 1;

        return x->count < y->count ? -1 : x->count > y->count;
}

static int drop_trigger(OapDraft *d, size_t i, const char *reason) {
        Policy *p = &d->policy;
        const UriRule *uri = &p->triggers[i].uri;
        int r;

        r = oap_draft_refuse_value(
                        d, uri->kind == URI_RULE_EXACT ? "URIList" : "URIRegex", uri->text, reason);

        policy_trigger_done(p->triggers + i);
        p->n_triggers--;
        memmove(p->triggers + i, p->triggers + i + 1, (p->n_triggers - i) * sizeof(p->triggers[0]));
        return r;
}

/* Leaves out what the kernel cannot have together with the rest. */
static int drop_complex(OapDraft *d) {
        UriRule rules[POLICY_TRIGGERS_MAX];
        char *reasons[POLICY_TRIGGERS_MAX] = {};
        Policy *p = &d->policy;
        size_t at[POLICY_TRIGGERS_MAX], n = 0;
        int r;

        r = policy_check_uris(p, NULL);
        if (r != -EINVAL && r != -E2BIG)
                return r;

        for (size_t i = 0; i < p->n_triggers; i++)
                if (p->triggers[i].uri.kind != URI_RULE_ALL) {
                        at[n] = i;
                        rules[n++] = p->triggers[i].uri;
                }

        r = uri_rules_select(rules, n, reasons);
        d->type = NULL;
        while (n-- > 0) { /* from the end, so that indexes stay */
                if (r >= 0 && reasons[n])
                        r = drop_trigger(d, at[n], reasons[n]);
                free(reasons[n]);
        }

        return r < 0 ? r : 0;
}

static int write_text(const OapDraft *d, char **ret_text) {
        _cleanup_(freep) char *text = NULL;
        int r;

        r = policy_format(&d->policy, &text);
        if (r < 0)
                return r;

        if (asprintf(ret_text,
                     "# What SkyWalking's OAP says, written anew when that changes: do not edit.\n%s",
                     text) < 0)
                return -ENOMEM;

        return 0;
}

/* 1: the target is one that can be recorded. */
static int check_target(OapDraft *d, size_t n_items) {
        const char *problem = NULL;

        if (n_items == 0)
                return 0;
        if (profile_kind_from_string(oap_target_to_kind(d->target)) < 0)
                return oap_draft_refuse(d, "%s profiling is not built", oap_target_to_string(d->target));

        if (!utf8_is_valid(d->service, strlen(d->service)))
                problem = "not valid UTF-8";
        else if (strlen(d->service) > POLICY_SERVICE_BYTES_MAX)
                problem = "longer than a policy can name it";
        return problem ? oap_draft_refuse(d, "the service's name is %s", problem) : 1;
}

static int build(OapDraft *d, const OapServicePolicy *policy, char **ret_text, unsigned *ret_n_items) {
        unsigned n_items = 0;
        size_t n = 0;
        int r;

        for (size_t i = 0; i < policy->n_items; i++)
                n += policy->items[i].target == d->target;

        r = check_target(d, n);
        if (r <= 0)
                return r;

        r = oap_draft_add_items(d, policy, &n_items);
        if (r >= 0)
                r = drop_complex(d);
        if (r < 0 || d->policy.n_triggers == 0)
                return r;

        qsort(d->policy.triggers, d->policy.n_triggers, sizeof(d->policy.triggers[0]), compare_triggers);
        *ret_n_items = n_items;
        return write_text(d, ret_text);
}

int oap_policy_build(
                const OapServicePolicy *policy,
                OapTarget target,
                char **ret_text,
                unsigned *ret_n_items,
                char ***refused) {
        static char *no_patterns[] = { NULL };
        char *services[] = { policy->service, NULL };
        OapDraft d = {
                .service = policy->service,
                .target = target,
                .policy = {
                        .units = no_patterns,
                        .slices = no_patterns,
                        .exes = no_patterns,
                        .users = no_patterns,
                        .services = services,
                        .duration_usec = POLICY_DURATION_DEFAULT,
                        .silence_usec = POLICY_SILENCE_DEFAULT,
                        .scope = POLICY_SCOPE_PROCESS,
                },
                .refused = refused,
        };
        int r;

        *ret_text = NULL;
        *ret_n_items = 0;
        r = profile_kind_from_string(oap_target_to_kind(target));
        d.policy.kinds = r >= 0 ? PROFILE_KIND_BIT(r) : 0;

        r = build(&d, policy, ret_text, ret_n_items);
        policy_drop_triggers(&d.policy);
        if (r >= 0 && d.n_more > 0)
                r = strv_pushf(refused,
                               "%s: %s: %zu more like these",
                               policy->service,
                               oap_target_to_string(target),
                               d.n_more);

        return r < 0 ? r : 0;
}

int oap_policy_format(
                const OapServicePolicy *policy, OapTarget target, char **ret_text, char ***ret_refused) {
        _cleanup_(strv_freep) char **refused = NULL;
        _cleanup_(freep) char *text = NULL;
        unsigned n_items;
        int r;

        assert(policy);
        assert(target >= 0 && target < _OAP_TARGET_MAX);
        assert(ret_text);
        assert(ret_refused);

        r = oap_policy_build(policy, target, &text, &n_items, &refused);
        if (r < 0)
                return r;

        *ret_text = TAKE_PTR(text);
        *ret_refused = TAKE_PTR(refused);
        return 0;
}
