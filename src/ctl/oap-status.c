/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/oap-status.h"

#include "bus/bus-names.h"

#include <string.h>

/* What each entry becomes; groups are objects of their own. */
static const struct {
        const char *name, *group, *key, *contents;
} entries[] = {
        { "State", NULL, "state", "s" },
        { "Address", NULL, "address", "s" },
        { "EbpfAddress", NULL, "ebpf_address", "s" },
        { "Peer", NULL, "peer", "s" },
        { "LastError", NULL, "last_error", "s" },
        { "SinceUSec", NULL, "since_usec", "t" },
        { "RetryUSec", NULL, "retry_usec", "t" },
        { "CallsRunning", "calls", "running", "t" },
        { "CallsQueued", "calls", "queued", "t" },
        { "MethodsRefused", "calls", "methods_refused", "t" },
        { "SpoolRecords", "spool", "records", "t" },
        { "SpoolBytes", "spool", "bytes", "t" },
        { "SpoolOldestUSec", "spool", "oldest_usec", "t" },
        { "SpoolMaxUse", "spool", "max_use_bytes", "t" },
        { "SpoolMaxAgeUSec", "spool", "max_age_usec", "t" },
        { "SpoolSent", "spool", "sent", "a{st}" },
        { "SpoolDropped", "spool", "dropped", "a{st}" },
        { "SpoolRefused", "spool", "refused", "a{st}" },
        { "ProcessesRegistered", "processes", "registered", "t" },
        { "ProcessesWaiting", "processes", "waiting", "t" },
        { "ProcessesLayerRefused", "processes", "layer_refused", "t" },
        { "Policies", NULL, "policies", "a" CPROF_BUS_OAP_POLICY_SIGNATURE },
        { "Runs", NULL, "runs", "a" CPROF_BUS_OAP_RUN_SIGNATURE },
        { "Counters", NULL, "counters", "a{st}" },
};

static int read_counts(sd_bus_message *m, json_t *object) {
        const char *name;
        uint64_t n;
        int r;

        while ((r = sd_bus_message_read(m, "{st}", &name, &n)) > 0)
                if (json_object_set_new(object, name, json_integer((json_int_t) n)) < 0)
                        return -ENOMEM;

        return r;
}

static int read_policies(sd_bus_message *m, json_t *array) {
        const char *service, *uuid;
        uint32_t n_items, n_refused;
        int r;

        while ((r = sd_bus_message_read(
                                m, CPROF_BUS_OAP_POLICY_SIGNATURE, &service, &uuid, &n_items, &n_refused)) >
               0)
                if (json_array_append_new(
                                    array,
                                    json_pack("{s:s, s:s, s:I, s:I}",
                                              "service",
                                              service,
                                              "uuid",
                                              uuid,
                                              "items",
                                              (json_int_t) n_items,
                                              "refused",
                                              (json_int_t) n_refused)) < 0)
                        return -ENOMEM;

        return r;
}

static int read_runs(sd_bus_message *m, json_t *array) {
        const char *t[6];
        uint64_t start, end;
        int r;

        while ((r = sd_bus_message_read(
                                m,
                                CPROF_BUS_OAP_RUN_SIGNATURE,
                                t,
                                t + 1,
                                t + 2,
                                t + 3,
                                t + 4,
                                t + 5,
                                &start,
                                &end)) > 0)
                if (json_array_append_new(
                                    array,
                                    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}",
                                              "oap_task",
                                              t[0],
                                              "task",
                                              t[1],
                                              "target",
                                              t[2],
                                              "service",
                                              t[3],
                                              "instance",
                                              t[4],
                                              "process",
                                              t[5],
                                              "start_usec",
                                              (json_int_t) start,
                                              "end_usec",
                                              (json_int_t) end)) < 0)
                        return -ENOMEM;

        return r;
}

static int read_array(sd_bus_message *m, const char *contents, json_t **ret) {
        bool is_object = strcmp(contents, "a{st}") == 0;
        _cleanup_(json_decrefp) json_t *value = is_object ? json_object() : json_array();
        int r;

        if (!value)
                return -ENOMEM;

        r = sd_bus_message_enter_container(m, 'a', contents + 1);
        if (r >= 0)
                r = is_object ? read_counts(m, value)
                                : strcmp(contents, "a" CPROF_BUS_OAP_RUN_SIGNATURE) == 0
                                ? read_runs(m, value)
                                : read_policies(m, value);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(value);
        return sd_bus_message_exit_container(m);
}

static int read_value(sd_bus_message *m, const char *contents, json_t **ret) {
        const char *text;
        uint64_t n;
        int r;

        r = sd_bus_message_enter_container(m, 'v', contents);
        if (r < 0)
                return r;

        if (contents[0] == 'a')
                r = read_array(m, contents, ret);
        else if (contents[0] == 's') {
                r = sd_bus_message_read(m, "s", &text);
                *ret = r < 0 ? NULL : json_string(text);
        } else {
                r = sd_bus_message_read(m, "t", &n);
                *ret = r < 0 ? NULL : json_integer((json_int_t) n);
        }

        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* An instant of 0 is none. */
static json_t *or_null(const char *key, json_t *value) {
        if ((strcmp(key, "since_usec") != 0 && strcmp(key, "oldest_usec") != 0) ||
            json_integer_value(value) != 0)
                return value;

        json_decref(value);
        return json_null();
}

static int read_entry(sd_bus_message *m, json_t *status) {
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
                json_t *object = status, *value = NULL;

                if (strcmp(entries[i].name, name) != 0)
                        continue;

                r = read_value(m, entries[i].contents, &value);
                if (r < 0) {
                        json_decref(value);
                        return r;
                }

                if (entries[i].group) {
                        object = json_object_get(status, entries[i].group);
                        if (!object) {
                                object = json_object();
                                (void) json_object_set_new(status, entries[i].group, object);
                        }
                }

                return json_object_set_new(object, entries[i].key, or_null(entries[i].key, value)) < 0
                                ? -ENOMEM
                                : 0;
        }

        return sd_bus_message_skip(m, "v"); /* of a newer daemon */
}

int oap_status_read(sd_bus_message *reply, json_t **ret_status) {
        _cleanup_(json_decrefp) json_t *status = json_object();
        int r;

        if (!status)
                return -ENOMEM;

        r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                r = read_entry(reply, status);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        if (r < 0)
                return r;

        *ret_status = TAKE_PTR(status);
        return 0;
}
