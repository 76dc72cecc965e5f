/* SPDX-License-Identifier: Apache-2.0 */
/* [Service] sections of cprofd.conf. */
#include "config-service.h"

#include "basic/parse.h"
#include "basic/strv.h"
#include "policy/policy-message.h"
#include "policy/policy-pattern.h"

#include <string.h>

#define LAYER_LENGTH_MAX 64U

int service_draft_open(ServiceDraft *d, const char *path, unsigned line) {
        _cleanup_(freep) char *where = NULL;
        int r;

        assert(d && d->line == 0);

        if (asprintf(&where, "%s:%u", path, line) < 0) {
                where = NULL;
                return -ENOMEM;
        }

        *d = (ServiceDraft){ .line = line };
        r = service_rule_init(&d->rule, where);
        if (r < 0)
                d->line = 0;
        return r;
}

void service_draft_done(ServiceDraft *d) {
        service_rule_done(&d->rule);
        *d = (ServiceDraft){};
}

static int set_patterns(PatternKind kind, const char *value, char ***list, char **reterr_what) {
        if (*value == '\0') {
                *list = strv_free(*list);
                return 0;
        }

        if (!*list)
                *list = policy_patterns_new();
        return *list ? policy_patterns_add(kind, value, list, reterr_what) : -ENOMEM;
}

static int set_unit(ServiceRule *r, const char *value, char **reterr_what) {
        return set_patterns(PATTERN_UNIT, value, &r->units, reterr_what);
}

static int set_slice(ServiceRule *r, const char *value, char **reterr_what) {
        return set_patterns(PATTERN_SLICE, value, &r->slices, reterr_what);
}

static int set_exe(ServiceRule *r, const char *value, char **reterr_what) {
        return set_patterns(PATTERN_EXE, value, &r->exes, reterr_what);
}

static int set_user(ServiceRule *r, const char *value, char **reterr_what) {
        return set_patterns(PATTERN_USER, value, &r->users, reterr_what);
}

static int set_register(ServiceRule *r, const char *value, char **reterr_what) {
        if (parse_bool(*value ? value : "yes", &r->is_registered) < 0)
                return policy_refuse(-EINVAL, reterr_what, "expected yes or no");

        return 0;
}

static int set_scope(ServiceRule *r, const char *value, char **reterr_what) {
        static const char *const known[] = { "process", "unit", NULL };

        if (*value && strcmp(value, "process") != 0 && strcmp(value, "unit") != 0)
                return policy_refuse_unknown("scope", value, known, "", reterr_what);

        r->is_unit_scope = strcmp(value, "unit") == 0;
        return 0;
}

static int replace(char **field, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;

        free(*field);
        *field = copy;
        return 0;
}

static int set_layer(ServiceRule *r, const char *value, char **reterr_what) {
        static const char valid[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
        const char *layer = *value ? value : "GENERAL";

        if (layer[strspn(layer, valid)] != '\0' || strlen(layer) > LAYER_LENGTH_MAX)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "expected a layer of SkyWalking in capitals such as GENERAL or MESH");

        return replace(&r->layer, layer);
}

static int check_template(const char *text, char **reterr_what) {
        char specifier;

        if (strlen(text) > IDENTITY_TEMPLATE_BYTES_MAX)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "expected a text of at most %u bytes",
                                IDENTITY_TEMPLATE_BYTES_MAX);
        if (identity_template_is_valid(text, &specifier))
                return 0;
        if (specifier == '\0')
                return policy_refuse(
                                -EINVAL, reterr_what, "'%%' at the end, expected %%%% for the character");
        if ((unsigned char) specifier <= ' ' || (unsigned char) specifier > '~')
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "'%%' without a specifier, one of " IDENTITY_SPECIFIERS);

        return policy_refuse(
                        -EINVAL,
                        reterr_what,
                        "unknown specifier %%%c, expected one of " IDENTITY_SPECIFIERS,
                        specifier);
}

