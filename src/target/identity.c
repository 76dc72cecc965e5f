/* SPDX-License-Identifier: Apache-2.0 */
#include "target/identity-internal.h"

#include "basic/file-io.h"
#include "basic/strv.h"
#include "basic/utf8.h"
#include "target/target-pattern.h"

#include <string.h>

#define HOST_NAME_SIZE 256U /* HOST_NAME_MAX of Linux is 64 */

/* The first line of a file of the machine, "" without one. */
static int read_line(const Host *host, const char *path, char **ret_text) {
        char buf[HOST_NAME_SIZE], *text;

        if (read_small_file_at(host->proc_fd, path, buf, sizeof(buf)) < 0)
                buf[0] = '\0';

        text = utf8_sanitize(buf, strcspn(buf, " \t\r\n"));
        if (!text)
                return -ENOMEM;

        *ret_text = text;
        return 0;
}

int identity_set_new(
                const Host *host, ServiceRules *rules, const IdentityEvents *events, IdentitySet **ret_set) {
        _cleanup_(identity_set_freep) IdentitySet *s = NULL;
        int r;

        assert(host);
        assert(rules);
        assert(ret_set);

        s = calloc(1, sizeof(*s));
        if (!s) {
                service_rules_done(rules);
                return -ENOMEM;
        }

        s->rules = *rules;
        *rules = (ServiceRules){};
        s->events = events ? *events : (IdentityEvents){};
        s->self = getpid();

        r = s->rules.is_given ? 0 : service_rules_default(&s->rules);
        if (r >= 0)
                r = user_names_new(&s->users);
        if (r >= 0)
                r = read_line(host, "sys/kernel/hostname", &s->host);
        if (r >= 0)
                r = read_line(host, "../etc/machine-id", &s->machine_id);
        if (r < 0)
                return r;

        *ret_set = TAKE_PTR(s);
        return 0;
}

IdentitySet *identity_set_free(IdentitySet *s) {
        Identity *i, *next;

        if (!s)
                return NULL;

        HASH_ITER(hh, s->identities, i, next) {
                identity_remove(s, (Entry *) i);
        }

        claims_done(&s->claims);
        service_rules_done(&s->rules);
        user_names_free(s->users);
        free(s->host);
        free(s->machine_id);
        free(s);
        return NULL;
}

static void entry_free(Entry *e) {
        strv_free(e->identity.properties);
        free(e->identity.layer);
        free(e->identity.service);
        free(e->identity.instance);
        free(e->identity.process);
        free(e);
}

void identity_remove(IdentitySet *s, Entry *e) {
        Identity *i = &e->identity;

        if (s->events.removed)
                s->events.removed(i, s->events.userdata);

        identity_unindex_pid(s, e);
        HASH_DEL(s->identities, i);
        if (i->target_process)
                i->target_process->identity = NULL;
        if (i->target_unit)
                i->target_unit->identity = NULL;
        claims_release(&s->claims, e->claim);
        entry_free(e);
}

/* One name; when nothing is left of it, that of @otherwise, and what SkyWalking makes of a blank at last. */
static int
make_name(const NameSource *source,
          const char *text,
          const char *otherwise,
          size_t units_max,
          char **ret_name) {
        _cleanup_(freep) char *name = NULL;
        int r;

        r = identity_expand(text, source, &name);
        if (r < 0)
                return r;
        if (*name == '\0' && otherwise)
                return make_name(source, otherwise, NULL, units_max, ret_name);

        if (*name == '\0') {
                free(name);
                name = strdup("_blank");
                if (!name)
                        return -ENOMEM;
        }

        identity_cut(name, units_max, IDENTITY_PROCESS_BYTES_MAX);
        *ret_name = TAKE_PTR(name);
        return 0;
}

static int make_property(const NameSource *source, const char *assignment, char ***properties) {
        const char *equals = strchrnul(assignment, '=');
        char *value;
        int r;

        r = identity_expand(*equals ? equals + 1 : "", source, &value);
        if (r < 0)
                return r;

        identity_cut(value, IDENTITY_PROPERTY_VALUE_BYTES_MAX, IDENTITY_PROPERTY_VALUE_BYTES_MAX);
        r = strv_push(properties, strndup(assignment, (size_t) (equals - assignment)));
        if (r < 0) {
                free(value);
                return r;
        }

        return strv_push(properties, value);
}

/* All that the rule says of it; the process's name may still have to give way. */
static int entry_new(const ServiceRule *rule, const NameSource *source, Entry **ret_entry) {
        Entry *e = calloc(1, sizeof(*e));
        Identity *i = &e->identity;
        int r;

        if (!e)
                return -ENOMEM;

        i->rule = rule;
        r = make_name(source, rule->layer, "GENERAL", IDENTITY_NAME_UNITS_MAX, &i->layer);
        if (r >= 0)
                r = make_name(source, rule->service, "%N", IDENTITY_NAME_UNITS_MAX, &i->service);
        if (r >= 0)
                r = make_name(source, rule->instance, "%H", IDENTITY_NAME_UNITS_MAX, &i->instance);
        if (r >= 0)
                r = make_name(source, rule->process, "%P", IDENTITY_PROCESS_BYTES_MAX, &i->process);
        for (char **p = rule->properties; r >= 0 && p && *p; p++)
                r = make_property(source, *p, &i->properties);
        if (r < 0) {
                entry_free(e);
                return r;
        }

        *ret_entry = e;
        return 0;
}

