/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to SkyWalking in all its parts. */
#include "bus/bus-private.h"

#include "host/clock.h"

int bus_oap_state(Bus *b, BusOapStatus *ret_status, const char **ret_state) {
        int r;

        *ret_status = (BusOapStatus){};
        r = b->context.oap_status ? b->context.oap_status(b->context.userdata, ret_status) : 0;
        if (r < 0)
                return r;

        *ret_state = r == 0                   ? "off"
                        : ret_status->problem ? "failed"
                                              : oap_state_to_string(ret_status->client.state);
        return 0;
}

/* Entries of an a{sv}. */
static int append_string(sd_bus_message *m, const char *key, const char *value) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "s");
        if (r >= 0)
                r = bus_append_text(m, value ?: "");
        if (r >= 0)
                r = sd_bus_message_close_container(m);

        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_numbers(sd_bus_message *m, const BusNumber *numbers, size_t n) {
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                r = sd_bus_message_append(m, "{sv}", numbers[i].name, "t", numbers[i].n);

        return r;
}

/* One entry whose value @append writes. */
typedef int (*AppendFn)(sd_bus_message *m, const void *data);
static int
append_entry(sd_bus_message *m, const char *key, const char *contents, AppendFn append, const void *data) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', contents);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', contents + 1);
        if (r >= 0)
                r = append(m, data);
        for (unsigned i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_close_container(m);

        return r;
}

static int append_kinds(sd_bus_message *m, const void *data) {
        const uint64_t *n = data;
        int r = 0;

        for (OapSpoolKind k = 0; k < _OAP_SPOOL_KIND_MAX && r >= 0; k++)
                r = sd_bus_message_append(m, "{st}", oap_spool_kind_to_string(k), n[k]);

        return r;
}

static int append_policies(sd_bus_message *m, const void *data) {
        const BusOapStatus *s = data;
        int r = 0;

        for (size_t i = 0; i < s->n_policies && r >= 0; i++) {
                const OapPolicyInfo *p = s->policies + i;

                r = sd_bus_message_open_container(m, 'r', "ssuu");
                if (r >= 0)
                        r = bus_append_text(m, p->service);
                if (r >= 0)
                        r = bus_append_text(m, p->uuid);
                if (r >= 0)
                        r = sd_bus_message_append(m, "uu", p->n_items, p->n_refused);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }

        return r;
}

static int append_runs(sd_bus_message *m, const void *data) {
        const BusOapStatus *s = data;
        int r = 0;

        for (size_t i = 0; i < s->n_runs && r >= 0; i++) {
                const OapRunInfo *run = s->runs + i;
                const char *const texts[] = {
                        run->oap_task,
                        run->ours,
                        oap_target_to_string(run->target),
                        run->entity.service,
                        run->entity.instance,
                        run->entity.process,
                };

                r = sd_bus_message_open_container(m, 'r', "sssssstt");
                for (size_t k = 0; k < ELEMENTSOF(texts) && r >= 0; k++)
                        r = bus_append_text(m, texts[k]);
                if (r >= 0)
                        r = sd_bus_message_append(
                                        m,
                                        "tt",
                                        (uint64_t) run->start_ms * USEC_PER_MSEC,
                                        (uint64_t) run->end_ms * USEC_PER_MSEC);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }

        return r;
}

static int append_counters(sd_bus_message *m, const void *data) {
        const BusOapStatus *s = data;
        const BusNumber counters[] = {
                { "calls", s->client.n_calls },
                { "calls-failed", s->client.n_failed },
                { "bytes-sent", s->client.n_bytes_sent },
                { "bytes-received", s->client.n_bytes_received },
                { "reports", s->registry.n_reports },
                { "keep-alives", s->registry.n_keep_alives },
                { "policy-queries", s->n_policy_queries },
                { "task-queries", s->tasks.n_queries },
                { "tasks-started", s->tasks.n_started },
                { "tasks-expired", s->tasks.n_expired },
                { "tasks-refused", s->tasks.n_refused },
                { "records-resent", s->forward.n_resent },
                { "ids-given-twice", s->forward.n_collisions },
                { "messages-too-large", s->forward.n_too_large },
                { "spool-bytes-damaged", s->forward.spool.n_damaged_bytes },
                { "meters-over-cap", s->n_meters_over_cap },
        };

        return bus_append_counts(m, counters, ELEMENTSOF(counters));
}

