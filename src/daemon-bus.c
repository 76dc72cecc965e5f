/* SPDX-License-Identifier: Apache-2.0 */
/* The system bus as a guest: it may come late, go and come back; watching and recording do not depend on it.
 */
#include "daemon-private.h"

#include "basic/event-util.h"
#include "basic/log.h"
#include "host/clock.h"

#define BUS_RETRY_USEC (5 * USEC_PER_SEC)
#define NAME_PATIENCE_USEC (2 * USEC_PER_SEC)

void daemon_disconnect_bus(Daemon *d) {
        daemon_hottest_cancel(d);
        d->discovery = unit_discovery_free(d->discovery);
        d->bus = bus_free(d->bus);
        d->connection = sd_bus_flush_close_unref(d->connection);
}

static void tls_losses(void *userdata, uint64_t *ret_refused, uint64_t *ret_over_cap) {
        Daemon *d = userdata;

        daemon_http_tls_losses(d->http, ret_refused, ret_over_cap);
}

static int connect_bus(Daemon *d) {
        const BusContext context = {
                .host = d->host,
                .probe = d->probe,
                .targets = d->targets,
                .watches = d->watches,
                .http = daemon_http_monitor(d->http),
                .http_watch = daemon_http_watch(d->http),
                .cooldown = d->cooldown,
                .policies = d->policies,
                .tasks = d->tasks,
                .store = d->store,
                .sinks = &d->sinks,
                .config_problems = &d->config_problems,
                .reload = (int (*)(void *)) daemon_reload,
                .start_task = daemon_start_manual,
                .resolve_id = daemon_resolve_id,
                .find_task = daemon_find_task,
                .hottest = daemon_hottest,
                .tls_losses = tls_losses,
                .identities = daemon_identities,
                .oap_status = daemon_oap_status,
                .userdata = d,
        };
        Unit *u, *next;
        int r;

        r = sd_bus_open_system_with_description(&d->connection, "cprofd");
        if (r < 0)
                return r;

        r = sd_bus_attach_event(d->connection, d->event, EVENT_PRIORITY_BUS);
        if (r < 0)
                return r;

        r = bus_new(d->connection, &context, &d->bus);
        if (r < 0)
                return r;

        r = bus_request_name(d->bus);
        if (r < 0)
                return r;

        r = unit_discovery_new(d->connection, d->targets, &d->discovery);
        if (r < 0)
                return r;

        HASH_ITER(hh, target_set_units(d->targets), u, next) {
                unit_discovery_ask(d->discovery, u);
        }

        return 0;
}

void daemon_connect_bus(Daemon *d, usec_t now_usec) {
        int r;

        if (d->connection && sd_bus_is_open(d->connection) > 0)
                return;

        if (d->connection) {
                log_warning("Lost the system bus, trying again every %u s.",
                            (unsigned) (BUS_RETRY_USEC / USEC_PER_SEC));
                daemon_disconnect_bus(d);
                d->bus_retry_usec = now_usec + BUS_RETRY_USEC;
                return;
        }

        if (now_usec < d->bus_retry_usec)
                return;

        r = connect_bus(d);
        if (r >= 0)
                return;

        if (d->bus_retry_usec == 0)
                log_warning_errno(r, "Failed to connect to the system bus, going on without it: %m");

        daemon_disconnect_bus(d);
        d->bus_retry_usec = now_usec + BUS_RETRY_USEC;
}

int daemon_wait_for_name(Daemon *d) {
        usec_t now_usec = clock_monotonic_usec(), end_usec = now_usec + NAME_PATIENCE_USEC;
        int r;

        while (d->bus && !bus_name_is_settled(d->bus) && now_usec < end_usec &&
               sd_event_get_state(d->event) != SD_EVENT_FINISHED) {
                r = sd_event_run(d->event, end_usec - now_usec);
                if (r < 0)
                        return r;
                now_usec = clock_monotonic_usec();
        }

        return 0;
}
