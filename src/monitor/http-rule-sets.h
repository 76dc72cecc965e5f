/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/hash.h"
#include "monitor/uri-rule.h"
#include "probe/probe.h"

/* Lists of URI rules that are in the kernel, each once however many processes have it. */
typedef struct HttpRuleSet {
        UriRule *rules; /* a copy */
        size_t n_rules;
        uint32_t id;    /* of probe_http_rules_add() */
        unsigned n_ref; /* processes */
        char *key;      /* the rules as one string of key_length bytes */
        size_t key_length;
        UT_hash_handle hh; /* by key */
} HttpRuleSet;

/* The set of these rules, in the kernel from now on, with one more reference. Errors of
 * probe_http_rules_add(), -ENOMEM. */
int http_rule_sets_get(
                HttpRuleSet **sets,
                Probe *probe,
                const UriRule *rules,
                size_t n_rules,
                const HttpRules *compiled,
                HttpRuleSet **ret_set);
/* The last reference takes it out of the kernel. NULL is fine. */
void http_rule_sets_put(HttpRuleSet **sets, Probe *probe, HttpRuleSet *set);

bool http_rule_set_equal(const HttpRuleSet *s, const UriRule *rules, size_t n_rules);
/* Its number in the set, -1 for none. */
int http_rule_set_find(const HttpRuleSet *s, const UriRule *rule);
