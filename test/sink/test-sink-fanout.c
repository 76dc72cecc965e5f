/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink.h"

#include "basic/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

TestSuite(sink_fanout, .timeout = 5);

static char *copy(const char *text) {
        char *c = strdup(text);

        cr_assert_not_null(c);
        return c;
}

/* Of process nginx in nginx.service, running for a minute. */
static Task *make_task(void) {
        Task *t = NULL;

        cr_assert_eq(task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU),
                              UINT64_C(1795230605) * USEC_PER_SEC,
                              0xabcd,
                              &t),
                     0);
        t->unit = copy("nginx.service");
        t->process = copy("nginx");
        t->key = (ProcessKey){ 71, 1234 };
        t->duration_usec = USEC_PER_MINUTE;
        cr_assert_eq(task_set_state(t, TASK_STATE_RUNNING, NULL, (TaskInstant){ USEC_PER_SEC, 1 }), 0);
        return t;
}

static void end_task(Task *t, TaskState state, const char *reason) {
        TaskInstant at = { t->started.monotonic_usec + USEC_PER_MINUTE + 1, 2 };

        cr_assert_eq(task_set_state(t, state, reason, at), 0);
}

/* The empty tree that a store leaves. */
static void remove_directories(const char *directory) {
        char path[4096];

        (void) snprintf(path, sizeof(path), "%s/tasks", directory);
        (void) rmdir(path);
        (void) rmdir(directory);
}

typedef struct FakeSink {
        unsigned n_started, n_thinned, n_checkpoints, n_ended;
        int fail;
} FakeSink;

static int fake_started(void *self, const Task *t) {
        FakeSink *f = self;

        f->n_started++;
        return f->fail;
}

static int fake_thinned(void *self, const Task *t, const char *text) {
        FakeSink *f = self;

        f->n_thinned++;
        return f->fail;
}

static int fake_checkpoint(void *self, const Task *t, const TaskEvidence *evidence) {
        FakeSink *f = self;

        f->n_checkpoints++;
        return f->fail;
}

static int fake_ended(void *self, const Task *t, const TaskEvidence *evidence) {
        FakeSink *f = self;

        f->n_ended++;
        return f->fail;
}

static const SinkOps fake_ops = {
        .name = "fake",
        .task_started = fake_started,
        .task_thinned = fake_thinned,
        .task_checkpoint = fake_checkpoint,
        .task_ended = fake_ended,
};
static const SinkOps deaf_ops = { .name = "deaf" };

Test(sink_fanout, one_failing_sink_never_touches_another) {
        _cleanup_(task_freep) Task *t = make_task();
        FakeSink bad = { .fail = -ENOSPC }, good = {};
        Sinks s = {};

        log_set_max_level(LOG_EMERG);
        cr_assert_eq(sinks_add(&s, &fake_ops, &bad), 0);
        cr_assert_eq(sinks_add(&s, &deaf_ops, NULL), 0);
        cr_assert_eq(sinks_add(&s, &fake_ops, &good), 0);

        sinks_task_started(&s, t);
        sinks_task_thinned(&s, t, "less");
        sinks_task_checkpoint(&s, t, &(TaskEvidence){});
        sinks_task_checkpoint(&s, t, &(TaskEvidence){});
        sinks_task_ended(&s, t, &(TaskEvidence){});

        cr_expect_eq(bad.n_started, 1);
        cr_expect_eq(bad.n_thinned, 1);
        cr_expect_eq(bad.n_checkpoints, 2);
        cr_expect_eq(bad.n_ended, 1);
        cr_expect_eq(good.n_started, 1);
        cr_expect_eq(good.n_thinned, 1);
        cr_expect_eq(good.n_checkpoints, 2);
        cr_expect_eq(good.n_ended, 1);
        cr_expect_eq(s.items[0].n_failed, 5);
        cr_expect_eq(s.items[1].n_failed, 0);
        cr_expect_eq(s.items[2].n_failed, 0);
}

Test(sink_fanout, there_is_room_for_so_many_sinks_only) {
        Sinks s = {};

        for (unsigned i = 0; i < SINKS_MAX; i++)
                cr_assert_eq(sinks_add(&s, &deaf_ops, NULL), 0);

        cr_expect_eq(sinks_add(&s, &deaf_ops, NULL), -E2BIG);
        cr_expect_eq(s.n, SINKS_MAX);
}

Test(sink_fanout, the_store_has_each_task_from_start_to_end) {
        _cleanup_(task_freep) Task *t = make_task(), *kept = NULL, *ended = NULL;
        _cleanup_(store_freep) Store *store = NULL;
        char directory[] = "/tmp/cprof-sink-XXXXXX";
        Sinks s = {};

        cr_assert_not_null(mkdtemp(directory));
        cr_assert_eq(store_new(directory, &(StoreConfig){ .max_age_usec = USEC_INFINITY }, &store), 0);
        cr_assert_eq(sinks_add(&s, &sink_store_ops, store), 0);

        sinks_task_started(&s, t);
        cr_assert_eq(store_find(store, t->id, &kept), 0);
        cr_expect_eq(kept->state, TASK_STATE_RUNNING);

        end_task(t, TASK_STATE_FINISHED, "process exited");
        sinks_task_ended(&s, t, &(TaskEvidence){});
        cr_assert_eq(store_find(store, t->id, &ended), 0);
        cr_expect_eq(ended->state, TASK_STATE_FINISHED);
        cr_expect_str_eq(ended->reason, "process exited");
        cr_expect_eq(store_open_profile(store, t->id, TASK_PART_RECORDED), -ENOENT, "nothing was recorded");
        cr_expect_eq(s.items[0].n_failed, 0);

        cr_expect_eq(store_delete(store, t->id), 0);
        remove_directories(directory);
}
