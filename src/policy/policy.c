/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include "policy/policy-pattern.h"

#include <string.h>

static const char *const scope_names[] = {
        [POLICY_SCOPE_PROCESS] = "process",
        [POLICY_SCOPE_UNIT] = "unit",
};

const char *policy_scope_to_string(PolicyScope s) {
        return s >= 0 && s < _POLICY_SCOPE_MAX ? scope_names[s] : NULL;
}

int policy_scope_from_string(const char *name) {
        assert(name);

        for (int i = 0; i < _POLICY_SCOPE_MAX; i++)
                if (strcmp(scope_names[i], name) == 0)
                        return i;

        return -EINVAL;
}

void policy_trigger_done(PolicyTrigger *t) {
        assert(t);

        free(t->uri.text);
        *t = (PolicyTrigger){};
}

void policy_drop_triggers(Policy *p) {
        assert(p);

        for (size_t i = 0; i < p->n_triggers; i++)
                policy_trigger_done(p->triggers + i);
        free(p->triggers);

        p->triggers = NULL;
        p->n_triggers = 0;
}

Policy *policy_ref(Policy *p) {
        if (p)
                p->n_ref++;

        return p;
}

Policy *policy_unref(Policy *p) {
        if (!p)
                return NULL;

        assert(p->n_ref > 0);
        if (--p->n_ref > 0)
                return NULL;

        free(p->name);
        free(p->description);
        policy_patterns_free(p->units);
        policy_patterns_free(p->slices);
        policy_patterns_free(p->exes);
        policy_patterns_free(p->users);
        policy_patterns_free(p->services);
        policy_drop_triggers(p);
        free(p);
        return NULL;
}

bool policy_name_is_valid(const char *name) {
        static const char valid[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.@\\";

        if (!name || name[0] == '\0' || name[0] == '.')
                return false;

        return strnlen(name, POLICY_NAME_MAX + 1) <= POLICY_NAME_MAX && name[strspn(name, valid)] == '\0';
}

bool policy_trigger_equal(const PolicyTrigger *a, const PolicyTrigger *b) {
        assert(a);
        assert(b);

        return a->metric == b->metric && a->threshold == b->threshold && a->period_sec == b->period_sec &&
                        a->count == b->count && uri_rule_equal(&a->uri, &b->uri);
}

/* The parser leaves duplicates out, so that as many, and each of one in the other, is the same set. */
static bool triggers_equal(const Policy *a, const Policy *b) {
        if (a->n_triggers != b->n_triggers)
                return false;

        for (size_t i = 0; i < a->n_triggers; i++) {
                bool found = false;

                for (size_t j = 0; j < b->n_triggers && !found; j++)
                        found = policy_trigger_equal(&a->triggers[i], &b->triggers[j]);
                if (!found)
                        return false;
        }

        return true;
}

bool policy_equal(const Policy *a, const Policy *b) {
        if (a == b)
                return true;
        if (!a || !b)
                return false;

        return strcmp(a->name, b->name) == 0 && strcmp(a->description ?: "", b->description ?: "") == 0 &&
                        a->kinds == b->kinds && a->duration_usec == b->duration_usec &&
                        a->silence_usec == b->silence_usec && a->scope == b->scope &&
                        policy_patterns_equal(a->units, b->units) &&
                        policy_patterns_equal(a->slices, b->slices) &&
                        policy_patterns_equal(a->exes, b->exes) &&
                        policy_patterns_equal(a->users, b->users) &&
                        policy_patterns_equal(a->services, b->services) && triggers_equal(a, b);
}