static int append_connection(sd_bus_message *m, const BusOapStatus *s) {
        const OapClientStatus *c = &s->client;
        const BusNumber numbers[] = {
                { "SinceUSec", c->since_usec > 0 ? clock_monotonic_to_realtime(c->since_usec) : 0 },
                { "RetryUSec", c->retry_usec > s->now_usec ? c->retry_usec - s->now_usec : 0 },
                { "CallsRunning", c->n_running },
                { "CallsQueued", c->n_queued },
                { "MethodsRefused", c->n_refused_methods },
        };
        int r;

        r = append_string(m, "Address", s->config->addresses[OAP_CHANNEL_MAIN]);
        if (r >= 0)
                r = append_string(m, "EbpfAddress", s->config->addresses[OAP_CHANNEL_EBPF]);
        if (r >= 0)
                r = append_string(m, "Peer", c->peer);
        if (r >= 0)
                r = append_string(m, "LastError", s->problem ?: c->last_error);

        return r < 0 ? r : append_numbers(m, numbers, ELEMENTSOF(numbers));
}

static int append_spool(sd_bus_message *m, const BusOapStatus *s) {
        const OapSpoolStatus *spool = &s->forward.spool;
        const BusNumber numbers[] = {
                { "SpoolRecords", spool->n_records },
                { "SpoolBytes", spool->bytes },
                { "SpoolOldestUSec", (uint64_t) spool->oldest_ms * USEC_PER_MSEC },
                { "SpoolMaxUse", s->config->spool_bytes },
                { "SpoolMaxAgeUSec", s->config->spool_age_usec },
        };
        int r;

        r = append_numbers(m, numbers, ELEMENTSOF(numbers));
        if (r >= 0)
                r = append_entry(m, "SpoolSent", "a{st}", append_kinds, s->forward.n_sent);
        if (r >= 0)
                r = append_entry(m, "SpoolDropped", "a{st}", append_kinds, spool->n_dropped);

        return r < 0 ? r : append_entry(m, "SpoolRefused", "a{st}", append_kinds, s->forward.n_refused);
}

static int append_work(sd_bus_message *m, const BusOapStatus *s) {
        const BusNumber numbers[] = {
                { "ProcessesRegistered", s->registry.n_registered },
                { "ProcessesWaiting", s->registry.n_waiting },
                { "ProcessesLayerRefused", s->registry.n_layer_refused },
        };
        int r;

        r = append_numbers(m, numbers, ELEMENTSOF(numbers));
        if (r >= 0)
                r = append_entry(m, "Policies", "a" CPROF_BUS_OAP_POLICY_SIGNATURE, append_policies, s);
        if (r >= 0)
                r = append_entry(m, "Runs", "a" CPROF_BUS_OAP_RUN_SIGNATURE, append_runs, s);

        return r < 0 ? r : append_entry(m, "Counters", "a{st}", append_counters, s);
}

static int method_get_oap_status(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(freep) OapRunInfo *runs = NULL;
        const char *state;
        BusOapStatus s;
        int r;

        r = bus_oap_state(userdata, &s, &state);
        if (r < 0)
                return r;

        runs = s.runs;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = append_string(reply, "State", state);
        if (r >= 0 && s.config) {
                r = append_connection(reply, &s);
                if (r >= 0)
                        r = append_spool(reply, &s);
                if (r >= 0)
                        r = append_work(reply, &s);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

/* OapState, OapAddress. */
static int
property_oap(sd_bus *bus,
             const char *path,
             const char *interface,
             const char *property,
             sd_bus_message *reply,
             void *userdata,
             sd_bus_error *error) {
        _cleanup_(freep) OapRunInfo *runs = NULL;
        const char *state;
        BusOapStatus s;
        int r;

        r = bus_oap_state(userdata, &s, &state);
        if (r < 0)
                return r;

        runs = s.runs;
        if (property[3] == 'S')
                return sd_bus_message_append(reply, "s", state);
        if (s.client.peer[0] != '\0')
                return bus_append_text(reply, s.client.peer);

        return bus_append_text(reply, s.config ? s.config->addresses[OAP_CHANNEL_MAIN] ?: "" : "");
}

const sd_bus_vtable bus_oap_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "GetOapStatus",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("a{sv}", status),
                        method_get_oap_status,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("OapState", "s", property_oap, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("OapAddress", "s", property_oap, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};
