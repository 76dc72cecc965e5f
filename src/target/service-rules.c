/* SPDX-License-Identifier: Apache-2.0 */
/* The [Service] sections as values. */
#include "target/identity.h"

#include "basic/strv.h"

void service_rule_done(ServiceRule *r) {
        char ***lists[] = { &r->units, &r->slices, &r->exes, &r->users, &r->properties };
        char **texts[] = { &r->layer, &r->service, &r->instance, &r->process, &r->where };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                *lists[i] = strv_free(*lists[i]);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                free(*texts[i]);
                *texts[i] = NULL;
        }
}

int service_rule_init(ServiceRule *r, const char *where) {
        assert(r);

        *r = (ServiceRule){
                .is_registered = true,
                .layer = strdup("GENERAL"),
                .service = strdup("%N"),
                .instance = strdup("%H"),
                .process = strdup("%P"),
                .where = strdup(where),
        };
        if (r->layer && r->service && r->instance && r->process && r->where)
                return 0;

        service_rule_done(r);
        return -ENOMEM;
}

void service_rules_done(ServiceRules *r) {
        for (size_t i = 0; i < r->n_rules; i++)
                service_rule_done(r->rules + i);
        free(r->rules);
        *r = (ServiceRules){};
}

int service_rules_push(ServiceRules *r, ServiceRule *rule) {
        ServiceRule *grown = NULL;

        assert(r);
        assert(rule);

        if (r->n_rules < SERVICE_RULES_MAX)
                grown = reallocarray(r->rules, r->n_rules + 1, sizeof(grown[0]));
        if (!grown) {
                service_rule_done(rule);
                return r->n_rules < SERVICE_RULES_MAX ? -ENOMEM : -E2BIG;
        }

        grown[r->n_rules++] = *rule;
        r->rules = grown;
        *rule = (ServiceRule){};
        return 0;
}

int service_rules_default(ServiceRules *r) {
        ServiceRule rule;
        int k;

        service_rules_done(r);

        k = service_rule_init(&rule, "default");
        if (k >= 0)
                k = strv_pushf(&rule.units, "*.service");
        if (k < 0) {
                service_rule_done(&rule);
                return k;
        }

        return service_rules_push(r, &rule);
}

static bool lists_equal(char *const *a, char *const *b) {
        size_t n = strv_length(a);

        if (strv_length(b) != n)
                return false;

        for (size_t i = 0; i < n; i++)
                if (strcmp(a[i], b[i]) != 0)
                        return false;

        return true;
}

static bool rule_equal(const ServiceRule *a, const ServiceRule *b) {
        return a->is_registered == b->is_registered && a->is_unit_scope == b->is_unit_scope &&
                        strcmp(a->layer, b->layer) == 0 && strcmp(a->service, b->service) == 0 &&
                        strcmp(a->instance, b->instance) == 0 && strcmp(a->process, b->process) == 0 &&
                        lists_equal(a->units, b->units) && lists_equal(a->slices, b->slices) &&
                        lists_equal(a->exes, b->exes) && lists_equal(a->users, b->users) &&
                        lists_equal(a->properties, b->properties);
}

bool service_rules_equal(const ServiceRules *a, const ServiceRules *b) {
        assert(a);
        assert(b);

        if (a->n_rules != b->n_rules || a->is_given != b->is_given)
                return false;

        for (size_t i = 0; i < a->n_rules; i++)
                if (!rule_equal(a->rules + i, b->rules + i))
                        return false;

        return true;
}
