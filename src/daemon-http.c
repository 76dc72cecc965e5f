/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon-http.h"

#include "basic/log.h"
#include "daemon-tls.h"

struct DaemonHttp {
        HttpMonitor *monitor;
        HttpWatch *watch;
        DaemonTls *tls; /* NULL: TLS libraries are not looked for */

        bool was_said, was_possible; /* what the journal was told last */
        size_t n_failed;             /* ditto: processes that could not be measured */
        bool read_fails;
};

static void on_watched(Process *p, void *userdata) {
        DaemonHttp *h = userdata;
        int r;

        if (!h->tls)
                return;

        r = daemon_tls_process(h->tls, p);
        if (r < 0)
                log_debug_errno(r,
                                "Failed to look for the TLS libraries of process %i: %m",
                                (int) p->key.pid);
}

static void on_unwatched(Process *p, void *userdata) {
        DaemonHttp *h = userdata;

        if (h->tls)
                daemon_tls_forget(h->tls, p);
}

static void on_refused(const Process *p, const UriRule *rule, const char *reason, void *userdata) {
        log_warning("Requests of '%s' in '%s' are not measured: %s.",
                    rule->text ?: "any URI",
                    p->unit->name,
                    reason);
}

int daemon_http_new(
                const DaemonHttpConfig *config,
                const Host *host,
                Probe *probe,
                TargetSet *targets,
                WatchSet *watches,
                DaemonHttp **ret) {
        _cleanup_(daemon_http_freep) DaemonHttp *h = NULL;
        HttpWatchEvents events;
        int r;

        assert(config);
        assert(ret);

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;

        r = http_monitor_new(probe, config->hook, &h->monitor);
        if (r < 0)
                return r;

        if (config->tls) {
                r = daemon_tls_new(host, probe, h->monitor, &h->tls);
                if (r < 0)
                        return r;
        }

        events = (HttpWatchEvents){
                .watched = on_watched,
                .unwatched = on_unwatched,
                .refused = on_refused,
                .userdata = h,
        };
        r = http_watch_new(host, targets, watches, h->monitor, &events, &h->watch);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(h);
        return 0;
}

DaemonHttp *daemon_http_free(DaemonHttp *h) {
        if (!h)
                return NULL;

        http_watch_free(h->watch);
        daemon_tls_free(h->tls);
        http_monitor_free(h->monitor);
        free(h);
        return NULL;
}

HttpMonitor *daemon_http_monitor(DaemonHttp *h) {
        return h->monitor;
}

HttpWatch *daemon_http_watch(DaemonHttp *h) {
        return h->watch;
}

void daemon_http_set_hook(DaemonHttp *h, ProbeHttpHook hook) {
        http_monitor_set_hook(h->monitor, hook);
}

void daemon_http_process_changed(DaemonHttp *h, Process *p) {
        http_watch_process_changed(h->watch, p);
}

void daemon_http_process_removed(DaemonHttp *h, Process *p) {
        http_watch_process_removed(h->watch, p);
}

void daemon_http_read(DaemonHttp *h, usec_t slot_end_usec) {
        int r;

        r = http_monitor_tick(h->monitor, slot_end_usec);
        if (r < 0 && !h->read_fails)
                log_warning_errno(r, "Failed to read the sums of HTTP, skipping seconds: %m");
        h->read_fails = r < 0;
}

/* One NOTICE when it begins to work or to fail, and one when some processes cannot be measured. */
static void tell(DaemonHttp *h) {
        size_t n_watched = http_monitor_n_watched(h->monitor);
        size_t n_measured = http_monitor_n_measured(h->monitor), n_failed = n_watched - n_measured;
        const char *reason = http_monitor_last_reason(h->monitor) ?: "unknown reason";
        bool is_possible = n_measured > 0;

        if (n_watched == 0)
                return;

        if (!h->was_said || is_possible != h->was_possible) {
                if (is_possible)
                        log_notice("HTTP is measured.");
                else
                        log_notice("HTTP is not measured: %s.", reason);
        } else if (is_possible && n_failed > 0 && h->n_failed == 0)
                log_notice("HTTP of %zu of %zu processes is not measured: %s.", n_failed, n_watched, reason);

        h->was_said = true;
        h->was_possible = is_possible;
        h->n_failed = n_failed;
}

void daemon_http_sync(DaemonHttp *h, usec_t now_usec) {
        http_watch_sync(h->watch, now_usec);
        tell(h);
        if (h->tls)
                daemon_tls_tick(h->tls, now_usec);
}

bool daemon_http_has_work(const DaemonHttp *h) {
        return h->tls && daemon_tls_has_work(h->tls);
}

bool daemon_http_step(DaemonHttp *h) {
        return h->tls && daemon_tls_step(h->tls);
}

void daemon_http_mapped(DaemonHttp *h, pid_t pid, const char *path) {
        if (h->tls)
                daemon_tls_mapped(h->tls, pid, path);
}

void daemon_http_tls_losses(const DaemonHttp *h, uint64_t *ret_refused, uint64_t *ret_over_cap) {
        DaemonTlsCounters counters = {};

        if (h->tls)
                daemon_tls_counters(h->tls, &counters);
        *ret_refused = counters.n_refused;
        *ret_over_cap = counters.n_over_cap;
}
