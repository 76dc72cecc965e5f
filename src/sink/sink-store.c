/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps tasks and profiles in the store on this host. */
#include "sink/sink.h"

static int store_task_started(void *self, const Task *t) {
        return store_write_task(self, t);
}

/* The profiles go first: a task.json that says "finished" then has them beside it. Each is written whatever
 * becomes of the others. */
static int store_all(Store *store, const Task *t, const TaskEvidence *e) {
        int before = 0, recorded = 0, task;

        if (e->before && e->before_symbols)
                before = store_write_profile(store, t, TASK_PART_BEFORE, e->before, e->before_symbols);
        if (e->profile && e->symbols)
                recorded = store_write_profile(store, t, TASK_PART_RECORDED, e->profile, e->symbols);
        task = store_write_task(store, t);

        return recorded < 0 ? recorded : before < 0 ? before : task;
}

static int store_task_checkpoint(void *self, const Task *t, const TaskEvidence *evidence) {
        return store_all(self, t, evidence);
}

static int store_task_ended(void *self, const Task *t, const TaskEvidence *evidence) {
        return store_all(self, t, evidence);
}

const SinkOps sink_store_ops = {
        .name = "store",
        .task_started = store_task_started,
        .task_checkpoint = store_task_checkpoint,
        .task_ended = store_task_ended,
};