static bool same_texts(char *const *a, char *const *b) {
        size_t n = strv_length(a);

        if (strv_length(b) != n)
                return false;

        for (size_t i = 0; i < n; i++)
                if (strcmp(a[i], b[i]) != 0)
                        return false;

        return true;
}

/* Whether @old, which is in force, says the same as the new one would. */
static bool is_same(const Entry *old, const Entry *new, const ClaimRequest *request) {
        return old->identity.rule == new->identity.rule &&claim_is_of(old->claim, request) &&
                        strcmp(old->identity.layer, new->identity.layer) == 0 &&
                        same_texts(old->identity.properties, new->identity.properties);
}

/* Takes @e over. */
static int enter(IdentitySet *s, Entry *e, const ClaimRequest *request, Process *p, Unit *unit) {
        Identity *i = &e->identity;
        char *name = NULL;
        int r;

        r = claims_take(&s->claims, request, &e->claim);
        if (r >= 0) {
                name = strdup(e->claim->process);
                if (name)
                        HASH_ADD_KEYPTR(hh, s->identities, e->claim->names, e->claim->names_size, i);
                if (!name || !i->hh.tbl) {
                        claims_release(&s->claims, e->claim);
                        r = -ENOMEM;
                }
        }
        if (r < 0) {
                free(name);
                entry_free(e);
                return r;
        }

        free(i->process); /* of @request no more */
        i->process = name;
        i->pid = p ? p->key.pid : 0;
        if (unit) {
                i->target_unit = unit;
                unit->identity = i;
        } else {
                i->target_process = p;
                p->identity = i;
        }

        if (s->events.added)
                s->events.added(i, s->events.userdata);
        return 1;
}

int identity_add(IdentitySet *s, const ServiceRule *rule, Process *p, Unit *unit) {
        const NameSource source = {
                .host = s->host[0] ? s->host : "localhost",
                .machine_id = s->machine_id,
                .unit = unit ?: p->unit,
                .process = p,
                .is_whole_unit = unit != NULL,
                .users = s->users,
        };
        _cleanup_(freep) char *label = NULL;
        Entry *e, *old = unit ? NULL : (Entry *) p->identity;
        int r;

        if (!old && HASH_COUNT(s->identities) >= IDENTITIES_MAX) {
                s->n_over_cap++;
                return -EUSERS;
        }

        r = identity_unit_label(source.unit->name, &label);
        if (r < 0)
                return r;

        r = entry_new(rule, &source, &e);
        if (r < 0)
                return r;

        const ClaimRequest request = {
                .service = e->identity.service,
                .instance = e->identity.instance,
                .process = e->identity.process,
                .unit = source.unit->name,
                .unit_label = label,
                .who = unit ? "/" : p->name, /* a process called that shares the claim */
                .ordinal = unit ? 1 : p->ordinal,
        };

        if (old && is_same(old, e, &request)) {
                entry_free(e);
                return 1;
        }
        if (old)
                identity_remove(s, old);

        return enter(s, e, &request, p, unit);
}

static const ServiceRule *find_rule(IdentitySet *s, const Process *p, Unit **ret_unit) {
        for (size_t i = 0; i < s->rules.n_rules; i++) {
                const ServiceRule *rule = s->rules.rules + i;
                const TargetPattern t = {
                        .units = rule->units,
                        .slices = rule->slices,
                        .exes = rule->exes,
                        .users = rule->users,
                };

                *ret_unit = rule->is_unit_scope ? identity_rule_unit(rule, p) : NULL;
                if (rule->is_unit_scope ? *ret_unit != NULL
                                        : target_pattern_matches_process(&t, p, s->users))
                        return rule;
        }

        return NULL;
}

int identity_set_add_process(IdentitySet *s, Process *p) {
        const ServiceRule *rule;
        Unit *unit = NULL;

        assert(s);
        assert(p && p->unit);

        if (p->key.pid == s->self)
                return 0;

        identity_process_left(s, p, /* is_gone= */ false);
        rule = find_rule(s, p, &unit);
        if (p->identity && (!rule || !rule->is_registered || unit))
                identity_remove(s, (Entry *) p->identity);
        if (!rule || !rule->is_registered)
                return 0;

        return unit ? identity_add_unit(s, rule, unit, p) : identity_add(s, rule, p, NULL);
}

void identity_set_remove_process(IdentitySet *s, Process *p) {
        assert(s);
        assert(p);

        if (p->identity)
                identity_remove(s, (Entry *) p->identity);
        identity_process_left(s, p, /* is_gone= */ true);
}

void identity_set_remove_unit(IdentitySet *s, Unit *u) {
        assert(s);
        assert(u);

        if (u->identity)
                identity_remove(s, (Entry *) u->identity);
        claims_unit_gone(&s->claims, u->name);
}
