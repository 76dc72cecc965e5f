/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/http-rule-sets.h"

#include "basic/cleanup.h"

#include <stdlib.h>

static HttpRuleSet *set_free(HttpRuleSet *s) {
        if (!s)
                return NULL;

        for (size_t i = 0; i < s->n_rules; i++)
                free(s->rules[i].text);
        free(s->rules);
        free(s->key);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(HttpRuleSet *, set_free)

/* Kind and text of each, ended by NUL: no two lists have the same. */
static int make_key(const UriRule *rules, size_t n, char **ret_key, size_t *ret_length) {
        size_t length = 0;
        char *key, *p;

        for (size_t i = 0; i < n; i++)
                length += 2 + (rules[i].text ? strlen(rules[i].text) : 0);

        p = key = malloc(length + 1);
        if (!key)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                *p++ = (char) ('0' + rules[i].kind);
                p = stpcpy(p, rules[i].text ?: "") + 1;
        }

        *ret_key = key;
        *ret_length = length;
        return 0;
}

static int copy_rules(HttpRuleSet *s, const UriRule *rules, size_t n) {
        s->rules = calloc(n, sizeof(s->rules[0]));
        if (!s->rules)
                return -ENOMEM;

        for (; s->n_rules < n; s->n_rules++) {
                s->rules[s->n_rules].kind = rules[s->n_rules].kind;
                if (!rules[s->n_rules].text)
                        continue;

                s->rules[s->n_rules].text = strdup(rules[s->n_rules].text);
                if (!s->rules[s->n_rules].text)
                        return -ENOMEM;
        }

        return 0;
}

int http_rule_sets_get(
                HttpRuleSet **sets,
                Probe *probe,
                const UriRule *rules,
                size_t n_rules,
                const HttpRules *compiled,
                HttpRuleSet **ret_set) {
        _cleanup_(set_freep) HttpRuleSet *s = NULL;
        HttpRuleSet *known;
        int r;

        assert(n_rules > 0 && n_rules <= CPROF_HTTP_RULES_MAX);
        assert(compiled->n_rules == n_rules);

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        r = make_key(rules, n_rules, &s->key, &s->key_length);
        if (r < 0)
                return r;

        HASH_FIND(hh, *sets, s->key, s->key_length, known);
        if (known) {
                known->n_ref++;
                *ret_set = known;
                return 0;
        }

        r = copy_rules(s, rules, n_rules);
        if (r < 0)
                return r;

        r = probe_http_rules_add(probe, compiled, &s->id);
        if (r < 0)
                return r;

        HASH_ADD_KEYPTR(hh, *sets, s->key, s->key_length, s);
        if (!HASH_ADDED(s)) {
                probe_http_rules_remove(probe, s->id);
                return -ENOMEM;
        }

        s->n_ref = 1;
        *ret_set = TAKE_PTR(s);
        return 0;
}

void http_rule_sets_put(HttpRuleSet **sets, Probe *probe, HttpRuleSet *set) {
        if (!set || --set->n_ref > 0)
                return;

        probe_http_rules_remove(probe, set->id);
        HASH_DELETE(hh, *sets, set);
        set_free(set);
}

bool http_rule_set_equal(const HttpRuleSet *s, const UriRule *rules, size_t n_rules) {
        if (s->n_rules != n_rules)
                return false;

        for (size_t i = 0; i < n_rules; i++)
                if (!uri_rule_equal(s->rules + i, rules + i))
                        return false;

        return true;
}

int http_rule_set_find(const HttpRuleSet *s, const UriRule *rule) {
        for (size_t i = 0; i < s->n_rules; i++)
                if (uri_rule_equal(s->rules + i, rule))
                        return (int) i;

        return -1;
}
