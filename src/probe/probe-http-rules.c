/* SPDX-License-Identifier: Apache-2.0 */
/* Automata on their way to the kernel. */
#include "probe/probe-http-rules.h"

#include "basic/cleanup.h"

#include <string.h>

static void give_group(HttpRuleSet *s, HttpMaps *m, unsigned i) {
        shared_array_give(&m->next, s->next + i);
        shared_array_give(&m->accepts, s->accepts + i);
        shared_array_give(&m->classes, s->classes + i);
}

/* The programs trust what they read there, within the bounds of the arenas. */
static bool automaton_is_sound(const HttpAutomaton *a) {
        uint64_t n_next = (uint64_t) a->n_states * a->n_classes;

        if (a->n_states == 0 || a->n_classes == 0 || a->n_classes > 256 || a->n_accepts == 0)
                return false;
        if (n_next > UINT32_MAX || (a->start & ~CPROF_HTTP_ABSORBING) >= n_next)
                return false;

        for (unsigned i = 0; i < 256; i++)
                if (a->classes[i] >= a->n_classes)
                        return false;

        for (uint64_t i = 0; i < n_next; i++) {
                uint32_t to = a->next[i] & ~CPROF_HTTP_ABSORBING;

                if (i % a->n_classes == 0 ? a->next[i] >= a->n_accepts
                                          : to >= n_next || to % a->n_classes != 0)
                        return false;
        }

        return true;
}

/* The programs see it when a process refers to the group. */
static int write_group(const HttpRuleSet *s, HttpMaps *m, unsigned i, const HttpAutomaton *a) {
        SharedPart next = {}, accepts = {}, classes = {};
        int r;

        r = shared_array_open(&m->next, s->next + i, &next);
        if (r >= 0)
                r = shared_array_open(&m->accepts, s->accepts + i, &accepts);
        if (r >= 0)
                r = shared_array_open(&m->classes, s->classes + i, &classes);
        if (r >= 0) {
                for (uint32_t j = 0; j < s->next[i].n; j++)
                        ((HttpTransition *) next.data)[j].to = a->next[j];
                memcpy(accepts.data, a->accepts, a->n_accepts * sizeof(a->accepts[0]));
                memcpy(classes.data, a->classes, sizeof(a->classes));
        }

        shared_part_close(&next);
        shared_part_close(&accepts);
        shared_part_close(&classes);
        return r;
}

static int take_group(HttpRuleSet *s, HttpMaps *m, unsigned i, const HttpAutomaton *a) {
        uint32_t n_next = a->n_states * a->n_classes;
        int r;

        r = shared_array_take(&m->next, n_next, s->next + i);
        if (r >= 0)
                r = shared_array_take(&m->accepts, a->n_accepts, s->accepts + i);
        if (r >= 0)
                r = shared_array_take(&m->classes, 1, s->classes + i);
        if (r >= 0)
                r = write_group(s, m, i, a);
        if (r < 0) {
                give_group(s, m, i);
                return r;
        }

        s->groups[i] = (struct cprof_http_group){
                .next = s->next[i].first,
                .n_next = n_next,
                .accepts = s->accepts[i].first,
                .n_accepts = a->n_accepts,
                .start = a->start,
                .classes = s->classes[i].first,
        };
        return 0;
}

static int fill_set(HttpRuleSet *s, HttpMaps *m, const HttpRules *rules) {
        int r;

        *s = (HttpRuleSet){ .n_rules = rules->n_rules, .all = rules->all };
        for (unsigned i = 0; i < rules->n_groups; i++) {
                r = take_group(s, m, i, rules->groups + i);
                if (r < 0) {
                        while (i-- > 0)
                                give_group(s, m, i);
                        return r;
                }
        }

        s->n_groups = rules->n_groups;
        s->is_used = true;
        return 0;
}

static bool rules_are_sound(const HttpRules *rules) {
        if (rules->n_rules == 0 || rules->n_rules > CPROF_HTTP_RULES_MAX ||
            rules->n_groups > CPROF_HTTP_GROUPS_MAX)
                return false;
        if (rules->n_rules < 64 && rules->all >> rules->n_rules != 0)
                return false;

        for (unsigned i = 0; i < rules->n_groups; i++)
                if (!automaton_is_sound(rules->groups + i))
                        return false;

        return true;
}

static int reserve_set(HttpRuleList *l, size_t *ret_index) {
        HttpRuleSet *sets;

        for (size_t i = 0; i < l->n; i++)
                if (!l->sets[i].is_used) {
                        *ret_index = i;
                        return 0;
                }

        if (l->n >= HTTP_RULE_SETS_MAX)
                return -ENOSPC;

        sets = reallocarray(l->sets, l->n + 1, sizeof(*sets));
        if (!sets)
                return -ENOMEM;

        sets[l->n] = (HttpRuleSet){};
        l->sets = sets;
        *ret_index = l->n++;
        return 0;
}

int http_rule_list_add(HttpRuleList *l, HttpMaps *m, const HttpRules *rules, uint32_t *ret_rules) {
        size_t i;
        int r;

        if (!rules_are_sound(rules))
                return -EINVAL;

        r = reserve_set(l, &i);
        if (r < 0)
                return r;

        r = fill_set(l->sets + i, m, rules);
        if (r < 0)
                return r;

        l->n_used++;
        *ret_rules = (uint32_t) i;
        return 0;
}

HttpRuleSet *http_rule_list_find(const HttpRuleList *l, uint32_t rules) {
        return rules < l->n && l->sets[rules].is_used ? l->sets + rules : NULL;
}

void http_rule_list_remove(HttpRuleList *l, HttpMaps *m, uint32_t rules) {
        HttpRuleSet *s = http_rule_list_find(l, rules);

        assert(s && s->n_users == 0);

        for (unsigned i = 0; i < s->n_groups; i++)
                give_group(s, m, i);

        *s = (HttpRuleSet){};
        l->n_used--;
}

void http_rule_list_done(HttpRuleList *l) {
        free(l->sets);
        *l = (HttpRuleList){};
}
