/* SPDX-License-Identifier: Apache-2.0 */
/* Composes the stages in pipeline order and drives them once a second. */
#include "daemon-private.h"

#include "basic/event-util.h"
#include "basic/log.h"
#include "basic/strv.h"
#include "fetch.h"
#include "host/clock.h"

#include <signal.h>
#include <systemd/sd-daemon.h>

#define STATE_DIRECTORY "/var/lib/cprof"
#define DRAIN_INTERVAL_USEC (250 * USEC_PER_MSEC)
#define PREPARE_BUDGET_USEC (2 * USEC_PER_MSEC)
#define IDLE_REST_USEC (250 * USEC_PER_MSEC)

/* The pipeline, once a second: who is there, what are the values, which rules hold, what is to be done. */
static void tick(Daemon *d, usec_t slot_end_usec) {
        int r;

        d->slot_end_usec = slot_end_usec;
        daemon_http_read(d->http, slot_end_usec);

        r = target_set_refresh(d->targets, clock_monotonic_usec());
        if (r < 0)
                log_warning_errno(r, "Failed to look at the processes, skipping this second: %m");

        r = monitor_tick(&d->monitor);
        if (r < 0)
                log_debug_errno(r, "Failed to read the load average: %m");

        daemon_http_sync(d->http, clock_monotonic_usec());

        trigger_begin(d->trigger, clock_monotonic_usec());
        watch_set_tick(d->watches, slot_end_usec, daemon_on_cause, d);
        (void) trigger_commit(d->trigger);

        task_manager_tick(d->tasks, clock_monotonic_usec());
        daemon_oap_tick(d->oap, clock_monotonic_usec());
        cooldown_forget_expired(d->cooldown, slot_end_usec);
}

static int on_tick(sd_event_source *s, uint64_t scheduled_usec, void *userdata) {
        Daemon *d = userdata;
        usec_t now_usec = clock_monotonic_usec(), slot_end_usec;
        int r;

        /* Whole seconds of the clock; seconds slept through (suspend, a stopped machine) stay empty. */
        slot_end_usec = now_usec - now_usec % USEC_PER_SEC;

        r = sd_event_source_set_time(s, slot_end_usec + USEC_PER_SEC);
        if (r < 0)
                return log_error_errno(r, "Failed to set the timer of the next second: %m");

        tick(d, slot_end_usec);
        daemon_connect_bus(d, now_usec);

        if (task_manager_has_pending_preparation(d->tasks) || task_manager_n_running(d->tasks) > 0 ||
            d->finishing || d->hottest_requests || daemon_http_has_work(d->http))
                (void) sd_event_source_set_enabled(d->idle_source, SD_EVENT_ON);

        return 0;
}

static int on_drain(sd_event_source *s, uint64_t scheduled_usec, void *userdata) {
        Daemon *d = userdata;
        usec_t now_usec = clock_monotonic_usec(), due_usec;

        task_manager_drain(d->tasks, now_usec);
        due_usec = task_manager_end_due(d->tasks, now_usec);
        if (task_manager_has_pending_preparation(d->tasks))
                (void) sd_event_source_set_enabled(d->idle_source, SD_EVENT_ON);

        if (task_manager_n_running(d->tasks) == 0)
                return sd_event_source_set_enabled(s, SD_EVENT_OFF);

        return sd_event_source_set_time(s, MIN_OF(now_usec + DRAIN_INTERVAL_USEC, due_usec));
}

static int on_idle(sd_event_source *s, void *userdata) {
        Daemon *d = userdata;

        /* Writing a large profile is one piece of work: none begins shortly before the next second closes.
         * The tick turns this source on again. */
        if (clock_monotonic_usec() % USEC_PER_SEC > USEC_PER_SEC - IDLE_REST_USEC)
                return sd_event_source_set_enabled(s, SD_EVENT_OFF);

        if (task_manager_has_pending_preparation(d->tasks)) {
                task_manager_prepare_pending(d->tasks, PREPARE_BUDGET_USEC);
                return 0;
        }

        return daemon_idle_work(d) ? 0 : sd_event_source_set_enabled(s, SD_EVENT_OFF);
}

static int on_sighup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        Daemon *d = userdata;
        int r;

        (void) sd_notifyf(
                        0,
                        "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=Reloading",
                        (unsigned long long) clock_monotonic_usec());
        r = daemon_reload(d);
        if (r < 0)
                log_error_errno(r, "Failed to reload, keeping what is in force: %m");
        (void) sd_notify(0, "READY=1\nSTATUS=Watching");
        return 0;
}

static int on_stop_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        return sd_event_exit(sd_event_source_get_event(s), EXIT_SUCCESS);
}

static int
add_timer(Daemon *d, sd_event_source **ret, sd_event_time_handler_t fn, int64_t priority, const char *name) {
        int r;

        /* accuracy 1 us: the default lets the kernel be late by a quarter of a second */
        r = sd_event_add_time(d->event, ret, CLOCK_MONOTONIC, clock_monotonic_usec(), 1, fn, d);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(*ret, name);
        (void) sd_event_source_set_enabled(*ret, SD_EVENT_ON);
        return sd_event_source_set_priority(*ret, priority);
}

static int init_loop(Daemon *d) {
        int r;

        r = sd_event_default(&d->event);
        if (r < 0)
                return r;

        r = sd_event_set_watchdog(d->event, true);
        if (r < 0)
                return r;

        r = sd_event_add_signal(d->event, NULL, SIGTERM, on_stop_signal, d);
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGINT, on_stop_signal, d);
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGHUP, on_sighup, d);
        if (r < 0)
                return r;

        r = add_timer(d, &d->tick_source, on_tick, EVENT_PRIORITY_TICK, "tick");
        if (r < 0)
                return r;

        r = add_timer(d, &d->drain_source, on_drain, EVENT_PRIORITY_DRAIN, "drain");
        if (r < 0)
                return r;

        r = sd_event_add_defer(d->event, &d->idle_source, on_idle, d);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(d->idle_source, "idle");
        (void) sd_event_source_set_enabled(d->idle_source, SD_EVENT_ON);
        return sd_event_source_set_priority(d->idle_source, EVENT_PRIORITY_IDLE);
}

