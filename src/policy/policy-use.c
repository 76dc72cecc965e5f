/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-use.h"

#include <string.h>

void policy_uses_done(PolicyUses *u) {
        assert(u);

        for (size_t i = 0; i < u->n_uses; i++)
                policy_unref(u->uses[i].policy);
        free(u->uses);

        *u = (PolicyUses){};
}

/* Where the policy of that name is or would have to be. */
static size_t find_position(const PolicyUses *u, const char *name, bool *ret_found) {
        size_t low = 0, high = u->n_uses;

        *ret_found = false;
        while (low < high && !*ret_found) {
                size_t middle = low + (high - low) / 2;
                int c = strcmp(u->uses[middle].policy->name, name);

                if (c < 0)
                        low = middle + 1;
                else
                        high = middle;
                if (c == 0) {
                        *ret_found = true;
                        low = middle;
                }
        }

        return low;
}

PolicyUse *policy_uses_find(const PolicyUses *u, const char *name) {
        bool found;
        size_t i;

        assert(u);
        assert(name);

        i = find_position(u, name, &found);
        return found ? u->uses + i : NULL;
}

int policy_uses_put(PolicyUses *u, Policy *p, PolicyUse **ret_use) {
        PolicyUse *uses;
        bool found;
        size_t i;

        assert(u);
        assert(p);
        assert(ret_use);

        i = find_position(u, p->name, &found);
        if (found) {
                Policy *old = u->uses[i].policy;

                u->uses[i].policy = policy_ref(p);
                policy_unref(old);

                *ret_use = u->uses + i;
                return 0;
        }

        uses = reallocarray(u->uses, u->n_uses + 1, sizeof(*uses));
        if (!uses)
                return -ENOMEM;

        memmove(uses + i + 1, uses + i, (u->n_uses - i) * sizeof(*uses));
        uses[i] = (PolicyUse){ .policy = policy_ref(p) };
        u->uses = uses;
        u->n_uses++;

        *ret_use = uses + i;
        return 0;
}

void policy_uses_drop(PolicyUses *u, PolicyUse *use) {
        Policy *dropped;

        assert(u);
        assert(use >= u->uses && use < u->uses + u->n_uses);

        dropped = use->policy;
        u->n_uses--;
        memmove(use, use + 1, (size_t) (u->uses + u->n_uses - use) * sizeof(*use));
        policy_unref(dropped);
}
