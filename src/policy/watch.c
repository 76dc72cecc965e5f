/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/watch.h"

#include <string.h>

void watch_done(Watch *w) {
        assert(w);

        if (w->subject.process)
                w->subject.process->watch = NULL;
        if (w->subject.unit) {
                w->subject.unit->watch = NULL;
                w->subject.unit->cpu_wanted = false;
                w->subject.unit->pressures_wanted = 0;
        }

        for (size_t i = 0; i < w->n_windows; i++)
                window_free(w->windows[i].window);
        free(w->windows);
        free(w->rules);
        for (size_t i = 0; i < w->n_policies; i++)
                policy_unref(w->policies[i]);
        free(w->policies);

        *w = (Watch){};
}

/* Where the policy of that name is or would have to be. */
static size_t watch_position(const Watch *w, const char *name, bool *ret_found) {
        for (size_t i = 0; i < w->n_policies; i++) {
                int c = strcmp(w->policies[i]->name, name);

                if (c >= 0) {
                        *ret_found = c == 0;
                        return i;
                }
        }

        *ret_found = false;
        return w->n_policies;
}

Policy *watch_find_policy(const Watch *w, const char *name) {
        bool found;
        size_t i;

        assert(w);
        assert(name);

        i = watch_position(w, name, &found);
        return found ? w->policies[i] : NULL;
}

static WatchWindow *find_window(const Watch *w, Metric metric, const UriRule *uri) {
        for (size_t i = 0; i < w->n_windows; i++)
                if (w->windows[i].metric == metric && uri_rule_equal(w->windows[i].uri, uri))
                        return w->windows + i;

        return NULL;
}

const Window *watch_find_window(const Watch *w, Metric metric, const UriRule *uri) {
        WatchWindow *found;

        assert(w);
        assert(uri);

        found = find_window(w, metric, uri);
        return found ? found->window : NULL;
}

static int find_or_add_window(Watch *w, const PolicyTrigger *t, WatchWindow **ret) {
        WatchWindow *found = find_window(w, t->metric, &t->uri), *windows;
        Window *window;
        int r;

        if (found) {
                *ret = found;
                return 0;
        }

        windows = reallocarray(w->windows, w->n_windows + 1, sizeof(*windows));
        if (!windows)
                return -ENOMEM;
        w->windows = windows;

        r = window_new(t->period_sec, &window);
        if (r < 0)
                return r;

        windows[w->n_windows] = (WatchWindow){ .metric = t->metric, .window = window };
        *ret = windows + w->n_windows++;
        return 0;
}

/* Makes the windows that are missing and lets each know how long it has to be. Their URIs are from now on
 * those of the present policies. */
static int ask_for_windows(Watch *w) {
        WatchWindow *window;
        int r;

        for (size_t i = 0; i < w->n_windows; i++)
                w->windows[i].period_sec = 0;

        for (size_t i = 0; i < w->n_policies; i++)
                for (size_t k = 0; k < w->policies[i]->n_triggers; k++) {
                        const PolicyTrigger *t = w->policies[i]->triggers + k;

                        r = find_or_add_window(w, t, &window);
                        if (r < 0)
                                return r;

                        window->uri = &t->uri;
                        window->period_sec = MAX_OF(window->period_sec, t->period_sec);
                }

        return 0;
}

/* Drops windows that no rule reads and gives the others their length. Without memory a window stays longer
 * than needed, or the result is -ENOMEM. */
static int fit_windows(Watch *w) {
        size_t n = 0;
        int r, error = 0;

        for (size_t i = 0; i < w->n_windows; i++) {
                WatchWindow *window = w->windows + i;

                if (window->period_sec == 0) {
                        window_free(window->window);
                        continue;
                }

                r = window_resize(&window->window, window->period_sec);
                if (r < 0 && window_length(window->window) < window->period_sec)
                        error = r;
                w->windows[n++] = *window;
        }

        w->n_windows = n;
        return error;
}

static int reserve_rules(Watch *w) {
        size_t n = 0;
        WatchRule *rules;

        for (size_t i = 0; i < w->n_policies; i++)
                n += w->policies[i]->n_triggers;
        if (n <= w->n_rules_allocated)
                return 0;

        rules = reallocarray(w->rules, n, sizeof(*rules));
        if (!rules)
                return -ENOMEM;

        w->rules = rules;
        w->n_rules_allocated = n;
        return 0;
}

