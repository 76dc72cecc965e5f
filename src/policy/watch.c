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
        }

        for (size_t m = 0; m < _METRIC_MAX; m++)
                window_free(w->windows[m]);
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

static unsigned longest_period(const Watch *w, Metric metric) {
        unsigned longest = 0;

        for (size_t i = 0; i < w->n_policies; i++)
                for (size_t k = 0; k < w->policies[i]->n_triggers; k++) {
                        const PolicyTrigger *t = w->policies[i]->triggers + k;

                        if (t->metric == metric)
                                longest = MAX_OF(longest, t->period_sec);
                }

        return longest;
}

/* Gives each metric the window its rules need. Without memory a window stays longer than needed, or the
 * result is -ENOMEM. */
static int watch_fit_windows(Watch *w) {
        int r;

        for (Metric m = 0; m < _METRIC_MAX; m++) {
                unsigned period_sec = longest_period(w, m);

                if (period_sec == 0)
                        w->windows[m] = window_free(w->windows[m]);
                else if (!w->windows[m]) {
                        r = window_new(period_sec, w->windows + m);
                        if (r < 0)
                                return r;
                } else {
                        r = window_resize(w->windows + m, period_sec);
                        if (r < 0 && window_length(w->windows[m]) < period_sec)
                                return r;
                }
        }

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
        size_t position;
        bool found;
        int r;

        assert(w);
        assert(p);

        position = watch_position(w, p->name, &found);
        if (found) {
                Policy *old = w->policies[position];

                w->policies[position] = policy_ref(p);
                policy_unref(old);
        } else {
                r = insert_policy(w, p, position);
                if (r < 0)
                        return r;
        }

        r = watch_fit_windows(w);
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

        (void) watch_fit_windows(w); /* only shrinks: nothing the rest needs is lost */
        policy_unref(dropped);       /* last: @name may be its own */
}

size_t watch_n_rules(const Watch *w) {
        size_t n = 0;

        assert(w);

        for (size_t i = 0; i < w->n_policies; i++)
                n += w->policies[i]->n_triggers;

        return n;
}
