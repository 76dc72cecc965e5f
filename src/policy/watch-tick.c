/* SPDX-License-Identifier: Apache-2.0 */
/* The second: values into windows, rules on them. */
#include "policy/watch-set-internal.h"

#include "policy/evaluate.h"

#include <math.h>

static double value_of_monitor(Metric metric, Subject subject, const UriRule *uri, void *userdata) {
        WatchSet *s = userdata;

        return monitor_value(s->monitor, metric, subject, uri);
}

void watch_set_set_source(WatchSet *s, WatchValueFn value, void *userdata) {
        assert(s);

        s->value = value ?: value_of_monitor;
        s->userdata = value ? userdata : s;
}

static void record_values(WatchSet *s, Watch *w, usec_t slot_usec) {
        bool fresh = w->subject.process && w->subject.process->fresh;

        for (size_t i = 0; i < w->n_windows; i++) {
                const WatchWindow *window = w->windows + i;

                (void) window_add(
                                window->window,
                                slot_usec,
                                fresh ? NAN
                                      : s->value(window->metric, w->subject, window->uri, s->userdata));
        }
}

static void
evaluate_rule(const Watch *w, const WatchRule *rule, usec_t slot_usec, CauseFn fn, void *userdata) {
        Evaluation e = policy_trigger_evaluate(rule->trigger, rule->window, slot_usec);
        Cause cause;

        if (!e.holds)
                return;

        cause = (Cause){
                .policy = rule->policy,
                .trigger = rule->trigger,
                .subject = w->subject,
                .hits = e.hits,
                .value = e.value,
                .peak = e.peak,
        };
        fn(&cause, userdata);
}

void watch_set_tick(WatchSet *s, usec_t slot_end_usec, CauseFn fn, void *userdata) {
        usec_t slot_usec = slot_end_usec > 0 ? slot_end_usec - 1 : 0;

        assert(s);
        assert(fn);

        for (size_t i = 0; i < s->array.n_watches; i++) {
                Watch *w = s->array.watches + i;

                record_values(s, w, slot_usec);
                for (size_t k = 0; k < w->n_rules; k++)
                        evaluate_rule(w, w->rules + k, slot_usec, fn, userdata);
        }
}
