/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bus/bus-names.h"
#include "bus/bus.h"

/* Private to bus/: one vtable per noun, all of the one interface on the one object. */
struct Bus {
        sd_bus *sd_bus; /* referenced */
        BusContext context;
        sd_bus_slot *slots[11];
        size_t n_slots;
        bool name_is_settled;
};

extern const sd_bus_vtable bus_manager_vtable[];
extern const sd_bus_vtable bus_hottest_vtable[];
extern const sd_bus_vtable bus_http_vtable[];
extern const sd_bus_vtable bus_oap_vtable[];
extern const sd_bus_vtable bus_policy_vtable[];
extern const sd_bus_vtable bus_policy_list_vtable[];
extern const sd_bus_vtable bus_profile_vtable[];
extern const sd_bus_vtable bus_service_vtable[];
extern const sd_bus_vtable bus_task_vtable[];
extern const sd_bus_vtable bus_unit_vtable[];
extern const sd_bus_vtable bus_window_vtable[];

/* The unit called @name (".service" may be left out), or an error set that names the nearest one. */
int bus_find_unit(Bus *b, const char *name, Unit **ret_unit, sd_bus_error *error);

/* The full ID of a task from a unique part of it or "latest", or an error set. */
int bus_resolve_task(Bus *b, const char *text, char id[static TASK_ID_MAX], sd_bus_error *error);

/* Answers @m with one array of @element; @append adds all elements to the reply. */
typedef int (*BusAppendFn)(sd_bus_message *reply, void *userdata);
int bus_reply_array(sd_bus_message *m, const char *element, BusAppendFn append, void *userdata);

/* Appends a string that may hold a file name: bytes that are no UTF-8 become '?', because the bus takes text
 * only. */
int bus_append_text(sd_bus_message *m, const char *text);

/* Entries of an a{st}. */
typedef struct BusNumber {
        const char *name;
        uint64_t n;
} BusNumber;
int bus_append_counts(sd_bus_message *m, const BusNumber *counts, size_t n);

/* "connected" and the others of oap_state_to_string(); "off": none is configured; "failed": what is
 * configured cannot be used. @s is filled in unless it is off. @s->runs is left to the caller. */
int bus_oap_state(Bus *b, BusOapStatus *ret_status, const char **ret_state);

typedef enum RuleStatus {
        RULE_STATUS_ARMED,
        RULE_STATUS_DEGRADED,   /* works, but not as well as it should */
        RULE_STATUS_IMPOSSIBLE, /* will never record anything on this host */
        _RULE_STATUS_MAX,
} RuleStatus;
const char *rule_status_to_string(RuleStatus s);

/* What to think of one rule of @policy for @subject. *ret_reason is borrowed from the probe or static; ""
 * when armed. */
RuleStatus
bus_rule_status(Bus *b,
                const Policy *policy,
                const PolicyTrigger *trigger,
                Subject subject,
                const char **ret_reason);

/* "/path", "~regex", "" for all requests: paths never begin with "~". */
int bus_append_uri(sd_bus_message *m, const UriRule *rule);

/* Part of it, for HTTP metrics. */
RuleStatus bus_http_rule_status(Bus *b, const UriRule *rule, Subject subject, const char **ret_reason);
