/* SPDX-License-Identifier: Apache-2.0 */
/* SkyWalking and the names it knows our processes by: set up at the start, and anew when the settings
 * change.
 */
#include "daemon-private.h"

#include "basic/log.h"
#include "host/clock.h"
#include "sink/sink-oap.h"

/* A DaemonOapContext.reload_policies. */
static void reload_policies(void *userdata) {
        Daemon *d = userdata;
        int r;

        r = daemon_reload_policies(d);
        if (r < 0)
                log_error_errno(r, "Failed to load SkyWalking's policies, keeping what is in force: %m");
}

/* A DaemonOapContext.state_changed. */
static void on_state_changed(void *userdata) {
        Daemon *d = userdata;

        if (d->bus)
                bus_emit_oap_changed(d->bus);
}

/* A DaemonOapContext.unit_named. */
static void on_unit_named(Unit *u, void *userdata) {
        Daemon *d = userdata;

        watch_set_remove_unit(d->watches, u);
        if (watch_set_add_unit(d->watches, u) < 0)
                log_error("Out of memory, unit '%s' is not watched.", u->name);
}

static int set_up(Daemon *d, OapConfig *config, ServiceRules *rules) {
        const DaemonOapContext context = {
                .host = d->host,
                .event = d->event,
                .targets = d->targets,
                .tasks = d->tasks,
                .store = d->store,
                .probe = d->probe,
                .state_directory = daemon_state_directory(d),
                .reload_policies = reload_policies,
                .unit_named = on_unit_named,
                .state_changed = on_state_changed,
                .find_task = daemon_find_task,
                .start_task = daemon_start_manual,
                .userdata = d,
        };
        int r;

        r = daemon_oap_new(&context, config, rules, &d->oap);
        if (r < 0)
                return log_error_errno(r, "Failed to name processes for SkyWalking: %m");

        return daemon_oap_sink(d->oap) ? sinks_add(&d->sinks, &sink_oap_ops, daemon_oap_sink(d->oap)) : 0;
}

int daemon_init_services(Daemon *d) {
        return set_up(d, &d->config.oap, &d->config.services);
}

/* Who watches by Service= does so by other names now; windows of those start anew. */
static void match_again(Daemon *d) {
        PolicyEntry *e, *next;

        HASH_ITER(hh, policy_store_entries(d->policies), e, next) {
                if (!e->policy || !e->policy->services[0])
                        continue;

                watch_set_remove_policy(d->watches, e->policy);
                if (watch_set_add_policy(d->watches, e->policy) < 0)
                        log_error("Out of memory, policy '%s' is not in force.", e->name);
        }
}

int daemon_reload_services(Daemon *d, Config *c) {
        int r;

        if (daemon_oap_is_as(d->oap, &c->oap, &c->services)) {
                if (daemon_oap_identities(d->oap))
                        identity_set_relocate_rules(daemon_oap_identities(d->oap), &c->services);
                return 0;
        }

        if (daemon_oap_sink(d->oap))
                sinks_remove(&d->sinks, daemon_oap_sink(d->oap));
        d->oap = daemon_oap_free(d->oap);

        r = set_up(d, &c->oap, &c->services);
        if (r < 0)
                return r;

        match_again(d);
        if (d->bus)
                bus_emit_oap_changed(d->bus);
        return 1;
}

IdentitySet *daemon_identities(void *userdata) {
        Daemon *d = userdata;

        return daemon_oap_identities(d->oap);
}

int daemon_oap_status(void *userdata, BusOapStatus *ret) {
        Daemon *d = userdata;
        Oap *o = daemon_oap_oap(d->oap);

        *ret = (BusOapStatus){
                .config = daemon_oap_config(d->oap),
                .problem = daemon_oap_problem(d->oap),
                .now_usec = clock_monotonic_usec(),
        };
        if (!ret->config)
                return 0;
        if (!o)
                return 1;

        oap_client_status(oap_client(o), &ret->client);
        oap_registry_status(oap_registry(o), &ret->registry);
        oap_forward_status(oap_forward(o), &ret->forward);
        ret->n_policies = oap_policies_list(oap_policies(o), &ret->policies);
        ret->n_policy_queries = oap_policies_n_queries(oap_policies(o));
        oap_runs_status(oap_runs(o), &ret->tasks);
        ret->n_meters_over_cap = oap_meters_n_over_cap(oap_meters(o));
        return oap_runs_list(oap_runs(o), &ret->runs, &ret->n_runs) < 0 ? -ENOMEM : 1;
}
