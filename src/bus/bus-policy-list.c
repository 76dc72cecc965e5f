/* SPDX-License-Identifier: Apache-2.0 */
/* The list of policies. */
#include "bus/bus-private.h"

static int append_filters(sd_bus_message *reply, const Policy *p) {
        const struct {
                const char *key;
                char **globs;
        } lists[] = {
                { "Slice", p->slices }, { "Exe", p->exes }, { "User", p->users }, { "Service", p->services }
        };
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                for (char **g = lists[i].globs; *g; g++) {
                        _cleanup_(freep) char *filter = NULL;

                        if (asprintf(&filter, "%s=%s", lists[i].key, *g) < 0)
                                return -ENOMEM;

                        r = sd_bus_message_append(reply, "s", filter);
                        if (r < 0)
                                return r;
                }

        return sd_bus_message_close_container(reply);
}

static int append_triggers(sd_bus_message *reply, const Policy *p) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        if (r < 0)
                return r;

        for (size_t i = 0; i < p->n_triggers; i++) {
                _cleanup_(freep) char *text = NULL;

                r = policy_trigger_format(p->triggers + i, &text);
                if (r < 0)
                        return r;

                r = sd_bus_message_append(reply, "s", text);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(reply);
}

static int append_kinds(sd_bus_message *reply, const Policy *p) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        if (r < 0)
                return r;

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                if (p->kinds & (1U << k)) {
                        r = sd_bus_message_append(reply, "s", profile_kind_to_string(k));
                        if (r < 0)
                                return r;
                }

        return sd_bus_message_close_container(reply);
}

/* Stands for what a policy that is not in force would say. */
static const Policy no_policy = {
        .units = (char *[]){ NULL },
        .slices = (char *[]){ NULL },
        .exes = (char *[]){ NULL },
        .users = (char *[]){ NULL },
        .services = (char *[]){ NULL },
};

static int append_policy(sd_bus_message *reply, Bus *b, const PolicyEntry *e) {
        const Policy *p = e->policy ?: &no_policy;
        int r;

        r = sd_bus_message_open_container(reply, 'r', "sssssasasasassttu");
        if (r < 0)
                return r;

        r = sd_bus_message_append(
                        reply,
                        "ssss",
                        e->name,
                        policy_source_to_string(e->source),
                        e->path,
                        policy_state_to_string(e->state));
        if (r >= 0)
                r = bus_append_text(reply, e->message ?: "");
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, p->units);
        if (r >= 0)
                r = append_filters(reply, p);
        if (r >= 0)
                r = append_triggers(reply, p);
        if (r >= 0)
                r = append_kinds(reply, p);
        if (r >= 0)
                r = sd_bus_message_append(
                                reply,
                                "sttu",
                                policy_scope_to_string(p->scope),
                                p->duration_usec,
                                p->silence_usec,
                                e->policy ? (uint32_t) policy_n_subjects(b->context.watches, p) : 0U);
        if (r < 0)
                return r;

        return sd_bus_message_close_container(reply);
}

static int append_policies(sd_bus_message *reply, void *userdata) {
        PolicyEntry *e, *next;
        Bus *b = userdata;
        int r;

        HASH_ITER(hh, policy_store_entries(b->context.policies), e, next) {
                r = append_policy(reply, b, e);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int method_list_policies(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_reply_array(m, CPROF_BUS_POLICY_SIGNATURE, append_policies, userdata);
}

const sd_bus_vtable bus_policy_list_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "ListPolicies",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("a" CPROF_BUS_POLICY_SIGNATURE, policies),
                        method_list_policies,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