const char *daemon_state_directory(const Daemon *d) {
        return d->options.state_directory ?: STATE_DIRECTORY;
}

static int init_symbols(Daemon *d) {
        const char *cache = d->options.cache_directory ?: FETCH_DIRECTORY;
        const char *const roots[] = { "/usr/lib/debug", cache, NULL };
        int r;

        if (!d->config.debuginfod)
                return symbolizer_new(d->host, NULL, &d->symbolizer);
        r = fetcher_new(cache, d->config.debuginfod_urls, &d->fetcher);
        return r < 0 ? r : symbolizer_new(d->host, roots, &d->symbolizer);
}

static int init_evidence(Daemon *d) {
        const char *directory = daemon_state_directory(d);
        int r;

        r = init_symbols(d);
        if (r < 0)
                return r;

        r = store_new(directory, &d->config.store, &d->store);
        if (r < 0)
                return log_error_errno(r, "Failed to open the store '%s': %m", directory);

        r = store_end_interrupted(d->store, "cprofd ended while the task ran");
        if (r < 0)
                log_warning_errno(r, "Failed to end interrupted tasks, they stay as they are: %m");
        else if (r > 0)
                log_notice("%i interrupted tasks were ended as failed; their partial data is kept.", r);

        daemon_restore_silence(d);

        r = sinks_add(&d->sinks, &sink_store_ops, d->store);
        if (r < 0)
                return r;

        return sinks_add(&d->sinks, &sink_journal_ops, NULL);
}

static void log_features(Daemon *d) {
        for (ProbeFeature f = 0; f < _PROBE_FEATURE_MAX; f++) {
                const char *reason = NULL;

                if (probe_feature(d->probe, f, &reason) < 0)
                        log_warning("%s is not available: %s",
                                    probe_feature_to_string(f),
                                    reason ?: "unknown reason");
        }
}

int daemon_new(const DaemonOptions *options, Daemon **ret_daemon) {
        _cleanup_(daemon_freep) Daemon *d = NULL;
        int r;

        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;

        d->options = *options;

        r = config_load("", &d->config, &d->config_problems);
        if (r < 0)
                return r;
        log_set_max_level(options->log_level >= 0 ? options->log_level : d->config.log_level);

        r = daemon_init_watching(d);
        if (r < 0)
                return r;

        r = init_evidence(d);
        if (r < 0)
                return r;

        r = init_loop(d);
        if (r < 0)
                return log_error_errno(r, "Failed to set up the event loop: %m");

        r = daemon_init_tasks(d);
        if (r < 0)
                return r;

        r = target_set_refresh(d->targets, clock_monotonic_usec());
        if (r < 0)
                log_warning_errno(r, "Failed to look at the processes, trying again in a second: %m");

        r = daemon_init_services(d);
        if (r < 0)
                return r;

        r = daemon_load(d);
        if (r < 0)
                return log_error_errno(r, "Failed to load the policies: %m");

        daemon_connect_bus(d, clock_monotonic_usec());
        log_features(d);

        *ret_daemon = TAKE_PTR(d);
        return 0;
}

Daemon *daemon_free(Daemon *d) {
        if (!d)
                return NULL;

        /* running tasks end first, so that what they recorded is named and written */
        d->tasks = task_manager_free(d->tasks);
        d->python = daemon_python_free(d->python);
        d->java = daemon_java_free(d->java);
        if (d->symbolizer && d->store)
                daemon_finish_all(d);

        daemon_disconnect_bus(d);
        daemon_oap_free(d->oap);

        for (size_t i = 0; i < d->n_inotify; i++)
                (void) sd_event_source_disable_unref(d->inotify_sources[i]);
        (void) sd_event_source_disable_unref(d->reload_source);
        (void) sd_event_source_disable_unref(d->idle_source);
        (void) sd_event_source_disable_unref(d->drain_source);
        (void) sd_event_source_disable_unref(d->tick_source);
        (void) sd_event_unref(d->event);

        store_free(d->store);
        fetcher_free(d->fetcher);
        symbolizer_free(d->symbolizer);
        trigger_free(d->trigger);
        cooldown_free(d->cooldown);
        policy_store_free(d->policies);
        daemon_http_free(d->http);
        watch_set_free(d->watches);
        target_set_free(d->targets);
        module_table_free(d->modules);
        probe_free(d->probe);
        host_free(d->host);
        strv_free(d->config_problems);
        config_done(&d->config);
        free(d);
        return NULL;
}

int daemon_run(Daemon *d) {
        int r;

        r = daemon_wait_for_name(d);
        if (r < 0)
                return r;
        if (sd_event_get_state(d->event) == SD_EVENT_FINISHED) /* stopped meanwhile */
                return EXIT_SUCCESS;

        (void) sd_notifyf(0, "READY=1\nSTATUS=Watching");
        log_info("Watching %u units with %u policies (%zu rules); processes are read by %s.",
                 target_set_n_units(d->targets),
                 policy_store_n_loaded(d->policies),
                 watch_set_n_rules(d->watches),
                 target_set_source(d->targets));

        r = sd_event_loop(d->event);
        (void) sd_notify(0, "STOPPING=1\nSTATUS=Writing what was recorded");
        return r;
}
