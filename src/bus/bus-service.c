/* SPDX-License-Identifier: Apache-2.0 */
/* Who the processes are to SkyWalking, and by which rule. */
#include "bus/bus-private.h"

static int append_properties(sd_bus_message *m, char *const *properties) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{ss}");
        for (char *const *p = properties; r >= 0 && p && *p; p += 2) {
                r = sd_bus_message_open_container(m, 'e', "ss");
                if (r >= 0)
                        r = bus_append_text(m, p[0]);
                if (r >= 0)
                        r = bus_append_text(m, p[1]);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }

        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_texts(sd_bus_message *m, const char *const *texts, size_t n) {
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                r = bus_append_text(m, texts[i]);

        return r;
}

static int append_identity(sd_bus_message *m, const Identity *i) {
        const Unit *u = i->target_unit ?: i->target_process->unit;
        const char *const names[] = { i->service, i->instance, i->process, i->layer };
        const char *const rest[] = {
                u->name,
                i->target_unit ? "unit" : "process",
                i->rule->where,
                oap_registry_id(i) ?: "",
                oap_registry_layer_is_refused(i) ? "OAP does not know the layer" : "",
        };
        int r;

        r = sd_bus_message_open_container(m, 'r', "ssssusssssa{ss}");
        if (r >= 0)
                r = append_texts(m, names, ELEMENTSOF(names));
        if (r >= 0)
                r = sd_bus_message_append(m, "u", (uint32_t) i->pid);
        if (r >= 0)
                r = append_texts(m, rest, ELEMENTSOF(rest));
        if (r >= 0)
                r = append_properties(m, i->properties);

        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* We ourselves are none of them. */
static uint32_t count_unnamed(const Bus *b) {
        pid_t self = getpid();
        Process *p, *next;
        uint32_t n = 0;

        HASH_ITER(hh, target_set_processes(b->context.targets), p, next) {
                n += p->key.pid != self && !identity_of_process(p);
        }

        return n;
}

static int reply_services(Bus *b, sd_bus_message *m, IdentitySet *set) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Identity *i, *next;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', CPROF_BUS_SERVICE_SIGNATURE);
        if (r < 0)
                return r;

        HASH_ITER(hh, identity_set_first(set), i, next) {
                r = append_identity(reply, i);
                if (r < 0)
                        return r;
        }

        r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "ut", count_unnamed(b), identity_set_n_over_cap(set));
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

static int method_list_services(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(identity_set_freep) IdentitySet *own = NULL;
        ServiceRules by_default = {};
        IdentitySet *set = NULL;
        Bus *b = userdata;
        int r;

        if (b->context.identities)
                set = b->context.identities(b->context.userdata);
        if (set)
                return reply_services(b, m, set);

        /* Nobody is named: for the time of the answer everybody is. */
        r = identity_set_new(b->context.host, &by_default, NULL, &own);
        if (r >= 0)
                r = identity_set_add_all(own, b->context.targets);

        return r < 0 ? r : reply_services(b, m, own);
}

const sd_bus_vtable bus_service_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "ListServices",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("a" CPROF_BUS_SERVICE_SIGNATURE,
                                      services,
                                      "u",
                                      n_unregistered,
                                      "t",
                                      n_over_cap),
                        method_list_services,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
