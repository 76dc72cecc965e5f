/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-uri.h"

#include "basic/words.h"
#include "policy/policy-message.h"
#include "policy/uri-match.h"

#include <string.h>

/* Each trigger has one rule at most, so that the rules of a policy always have numbers. */
_Static_assert(POLICY_TRIGGERS_MAX <= CPROF_HTTP_RULES_MAX, "a process may have the rules of a policy");

void uri_rules_done(UriRules *u) {
        assert(u);

        for (size_t i = 0; i < u->n; i++)
                free(u->rules[i].text);
        free(u->rules);

        *u = (UriRules){};
}

static int add_rule(UriRules *u, UriRuleKind kind, const char *text) {
        UriRule *grown;
        char *copy;

        grown = reallocarray(u->rules, u->n + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        u->rules = grown;

        copy = strdup(text);
        if (!copy)
                return -ENOMEM;

        grown[u->n++] = (UriRule){ .kind = kind, .text = copy };
        return 0;
}

static int check_path(const char *path, char **reterr_what) {
        char shown[POLICY_VALUE_SHOWN_MAX + 4];

        if (strlen(path) > CPROF_HTTP_URI_MAX)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "%s is longer than %u bytes",
                                policy_value_shown(path, shown),
                                CPROF_HTTP_URI_MAX);
        if (strcmp(path, "*") == 0) /* of "OPTIONS *"; RFC 9112, 3.2.4 */
                return 0;
        if (path[0] != '/')
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "expected paths that begin with '/', without the host, not '%s'",
                                policy_value_shown(path, shown));
        if (strpbrk(path, "?#"))
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "the query is not part of what is matched, write '%.*s'",
                                (int) strcspn(policy_value_shown(path, shown), "?#"),
                                shown);
        for (const char *p = path; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return policy_refuse(-EINVAL, reterr_what, "control character in a path");

        return 0;
}

static int add_path(UriRules *u, const char *path, char **reterr_what) {
        int r;

        r = check_path(path, reterr_what);
        if (r < 0)
                return r;

        for (size_t i = 0; i < u->n; i++)
                if (strcmp(u->rules[i].text, path) == 0)
                        return 0;

        if (u->n >= POLICY_TRIGGERS_MAX)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "more than %u paths, a regular expression may say the same",
                                POLICY_TRIGGERS_MAX);

        return add_rule(u, URI_RULE_EXACT, path);
}

int uri_rules_add_paths(UriRules *u, const char *value, char **reterr_what) {
        _cleanup_(freep) char **words = NULL;
        int r;

        assert(u);
        assert(value);

        r = words_split(value, strlen(value), &words); /* as many as there can be */
        for (char **w = words; r >= 0 && w && *w; w++)
                r = add_path(u, *w, reterr_what);

        return r < 0 ? r : 0;
}

int uri_rules_set_regex(UriRules *u, const char *value, char **reterr_what) {
        const UriRule rule = { .kind = URI_RULE_REGEX, .text = (char *) value };
        _cleanup_(freep) char *why = NULL;
        UriRules fresh = {};
        int r;

        assert(u);
        assert(value);

        r = uri_rule_check(&rule, &why);
        if (r == -EINVAL || r == -E2BIG)
                return policy_refuse(-EINVAL, reterr_what, "%s", why ?: "not a regular expression");
        if (r >= 0)
                r = add_rule(&fresh, URI_RULE_REGEX, value);
        if (r < 0) {
                uri_rules_done(&fresh);
                return r;
        }

        uri_rules_done(u);
        *u = fresh;
        return 0;
}

int uri_rules_to_triggers(
                UriRules *u, const PolicyTrigger *values, PolicyTrigger **ret_triggers, size_t *ret_n) {
        PolicyTrigger *triggers;
        size_t n;

        assert(u);
        assert(values);
        assert(ret_triggers);
        assert(ret_n);

        n = MAX_OF(u->n, (size_t) 1);
        triggers = calloc(n, sizeof(*triggers));
        if (!triggers)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                triggers[i] = *values;
                triggers[i].uri = i < u->n ? u->rules[i] : (UriRule){};
        }

        u->n = 0; /* their texts have an owner now */
        uri_rules_done(u);

        *ret_triggers = triggers;
        *ret_n = n;
        return 0;
}

/* "URIRegex=^/api/: what" */
static int refuse_rule(const UriRule *rule, const char *why, char **reterr_what) {
        char shown[POLICY_VALUE_SHOWN_MAX + 4];

        return policy_refuse(
                        -EINVAL,
                        reterr_what,
                        "%s=%s: %s",
                        rule->kind == URI_RULE_EXACT ? "URI" : "URIRegex",
                        policy_value_shown(rule->text, shown),
                        why ?: "too complex together with the others");
}

int policy_check_uris(const Policy *p, char **reterr_what) {
        _cleanup_(uri_match_freep) UriMatch *match = NULL;
        UriRule rules[POLICY_TRIGGERS_MAX]; /* borrowed texts */
        _cleanup_(freep) char *why = NULL;
        size_t n = 0, size = 0, bad = 0;
        int r;

        assert(p);

        for (size_t i = 0; i < p->n_triggers; i++) {
                const UriRule *uri = &p->triggers[i].uri;
                bool known = uri->kind == URI_RULE_ALL;

                size += known ? 0 : strlen(uri->text);
                for (size_t k = 0; k < n && !known; k++)
                        known = uri_rule_equal(rules + k, uri);
                if (!known)
                        rules[n++] = *uri;
        }

        if (size > POLICY_URIS_SIZE_MAX)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "URI= and URIRegex= of all triggers are longer than %u KiB together",
                                POLICY_URIS_SIZE_MAX / 1024);
        if (n == 0)
                return 0;

        r = uri_match_new(rules, n, &match, &bad, &why);
        if (r == -EINVAL || r == -E2BIG)
                return refuse_rule(rules + MIN_OF(bad, n - 1), why, reterr_what);

        return r;
}