static int set_name(char **field, const char *value, const char *otherwise, char **reterr_what) {
        int r;

        r = check_template(value, reterr_what);
        return r < 0 ? r : replace(field, *value ? value : otherwise);
}

static int set_service(ServiceRule *r, const char *value, char **reterr_what) {
        return set_name(&r->service, value, "%N", reterr_what);
}

static int set_instance(ServiceRule *r, const char *value, char **reterr_what) {
        return set_name(&r->instance, value, "%H", reterr_what);
}

static int set_process(ServiceRule *r, const char *value, char **reterr_what) {
        return set_name(&r->process, value, "%P", reterr_what);
}

/* The place of a property called as @assignment, or the end. */
static size_t find_property(char *const *properties, const char *assignment, size_t key_length) {
        size_t i = 0;

        for (; properties && properties[i]; i++)
                if (strncmp(properties[i], assignment, key_length + 1) == 0)
                        break;

        return i;
}

static int set_property(ServiceRule *r, const char *value, char **reterr_what) {
        const char *equals = strchr(value, '=');
        size_t key_length = equals ? (size_t) (equals - value) : 0, i;
        int k;

        if (*value == '\0') {
                r->properties = strv_free(r->properties);
                return 0;
        }

        if (key_length == 0 || key_length > IDENTITY_PROPERTY_KEY_BYTES_MAX ||
            strcspn(value, " \t") < key_length)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "expected KEY=VALUE with a key of 1 to %u bytes without blanks",
                                IDENTITY_PROPERTY_KEY_BYTES_MAX);
        if (strncmp(value, "support_ebpf_profiling=", key_length + 1) == 0)
                return policy_refuse(-EINVAL, reterr_what, "cprofd itself says that");

        k = check_template(equals + 1, reterr_what);
        if (k < 0)
                return k;

        i = find_property(r->properties, value, key_length);
        if (r->properties && r->properties[i])
                return replace(r->properties + i, value);
        if (i >= IDENTITY_PROPERTIES_MAX)
                return policy_refuse(
                                -EINVAL, reterr_what, "more than %u properties", IDENTITY_PROPERTIES_MAX);

        return strv_push(&r->properties, strdup(value));
}

static const struct {
        const char *name;
        int (*set)(ServiceRule *r, const char *value, char **reterr_what);
} keys[] = {
        { "Unit", set_unit },       { "Slice", set_slice },       { "Exe", set_exe },
        { "User", set_user },       { "Register", set_register }, { "Scope", set_scope },
        { "Layer", set_layer },     { "Service", set_service },   { "Instance", set_instance },
        { "Process", set_process }, { "Property", set_property },
};

int service_draft_set(ServiceDraft *d, const char *key, const char *value, char **reterr_what) {
        const char *names[ELEMENTSOF(keys) + 1] = {};
        int r;

        assert(d && d->line > 0);

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                names[i] = keys[i].name;
                if (strcmp(keys[i].name, key) != 0)
                        continue;

                r = keys[i].set(&d->rule, value, reterr_what);
                d->is_bad = d->is_bad || r < 0;
                return r;
        }

        d->is_bad = true;
        return policy_refuse_unknown("key in [Service]", key, names, "=", reterr_what);
}

static bool is_given(char *const *list) {
        return list && list[0];
}

int service_draft_close(ServiceDraft *d, ServiceRules *rules, char **reterr_what) {
        bool is_bad = d->is_bad;
        int r = 0;

        if (d->line == 0)
                return 0;

        if (!is_bad && d->rule.is_unit_scope && (is_given(d->rule.exes) || is_given(d->rule.users))) {
                r = policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "Scope=unit: Exe= and User= tell processes apart, not units; use Unit= or Slice=");
                is_bad = true;
        }

        if (!is_bad) {
                r = service_rules_push(rules, &d->rule);
                if (r == -E2BIG)
                        r = policy_refuse(-EINVAL, reterr_what, "more than %u sections", SERVICE_RULES_MAX);
        }

        service_draft_done(d);
        return r;
}
