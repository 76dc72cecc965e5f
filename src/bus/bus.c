/* SPDX-License-Identifier: Apache-2.0 */
/* The manager object: registration, signals, and what its nouns share. */
#include "bus/bus-private.h"

#include "basic/log.h"
#include "basic/utf8.h"
#include "basic/words.h"
#include "policy/policy-message.h"

#include <string.h>

#define UNITS_COMPARED_MAX 4096U /* for "did you mean" */

static const sd_bus_vtable *const vtables[] = {
        bus_manager_vtable, bus_policy_vtable, bus_policy_list_vtable, bus_unit_vtable,
        bus_window_vtable,  bus_task_vtable,   bus_profile_vtable,     bus_hottest_vtable,
        bus_http_vtable,    bus_oap_vtable,    bus_service_vtable,
};

int bus_new(sd_bus *sd_bus, const BusContext *context, Bus **ret_bus) {
        _cleanup_(bus_freep) Bus *b = NULL;
        int r;

        assert(sd_bus);
        assert(context);

        b = calloc(1, sizeof(*b));
        if (!b)
                return -ENOMEM;

        b->sd_bus = sd_bus_ref(sd_bus);
        b->context = *context;

        for (size_t i = 0; i < ELEMENTSOF(vtables); i++) {
                r = sd_bus_add_object_vtable(
                                sd_bus,
                                b->slots + b->n_slots,
                                CPROF_BUS_PATH,
                                CPROF_BUS_INTERFACE,
                                vtables[i],
                                b);
                if (r < 0)
                        return r;
                b->n_slots++;
        }

        *ret_bus = TAKE_PTR(b);
        return 0;
}

Bus *bus_free(Bus *b) {
        if (!b)
                return NULL;

        while (b->n_slots > 0)
                (void) sd_bus_slot_unref(b->slots[--b->n_slots]);
        (void) sd_bus_unref(b->sd_bus);
        free(b);
        return NULL;
}

static int on_name(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        Bus *b = userdata;

        b->name_is_settled = true;
        if (e)
                log_warning("Failed to get the bus name " CPROF_BUS_NAME ", cprofctl will not find us: %s",
                            e->message);

        return 0;
}

int bus_request_name(Bus *b) {
        return sd_bus_request_name_async(b->sd_bus, NULL, CPROF_BUS_NAME, 0, on_name, b);
}

bool bus_name_is_settled(const Bus *b) {
        return b->name_is_settled;
}

int bus_find_unit(Bus *b, const char *name, Unit **ret_unit, sd_bus_error *error) {
        const char *names[UNITS_COMPARED_MAX + 1];
        _cleanup_(freep) char *mangled = NULL;
        char shown[POLICY_VALUE_SHOWN_MAX + 4];
        const char *nearest;
        Unit *u, *next;
        size_t n = 0;
        int r;

        r = unit_name_mangle(name, &mangled);
        if (r == -EINVAL)
                return sd_bus_error_setf(
                                error,
                                SD_BUS_ERROR_INVALID_ARGS,
                                "'%s' is no unit name.",
                                policy_value_shown(name, shown));
        if (r < 0)
                return r;

        u = target_set_find_unit(b->context.targets, mangled);
        if (u) {
                *ret_unit = u;
                return 0;
        }

        HASH_ITER(hh, target_set_units(b->context.targets), u, next) {
                if (n < UNITS_COMPARED_MAX)
                        names[n++] = u->name;
        }
        names[n] = NULL;

        nearest = word_nearest(mangled, names);
        return sd_bus_error_setf(
                        error,
                        CPROF_BUS_ERROR_NO_SUCH_UNIT,
                        "No unit '%s' with processes on this host%s%s%s",
                        policy_value_shown(mangled, shown),
                        nearest ? ", did you mean '" : "",
                        nearest ?: "",
                        nearest ? "'?" : ".");
}

int bus_reply_array(sd_bus_message *m, const char *element, BusAppendFn append, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', element);
        if (r >= 0)
                r = append(reply, userdata);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

int bus_append_text(sd_bus_message *m, const char *text) {
        _cleanup_(freep) char *clean = NULL;
        size_t length = strlen(text);

        if (utf8_is_valid(text, length))
                return sd_bus_message_append_basic(m, 's', text);

        clean = utf8_sanitize(text, length);
        if (!clean)
                return -ENOMEM;

        return sd_bus_message_append_basic(m, 's', clean);
}

int bus_append_counts(sd_bus_message *m, const BusNumber *counts, size_t n) {
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                r = sd_bus_message_append(m, "{st}", counts[i].name, counts[i].n);

        return r;
}

static void emit(Bus *b, const char *name, const char *types, const char *const *args, size_t n_args) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(b->sd_bus, &m, CPROF_BUS_PATH, CPROF_BUS_INTERFACE, name);
        for (size_t i = 0; r >= 0 && i < n_args; i++)
                r = sd_bus_message_append_basic(m, types[i], args[i]);
        if (r >= 0)
                r = sd_bus_send(b->sd_bus, m, NULL);
        if (r < 0)
                log_debug_errno(r, "Failed to send signal %s: %m", name);
}

void bus_emit_policy_changed(Bus *b, const char *name, bool had, bool has) {
        const char *signal = had && has ? "PolicyChanged" : has ? "PolicyAdded" : "PolicyRemoved";

        emit(b, signal, "s", (const char *const[]){ name }, 1);
}

void bus_emit_task_started(Bus *b, const Task *t) {
        char kinds[PROFILE_KINDS_TEXT_MAX];

        emit(b,
             "TaskStarted",
             "sss",
             (const char *const[]){ t->id, t->unit, profile_kinds_to_string(t->kinds, kinds) },
             3);
}

void bus_emit_task_finished(Bus *b, const Task *t) {
        emit(b,
             "TaskFinished",
             "ssss",
             (const char *const[]){ t->id, t->unit, task_state_to_string(t->state), t->reason ?: "" },
             4);
}

void bus_emit_oap_changed(Bus *b) {
        int r;

        r = sd_bus_emit_properties_changed(
                        b->sd_bus, CPROF_BUS_PATH, CPROF_BUS_INTERFACE, "OapState", "OapAddress", NULL);
        if (r < 0)
                log_debug_errno(r, "Failed to tell of the OAP's state: %m");
}