static void fill_rules(Watch *w) {
        w->n_rules = 0;

        for (size_t i = 0; i < w->n_policies; i++)
                for (size_t k = 0; k < w->policies[i]->n_triggers; k++) {
                        const PolicyTrigger *t = w->policies[i]->triggers + k;

                        w->rules[w->n_rules++] = (WatchRule){
                                .policy = w->policies[i],
                                .trigger = t,
                                .window = find_window(w, t->metric, &t->uri)->window,
                        };
                }
}

static void want_pressures(Watch *w) {
        Unit *u = w->subject.unit;

        if (!u)
                return;

        u->pressures_wanted = 0;
        for (size_t i = 0; i < w->n_windows; i++) {
                int pressure = metric_pressure(w->windows[i].metric);

                if (pressure >= 0)
                        u->pressures_wanted |= 1U << pressure;
        }
}

/* Brings windows and rules in line with the policies. Policies that were taken out must not be freed before,
 * because windows may still refer to their URIs. Cannot fail after a policy was only taken out. */
static int watch_fit(Watch *w) {
        int r;

        r = reserve_rules(w);
        if (r >= 0)
                r = ask_for_windows(w);
        if (r >= 0)
                r = fit_windows(w);
        if (r < 0) {
                w->n_rules = 0;
                return r;
        }

        fill_rules(w);
        want_pressures(w);
        return 0;
}

static int insert_policy(Watch *w, Policy *p, size_t position) {
        Policy **policies = reallocarray(w->policies, w->n_policies + 1, sizeof(*policies));

        if (!policies)
                return -ENOMEM;

        memmove(policies + position + 1,
                policies + position,
                (w->n_policies - position) * sizeof(*policies));
        policies[position] = policy_ref(p);
        w->policies = policies;
        w->n_policies++;
        return 0;
}

int watch_put_policy(Watch *w, Policy *p) {
        _cleanup_(policy_unrefp) Policy *old = NULL;
        size_t position;
        bool found;
        int r;

        assert(w);
        assert(p);

        position = watch_position(w, p->name, &found);
        if (found) {
                old = w->policies[position];
                w->policies[position] = policy_ref(p);
        } else {
                r = insert_policy(w, p, position);
                if (r < 0)
                        return r;
        }

        r = watch_fit(w);
        if (r < 0)
                watch_drop_policy(w, p->name);

        return r;
}

void watch_drop_policy(Watch *w, const char *name) {
        size_t position;
        Policy *dropped;
        bool found;

        assert(w);
        assert(name);

        position = watch_position(w, name, &found);
        if (!found)
                return;

        dropped = w->policies[position];
        w->n_policies--;
        memmove(w->policies + position,
                w->policies + position + 1,
                (w->n_policies - position) * sizeof(*w->policies));

        (void) watch_fit(w);   /* only shrinks: nothing the rest needs is lost */
        policy_unref(dropped); /* last: @name may be its own */
}

bool watch_has_http(const Watch *w) {
        assert(w);

        for (size_t i = 0; i < w->n_windows; i++)
                if (metric_info(w->windows[i].metric)->is_http)
                        return true;

        return false;
}

/* Adds the rules of @w that are not among the @n that were found already. */
static size_t add_uri_rules(const Watch *w, const UriRule **ret, size_t max, size_t n) {
        for (size_t i = 0; w && i < w->n_windows; i++) {
                bool known = !metric_info(w->windows[i].metric)->is_http;

                for (size_t k = 0; k < MIN_OF(n, max) && !known; k++)
                        known = uri_rule_equal(ret[k], w->windows[i].uri);
                if (known)
                        continue;
                if (n < max)
                        ret[n] = w->windows[i].uri;
                n++;
        }

        return n;
}

size_t watch_uri_rules(const Watch *w, const UriRule **ret, size_t max) {
        assert(ret || max == 0);

        return add_uri_rules(w, ret, max, 0);
}

size_t process_uri_rules(const Process *p, const UriRule **ret, size_t max) {
        size_t n;

        assert(p);
        assert(ret || max == 0);

        n = add_uri_rules(p->watch, ret, max, 0);
        for (const Unit *u = p->unit; u; u = u->slice)
                n = add_uri_rules(u->watch, ret, max, n);

        return n;
}
