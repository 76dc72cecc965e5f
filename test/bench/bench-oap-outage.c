/* SPDX-License-Identifier: Apache-2.0 */
/* A day without OAP, on a simulated clock: what waits for it on disk, and what is there when it is back. */
#include "bench/bench-load.h"
#include "bench/bench-oap.h"
#include "oap/outage.h"

#include <inttypes.h>

#define LOST_GOAL 0.0

static double missing(uint64_t there_were, uint64_t arrived) {
        return (double) there_were - (double) arrived;
}

static void say(Bench *b, const OutagePlan *p, const Outage *o) {
        char inputs[384];

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "OAP away for %u h, a trigger each %u min, each for %u min on-CPU and off-CPU with %u stacks: %" PRIu64
                        " tasks, %" PRIu64 " samples and waits, %" PRIu64
                        " values; %u restarts of the daemon; %" PRIu64 " attempts meanwhile, %" PRIu64
                        " calls afterwards",
                        (unsigned) (p->day_usec / USEC_PER_HOUR),
                        (unsigned) (p->trigger_usec / USEC_PER_MINUTE),
                        (unsigned) (p->task_usec / USEC_PER_MINUTE),
                        p->n_stacks,
                        o->n_tasks,
                        o->n_samples,
                        o->n_meters,
                        p->restarts,
                        o->n_calls_away,
                        o->n_calls_back);

        bench_figure(b,
                     "outage-tasks-lost",
                     missing(o->n_tasks, o->n_known),
                     "tasks",
                     LOST_GOAL,
                     true,
                     inputs);
        bench_figure(b,
                     "outage-samples-lost",
                     missing(o->n_samples, o->n_samples_at_oap),
                     "samples",
                     LOST_GOAL,
                     true,
                     inputs);
        bench_figure(b,
                     "outage-values-lost",
                     missing(o->n_meters, o->n_meters_at_oap),
                     "values",
                     BENCH_NO_GOAL,
                     true,
                     inputs);
        bench_figure(b,
                     "outage-sent-twice",
                     (double) (o->n_twice + o->n_out_of_order),
                     "records",
                     LOST_GOAL,
                     true,
                     inputs);
        bench_figure(b,
                     "outage-spool",
                     (double) o->bytes_max / (1 << 20),
                     "MiB",
                     (double) p->spool_bytes / (1 << 20),
                     true,
                     inputs);
        bench_figure(b,
                     "outage-back-fill",
                     (double) o->back_usec / (double) USEC_PER_SEC,
                     "s",
                     BENCH_NO_GOAL,
                     true,
                     "until all of it was there: a host has its turn, so that many do not come at once");
}

void bench_oap_outage(Bench *b) {
        const OutagePlan plan = {
                .day_usec = USEC_PER_DAY,
                .trigger_usec = 25 * USEC_PER_MINUTE,
                .task_usec = 10 * USEC_PER_MINUTE,
                .flush_usec = USEC_PER_MINUTE, /* as it is while OAP is away */
                .n_stacks = 300,
                .n_meters = 50,
                .spool_bytes = 256U << 20, /* SpoolMaxUse= */
                .restarts = 3,
        };
        Outage o = {};
        int r;

        r = outage_run(&o, &plan);
        if (r < 0)
                bench_fail("outage", r);

        say(b, &plan, &o);
        outage_done(&o);
}
