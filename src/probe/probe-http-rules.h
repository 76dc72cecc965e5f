/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/http-rules.h"
#include "probe/probe-http-maps.h"

#define HTTP_RULE_SETS_MAX 4096U

/* Rules as they were added: their automata are in the arenas. */
typedef struct HttpRuleSet {
        bool is_used;
        unsigned n_users; /* processes that have them */
        unsigned n_rules, n_groups;
        uint64_t all;
        struct cprof_http_group groups[CPROF_HTTP_GROUPS_MAX];
        Place next[CPROF_HTTP_GROUPS_MAX], accepts[CPROF_HTTP_GROUPS_MAX], classes[CPROF_HTTP_GROUPS_MAX];
} HttpRuleSet;

/* Embedded, all zero without any. */
typedef struct HttpRuleList {
        HttpRuleSet *sets; /* by number; those in use are n_used */
        size_t n, n_used;
} HttpRuleList;

/* Takes places in @m, which is made. -EINVAL for rules that contradict themselves, -ENOSPC, -ENOMEM. */
int http_rule_list_add(HttpRuleList *l, HttpMaps *m, const HttpRules *rules, uint32_t *ret_rules);
void http_rule_list_remove(HttpRuleList *l, HttpMaps *m, uint32_t rules);
HttpRuleSet *http_rule_list_find(const HttpRuleList *l, uint32_t rules); /* NULL: no such */
void http_rule_list_done(HttpRuleList *l);
