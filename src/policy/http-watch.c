/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/http-watch.h"

#include "policy/http-compiled.h"

#include <limits.h>

#define RULES_LOOKED_AT                                                                   \
        (2 * CPROF_HTTP_RULES_MAX) /* of one process; those above the maximum are refused \
                                    */
#define CHANGED_MAX 4096U          /* more at once: all are looked at */
#define LISTS_MAX 1024U            /* kept although nobody has them any more */

struct HttpWatch {
        const Host *host; /* borrowed, as the next three */
        TargetSet *targets;
        WatchSet *watches;
        HttpMonitor *monitor;
        HttpWatchEvents events;

        HttpCompiled *lists;
        size_t n_refusing; /* lists not all of whose rules are measured: mostly none */

        pid_t changed[CHANGED_MAX];
        size_t n_changed;
        bool all_changed;
        usec_t retry_usec; /* when those that failed are tried again; USEC_INFINITY: none did */
};

static void note_changed(HttpWatch *w, pid_t pid) {
        if (w->all_changed)
                return;

        if (w->n_changed == CHANGED_MAX) {
                w->all_changed = true;
                return;
        }

        w->changed[w->n_changed++] = pid;
}

/* A WatchHttpFn. */
static void on_rules_changed(Subject subject, void *userdata) {
        HttpWatch *w = userdata;

        if (subject.process)
                note_changed(w, subject.process->key.pid);
        else
                w->all_changed = true;
}

int http_watch_new(
                const Host *host,
                TargetSet *targets,
                WatchSet *watches,
                HttpMonitor *monitor,
                const HttpWatchEvents *events,
                HttpWatch **ret_watch) {
        HttpWatch *w;

        assert(targets);
        assert(watches);
        assert(monitor);
        assert(events);
        assert(ret_watch);

        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;

        w->host = host;
        w->targets = targets;
        w->watches = watches;
        w->monitor = monitor;
        w->events = *events;
        w->all_changed = true;
        w->retry_usec = USEC_INFINITY;
        watch_set_set_http_changed(watches, on_rules_changed, w);

        *ret_watch = w;
        return 0;
}

HttpWatch *http_watch_free(HttpWatch *w) {
        HttpCompiled *c, *next;

        if (!w)
                return NULL;

        watch_set_set_http_changed(w->watches, NULL, NULL);
        HASH_ITER(hh, w->lists, c, next)
        http_compiled_drop(&w->lists, c);
        free(w);
        return NULL;
}

void http_watch_process_changed(HttpWatch *w, const Process *p) {
        assert(w);
        assert(p);

        note_changed(w, p->key.pid);
}

static void unwatch(HttpWatch *w, Process *p) {
        HttpStatus status;

        if (http_monitor_status(w->monitor, p, &status) < 0)
                return;

        if (w->events.unwatched)
                w->events.unwatched(p, w->events.userdata);
        http_monitor_unwatch(w->monitor, p);
}

void http_watch_process_removed(HttpWatch *w, Process *p) {
        assert(w);
        assert(p);

        unwatch(w, p);
}

/* The directory of the process's unit on the unified hierarchy. That of all processes is nobody's own. */
static const char *cgroup_of(const HttpWatch *w, const Process *p, char buf[static PATH_MAX]) {
        const char *mount;
        int n;

        if (!w->host || !p->unit->cgroup_path ||
            p->unit->cgroup_path[strspn(p->unit->cgroup_path, "/")] == '\0')
                return NULL;

        if (w->host->cgroup_layout == CGROUP_LAYOUT_UNIFIED)
                mount = "/sys/fs/cgroup";
        else if (w->host->cgroup_layout == CGROUP_LAYOUT_HYBRID)
                mount = "/sys/fs/cgroup/unified";
        else
                return NULL;

        n = snprintf(buf, PATH_MAX, "%s%s", mount, p->unit->cgroup_path);
        return n > 0 && n < PATH_MAX ? buf : NULL;
}

static void tell_refused(const HttpWatch *w, const Process *p, const HttpCompiled *c) {
        for (size_t i = 0; w->events.refused && i < c->n_refused; i++)
                w->events.refused(p, c->refused + i, c->reasons[i], w->events.userdata);
}

static int watch(HttpWatch *w, Process *p, const UriRule *const *rules, size_t n) {
        char cgroup[PATH_MAX];
        HttpCompiled *c;
        bool is_new;
        int r;

        r = http_compiled_get(&w->lists, rules, n, &c, &is_new);
        if (r < 0)
                return r;

        c->is_used = true;
        if (is_new) {
                w->n_refusing += c->n_refused > 0;
                tell_refused(w, p, c);
        }
        if (c->n_rules == 0) {
                unwatch(w, p);
                return 0;
        }

        r = http_monitor_watch(
                        w->monitor,
                        p,
                        c->rules,
                        c->n_rules,
                        uri_match_rules(c->match),
                        cgroup_of(w, p, cgroup));
        if (r > 0 && w->events.watched)
                w->events.watched(p, w->events.userdata);
        return r;
}

static void sync_process(HttpWatch *w, Process *p, usec_t now_usec) {
        const UriRule *rules[RULES_LOOKED_AT];
        size_t n;
        int r;

        n = MIN_OF(process_uri_rules(p, rules, ELEMENTSOF(rules)), ELEMENTSOF(rules));
        if (n == 0) {
                unwatch(w, p);
                return;
        }

        r = watch(w, p, rules, n);
        if (r < 0 && r != -EOPNOTSUPP && w->retry_usec == USEC_INFINITY)
                w->retry_usec = now_usec + HTTP_WATCH_RETRY_SEC * USEC_PER_SEC;
}

static void sync_all(HttpWatch *w, usec_t now_usec) {
        HttpCompiled *c, *next_list;
        Process *p, *next;

        HASH_ITER(hh, w->lists, c, next_list)
        c->is_used = false;

        HASH_ITER(hh, target_set_processes(w->targets), p, next)
        sync_process(w, p, now_usec);

        HASH_ITER(hh, w->lists, c, next_list) {
                if (c->is_used)
                        continue;

                w->n_refusing -= c->n_refused > 0;
                http_compiled_drop(&w->lists, c);
        }
}

void http_watch_sync(HttpWatch *w, usec_t now_usec) {
        bool all;

        assert(w);

        all = w->all_changed || now_usec >= w->retry_usec || HASH_COUNT(w->lists) > LISTS_MAX;
        if (now_usec >= w->retry_usec)
                w->retry_usec = USEC_INFINITY;

        if (all)
                sync_all(w, now_usec);
        for (size_t i = 0; i < w->n_changed && !all; i++) {
                Process *p = target_set_find_process(w->targets, w->changed[i]);

                if (p)
                        sync_process(w, p, now_usec);
        }

        w->n_changed = 0;
        w->all_changed = false;
}

const char *http_watch_refusal(const HttpWatch *w, const Process *p, const UriRule *rule) {
        const UriRule *rules[RULES_LOOKED_AT];
        const HttpCompiled *c;
        size_t n;

        assert(w);
        assert(p);
        assert(rule);

        if (w->n_refusing == 0)
                return NULL;

        n = MIN_OF(process_uri_rules(p, rules, ELEMENTSOF(rules)), ELEMENTSOF(rules));
        c = n > 0 ? http_compiled_find(w->lists, rules, n) : NULL;

        for (size_t i = 0; c && i < c->n_refused; i++)
                if (uri_rule_equal(c->refused + i, rule))
                        return c->reasons[i];

        return NULL;
}
