/* SPDX-License-Identifier: Apache-2.0 */
/* The stages up to the watch set, and what they tell each other of processes and units that come and go. */
#include "daemon-private.h"

#include "basic/log.h"
#include "host/clock.h"

static void on_unit_added(Unit *u, void *userdata) {
        Daemon *d = userdata;

        if (watch_set_add_unit(d->watches, u) < 0)
                log_error("Out of memory, unit '%s' is not watched.", u->name);
        if (d->discovery)
                unit_discovery_ask(d->discovery, u);
}

static void on_unit_removed(Unit *u, void *userdata) {
        Daemon *d = userdata;

        watch_set_remove_unit(d->watches, u);
        if (d->oap)
                daemon_oap_remove_unit(d->oap, u);
}

static void on_process_added(Process *p, void *userdata) {
        Daemon *d = userdata;

        if (d->oap)
                daemon_oap_add_process(d->oap, p);
        if (watch_set_add_process(d->watches, p) < 0)
                log_error("Out of memory, process %i is not watched.", (int) p->key.pid);
        daemon_http_process_changed(d->http, p);
        if (p->watch || task_manager_records(d->tasks, p))
                task_manager_prepare(d->tasks, p);
}

static void on_process_removed(Process *p, void *userdata) {
        Daemon *d = userdata;

        watch_set_remove_process(d->watches, p);
        daemon_http_process_removed(d->http, p);
        task_manager_process_removed(d->tasks, p, clock_monotonic_usec());
        if (d->oap)
                daemon_oap_remove_process(d->oap, p);
}

static void on_process_changed(Process *p, void *userdata) {
        Daemon *d = userdata;

        task_manager_process_changed(d->tasks, p);
        watch_set_remove_process(d->watches, p);
        on_process_added(p, d);
}

int daemon_init_watching(Daemon *d) {
        const ProbeConfig probe_config = {
                .oncpu_hz = d->config.oncpu_hz,
                .watched_max = d->config.processes_max,
                .unwind_bytes = d->config.unwind_bytes,
                .recorder_every = config_recorder_every(&d->config),
                .http_rules_max = d->config.http_rules_max,
        };
        const DaemonHttpConfig http_config = { .hook = d->config.http_hook, .tls = d->config.http_tls };
        const TargetEvents events = {
                .unit_added = on_unit_added,
                .unit_removed = on_unit_removed,
                .process_added = on_process_added,
                .process_removed = on_process_removed,
                .process_changed = on_process_changed,
                .userdata = d,
        };
        int r;

        r = host_new("/", &d->host);
        if (r < 0)
                return log_error_errno(r, "Failed to open /proc and the cgroup tree: %m");

        r = probe_new(&probe_config, &d->probe);
        if (r < 0)
                return r;

        r = module_table_new(&d->modules);
        if (r < 0)
                return r;

        r = target_set_new(d->host, d->probe, &events, &d->targets);
        if (r < 0)
                return r;

        monitor_init(&d->monitor, d->host, d->targets);

        r = watch_set_new(&d->monitor, &d->watches);
        if (r < 0)
                return r;

        r = daemon_http_new(&http_config, d->host, d->probe, d->targets, d->watches, &d->http);
        if (r < 0)
                return r;

        d->monitor.http = daemon_http_monitor(d->http);
        return cooldown_new(&d->cooldown);
}
