/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps tasks and profiles in the store on this host. */
#include "sink/sink.h"

static int store_task_started(void *self, const Task *t) {
        return store_write_task(self, t);
}

/* The profile goes first: a task.json that says "finished" then has its profile beside it. Each is written
 * whatever becomes of the other. */
static int store_both(Store *store, const Task *t, const Profile *profile, const Symbols *symbols) {
        int r = 0, q;

        if (profile && symbols)
                r = store_write_profile(store, t, profile, symbols);

        q = store_write_task(store, t);
        return r < 0 ? r : q;
}

static int store_task_checkpoint(void *self, const Task *t, const Profile *profile, const Symbols *symbols) {
        return store_both(self, t, profile, symbols);
}

static int store_task_ended(void *self, const Task *t, const Profile *profile, const Symbols *symbols) {
        return store_both(self, t, profile, symbols);
}

const SinkOps sink_store_ops = {
        .name = "store",
        .task_started = store_task_started,
        .task_checkpoint = store_task_checkpoint,
        .task_ended = store_task_ended,
};
