/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink-oap.h"

#include "host/clock.h"

static int64_t now_ms(void) {
        return (int64_t) (clock_realtime_usec() / USEC_PER_MSEC);
}

static int pass_start(void *self, const Task *t) {
        SinkOap *s = self;

        return oap_runs_task_started(s->runs, t, s->identity_of(t, s->userdata), now_ms());
}

/* A profile without its names counts as not there, and what was before the trigger is no part of OAP's task.
 */
static int pass_data(SinkOap *s, const Task *t, const TaskEvidence *e, bool last) {
        bool is_there = e->profile && e->symbols;

        return oap_runs_task_data(
                        s->runs,
                        t,
                        is_there ? e->profile : NULL,
                        is_there ? e->symbols : NULL,
                        last,
                        now_ms());
}

static int pass_checkpoint(void *self, const Task *t, const TaskEvidence *evidence) {
        return pass_data(self, t, evidence, /* last= */ false);
}

static int pass_end(void *self, const Task *t, const TaskEvidence *evidence) {
        return pass_data(self, t, evidence, /* last= */ true);
}

const SinkOps sink_oap_ops = {
        .name = "oap",
        .task_started = pass_start,
        .task_checkpoint = pass_checkpoint,
        .task_ended = pass_end,
};
