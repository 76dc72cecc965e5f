/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink.h"

#include "basic/log.h"
#include "host/clock.h"

int sinks_add(Sinks *s, const SinkOps *ops, void *self) {
        assert(s);
        assert(ops);
        assert(ops->name);

        if (s->n >= SINKS_MAX)
                return -E2BIG;

        s->items[s->n].ops = ops;
        s->items[s->n].self = self;
        s->items[s->n].n_failed = 0;
        s->items[s->n].log_limit = (RateLimit){ .interval_usec = USEC_PER_MINUTE, .burst = 5 };
        s->n++;
        return 0;
}

void sinks_remove(Sinks *s, const void *self) {
        size_t n = 0;

        assert(s);

        for (size_t i = 0; i < s->n; i++)
                if (s->items[i].self != self)
                        s->items[n++] = s->items[i];
        s->n = n;
}

/* Counts what sink @i said, and logs it unless it does so all the time. */
static void sinks_note(Sinks *s, size_t i, const Task *t, const char *what, int r) {
        unsigned n_suppressed = s->items[i].log_limit.n_suppressed;
        const char *name = s->items[i].ops->name;

        if (r >= 0)
                return;

        s->items[i].n_failed++;
        if (!ratelimit_below(&s->items[i].log_limit, clock_monotonic_usec()))
                return;

        if (n_suppressed > 0)
                log_warning("Sink '%s' failed %u more times in the last minute.", name, n_suppressed);
        log_warning_errno(r, "Failed to pass %s of task %s to sink '%s', skipping: %m", what, t->id, name);
}

void sinks_task_started(Sinks *s, const Task *t) {
        assert(s);
        assert(t);

        for (size_t i = 0; i < s->n; i++)
                if (s->items[i].ops->task_started)
                        sinks_note(s, i, t, "the start", s->items[i].ops->task_started(s->items[i].self, t));
}

void sinks_task_thinned(Sinks *s, const Task *t, const char *text) {
        assert(s);
        assert(t);
        assert(text);

        for (size_t i = 0; i < s->n; i++) {
                const SinkOps *ops = s->items[i].ops;

                if (ops->task_thinned)
                        sinks_note(s, i, t, "the lower rate", ops->task_thinned(s->items[i].self, t, text));
        }
}

void sinks_task_checkpoint(Sinks *s, const Task *t, const TaskEvidence *evidence) {
        assert(s);
        assert(t);
        assert(evidence);

        for (size_t i = 0; i < s->n; i++) {
                const SinkOps *ops = s->items[i].ops;

                if (ops->task_checkpoint)
                        sinks_note(s,
                                   i,
                                   t,
                                   "the data so far",
                                   ops->task_checkpoint(s->items[i].self, t, evidence));
        }
}

void sinks_task_ended(Sinks *s, const Task *t, const TaskEvidence *evidence) {
        assert(s);
        assert(t);
        assert(evidence);

        for (size_t i = 0; i < s->n; i++) {
                const SinkOps *ops = s->items[i].ops;

                if (ops->task_ended)
                        sinks_note(s, i, t, "the result", ops->task_ended(s->items[i].self, t, evidence));
        }
}
