/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and settings: the first load, reload by request, and by a change on disk. */
#include "daemon-private.h"

#include "basic/event-util.h"
#include "basic/log.h"
#include "basic/strv.h"
#include "host/clock.h"
#include "sink/sink-policy.h"
#include "task/task-kind.h"

#include <limits.h>
#include <string.h>
#include <sys/inotify.h>

#define RELOAD_DELAY_USEC (100 * USEC_PER_MSEC) /* an editor writes more than once */

static void arm_kind(Daemon *d, ProfileKind kind) {
        int r;

        if (!watch_set_wants_kind(d->watches, kind)) {
                if (task_manager_n_running(d->tasks) == 0 &&
                    probe_feature(d->probe, task_kind_feature(kind), NULL) >= 0)
                        probe_disarm(d->probe, task_kind_use(kind));
                return;
        }

        /* what is missing is said per rule, by GetWindows and the status */
        r = probe_arm(d->probe, task_kind_use(kind));
        if (r < 0)
                log_debug_errno(r, "Failed to prepare for %s: %m", profile_kind_to_string(kind));
}

void daemon_arm_sampler(Daemon *d) {
        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                arm_kind(d, k);
}

static void prepare_watched(Daemon *d) {
        Process *p, *next;

        HASH_ITER(hh, target_set_processes(d->targets), p, next) {
                if (p->watch)
                        task_manager_prepare(d->tasks, p);
        }
}

/* A PolicyChangeFn. */
static void on_policy_change(const char *name, Policy *old, Policy *new, void *userdata) {
        Daemon *d = userdata;
        int r = 0;

        if (old && new)
                r = watch_set_replace_policy(d->watches, old, new);
        else if (new)
                r = watch_set_add_policy(d->watches, new);
        else if (old)
                watch_set_remove_policy(d->watches, old);

        if (r < 0)
                log_error_errno(r, "Failed to apply policy '%s', it watches less than it should: %m", name);

        if (d->bus && d->policies_ready)
                bus_emit_policy_changed(d->bus, name, old != NULL, new != NULL);
}

static void report_problems(Daemon *d) {
        for (char **s = d->config_problems; s && *s; s++)
                log_warning("%s, ignoring.", *s);
        for (char **s = policy_store_problems(d->policies); s && *s; s++)
                sink_policy_problem(*s);
}

static int load_config(Daemon *d) {
        char **problems = NULL;
        Config c;
        int r;

        r = config_load("", &c, &problems);
        if (r < 0)
                return r;

        r = daemon_reload_services(d, &c);
        if (r < 0) {
                config_done(&c);
                strv_free(problems);
                return r;
        }

        strv_free(d->config_problems);
        d->config_problems = problems;
        config_done(&d->config);
        d->config = c;
        log_set_max_level(d->options.log_level >= 0 ? d->options.log_level : c.log_level);
        return 0;
}

int daemon_load(Daemon *d) {
        int r;

        r = policy_store_new(NULL, on_policy_change, d, &d->policies);
        if (r < 0)
                return r;

        r = policy_store_set_directory(d->policies, POLICY_SOURCE_OAP, daemon_oap_policy_directory(d->oap));
        if (r < 0)
                return r;

        r = policy_store_reload(d->policies, NULL);
        if (r < 0)
                return r;

        d->policies_ready = true;
        report_problems(d);
        daemon_watch_directories(d);
        daemon_arm_sampler(d);
        prepare_watched(d);
        return 0;
}

int daemon_reload_policies(Daemon *d) {
        int r;

        r = policy_store_reload(d->policies, NULL);
        if (r < 0)
                return r;

        report_problems(d);
        daemon_watch_directories(d);
        daemon_arm_sampler(d);
        prepare_watched(d);
        log_info("Loaded %u policies watching %zu rules.",
                 policy_store_n_loaded(d->policies),
                 watch_set_n_rules(d->watches));
        return 0;
}

int daemon_reload(Daemon *d) {
        int r;

        r = load_config(d);
        if (r < 0)
                return r;

        daemon_http_set_hook(d->http, d->config.http_hook);
        store_set_config(d->store, &d->config.store);
        r = policy_store_set_directory(d->policies, POLICY_SOURCE_OAP, daemon_oap_policy_directory(d->oap));
        return r < 0 ? r : daemon_reload_policies(d);
}

static int on_reload_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Daemon *d = userdata;
        int r;

        r = daemon_reload(d);
        if (r < 0)
                log_error_errno(r, "Failed to reload, keeping what is in force: %m");

        return 0;
}

static int on_inotify(sd_event_source *s, const struct inotify_event *event, void *userdata) {
        Daemon *d = userdata;

        if (event->len > 0 && event->name[0] == '.')
                return 0; /* our own and others' temporary files */

        (void) sd_event_source_set_time(d->reload_source, clock_monotonic_usec() + RELOAD_DELAY_USEC);
        (void) sd_event_source_set_enabled(d->reload_source, SD_EVENT_ONESHOT);
        return 0;
}

/* Watches @path or, while it is missing, the nearest directory above that exists. */
static void watch_directory(Daemon *d, const char *path) {
        const uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |
                        IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;
        char buf[PATH_MAX], *slash;

        if (d->n_inotify >= DAEMON_INOTIFY_MAX || strlen(path) >= sizeof(buf))
                return;

        strcpy(buf, path);
        for (;;) {
                sd_event_source **s = d->inotify_sources + d->n_inotify;

                if (sd_event_add_inotify(d->event, s, buf, mask, on_inotify, d) >= 0) {
                        (void) sd_event_source_set_priority(*s, EVENT_PRIORITY_RELOAD);
                        d->n_inotify++;
                        return;
                }

                if (strcmp(buf, "/") == 0)
                        return;
                slash = strrchr(buf, '/'); /* paths are absolute */
                slash[slash == buf] = '\0';
        }
}

static void watch_dropins(Daemon *d) {
        PolicyEntry *e, *next;

        HASH_ITER(hh, policy_store_entries(d->policies), e, next) {
                char path[PATH_MAX];

                if (snprintf(path, sizeof(path), "%s.d", e->path) < (int) sizeof(path) &&
                    access(path, F_OK) == 0)
                        watch_directory(d, path);
        }
}

void daemon_watch_directories(Daemon *d) {
        static const char *const paths[] = {
                "/etc/cprof/policies.d",    "/run/cprof/policies.d",    "/etc/cprof",
                "/etc/cprof/cprofd.conf.d", "/run/cprof/cprofd.conf.d",
        };
        int r;

        for (size_t i = 0; i < d->n_inotify; i++)
                d->inotify_sources[i] = sd_event_source_disable_unref(d->inotify_sources[i]);
        d->n_inotify = 0;

        if (!d->reload_source) {
                r = sd_event_add_time(
                                d->event, &d->reload_source, CLOCK_MONOTONIC, 0, 0, on_reload_timer, d);
                if (r < 0) {
                        log_warning_errno(r, "Failed to watch the policy directories, reload by hand: %m");
                        return;
                }
                (void) sd_event_source_set_enabled(d->reload_source, SD_EVENT_OFF);
                (void) sd_event_source_set_priority(d->reload_source, EVENT_PRIORITY_RELOAD);
                (void) sd_event_source_set_description(d->reload_source, "reload");
        }

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                watch_directory(d, paths[i]);
        watch_dropins(d);
}
