/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon says of itself, and Reload. */
#include "bus/bus-private.h"
#include "cprof-config.h"

static int method_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        int r;

        r = b->context.reload(b->context.userdata);
        if (r < 0)
                return sd_bus_error_set_errnof(
                                error, -r, "Failed to reload, everything stays as it was: %m");

        return sd_bus_reply_method_return(m, NULL);
}

static int property_version(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", CPROF_VERSION);
}

static int property_features(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        Bus *b = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', CPROF_BUS_FEATURE_SIGNATURE);
        if (r < 0)
                return r;

        for (ProbeFeature f = 0; f < _PROBE_FEATURE_MAX; f++) {
                const char *reason = NULL;
                bool available = probe_feature(b->context.probe, f, &reason) >= 0;

                r = sd_bus_message_append(
                                reply,
                                CPROF_BUS_FEATURE_SIGNATURE,
                                probe_feature_to_string(f),
                                available,
                                available ? "" : reason ?: "unknown reason");
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(reply);
}

static int property_process_source(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        Bus *b = userdata;

        return sd_bus_message_append(reply, "s", target_set_source(b->context.targets));
}

/* All counts; which one is told by the property's name. */
static int
property_count(sd_bus *bus,
               const char *path,
               const char *interface,
               const char *property,
               sd_bus_message *reply,
               void *userdata,
               sd_bus_error *error) {
        const BusContext *c = &((Bus *) userdata)->context;
        uint32_t n = 0;

        switch (property[1]) {
        case 'U': /* NUnits */
                n = target_set_n_units(c->targets);
                break;
        case 'T': /* NTasksRunning */
                n = task_manager_n_running(c->tasks);
                break;
        case 'R': /* NRules */
                n = (uint32_t) watch_set_n_rules(c->watches);
                break;
        case 'P': /* NPolicies, NProcesses */
                n = property[2] == 'o' ? policy_store_n_loaded(c->policies)
                                       : target_set_n_processes(c->targets);
                break;
        }

        return sd_bus_message_append(reply, "u", n);
}

static int property_unwind_tables(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        const BusContext *c = &((Bus *) userdata)->context;
        TaskManagerCounters tasks;
        ProbeCounters probe;
        int r;

        probe_counters(c->probe, &probe);
        task_manager_counters(c->tasks, &tasks);

        const BusNumber counts[] = {
                { "tables", tasks.unwind.n_tables },
                { "tables-idle", tasks.unwind.n_tables_idle },
                { "tables-evicted", tasks.unwind.n_evicted },
                { "rows", probe.unwind_rows },
                { "bytes", probe.unwind_rows * sizeof(struct cprof_unwind_row) },
                { "bytes-max", probe.unwind_rows_max * sizeof(struct cprof_unwind_row) },
                { "processes", tasks.unwind.n_processes },
                { "files-waiting", tasks.unwind.n_modules_waiting },
                { "files-without", tasks.unwind.n_modules_no_table },
        };

        r = sd_bus_message_open_container(reply, 'a', "{st}");
        if (r < 0)
                return r;

        r = bus_append_counts(reply, counts, ELEMENTSOF(counts));
        if (r < 0)
                return r;

        return sd_bus_message_close_container(reply);
}

static int
property_losses(sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        const BusContext *c = &((Bus *) userdata)->context;
        TaskManagerCounters tasks;
        uint64_t tls_refused = 0, tls_over_cap = 0;
        ProbeCounters counters;
        int r;

        probe_counters(c->probe, &counters);
        task_manager_counters(c->tasks, &tasks);
        if (c->tls_losses)
                c->tls_losses(c->userdata, &tls_refused, &tls_over_cap);

        const BusNumber losses[] = {
                { "ring-full", counters.n_ring_full },
                { "no-user-stack", counters.n_no_user_stack },
                { "targets-over-cap", target_set_n_dropped(c->targets) },
                { "watches-over-cap", watch_set_n_dropped(c->watches) },
                { "events", counters.n_events_lost },
                { "unwind-files-no-space", tasks.unwind.n_modules_no_space },
                { "unwind-files-failed", tasks.unwind.n_modules_failed },
                { "unwind-entries-malformed", tasks.unwind.gaps.n_malformed },
                { "unwind-entries-over-cap", tasks.unwind.gaps.n_over_cap },
                { "unwind-processes-no-space", tasks.unwind.n_processes_refused },
                { "unwind-mappings-over-cap", tasks.unwind.n_mappings_dropped },
                { "http-seconds-missed", c->http ? http_monitor_n_missed(c->http) : 0 },
                { "http-tls-refused", tls_refused },
                { "http-tls-over-cap", tls_over_cap },
                { "mappings-over-cap", tasks.processes.n_mappings_over_cap },
        };

        r = sd_bus_message_open_container(reply, 'a', "{st}");
        if (r < 0)
                return r;

        r = bus_append_counts(reply, losses, ELEMENTSOF(losses));
        if (r < 0)
                return r;

        for (size_t i = 0; i < c->sinks->n; i++) {
                char name[64];

                (void) snprintf(name, sizeof(name), "sink-%s-failed", c->sinks->items[i].ops->name);
                r = sd_bus_message_append(reply, "{st}", name, c->sinks->items[i].n_failed);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(reply);
}

static int append_list(sd_bus_message *reply, char *const *list) {
        int r = 0;

        for (; list && *list && r >= 0; list++)
                r = bus_append_text(reply, *list);

        return r;
}

static int property_problems(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        const BusContext *c = &((Bus *) userdata)->context;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        if (r < 0)
                return r;

        r = append_list(reply, c->config_problems ? *c->config_problems : NULL);
        if (r < 0)
                return r;

        r = append_list(reply, policy_store_problems(c->policies));
        if (r < 0)
                return r;

        return sd_bus_message_close_container(reply);
}

const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload, 0),
        SD_BUS_PROPERTY("Version", "s", property_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("KernelFeatures", "a(sbs)", property_features, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ProcessSource", "s", property_process_source, 0, 0),
        SD_BUS_PROPERTY("NPolicies", "u", property_count, 0, 0),
        SD_BUS_PROPERTY("NUnits", "u", property_count, 0, 0),
        SD_BUS_PROPERTY("NProcesses", "u", property_count, 0, 0),
        SD_BUS_PROPERTY("NRules", "u", property_count, 0, 0),
        SD_BUS_PROPERTY("NTasksRunning", "u", property_count, 0, 0),
        SD_BUS_PROPERTY("UnwindTables", "a{st}", property_unwind_tables, 0, 0),
        SD_BUS_PROPERTY("Losses", "a{st}", property_losses, 0, 0),
        SD_BUS_PROPERTY("Problems", "as", property_problems, 0, 0),
        SD_BUS_VTABLE_END,
};
