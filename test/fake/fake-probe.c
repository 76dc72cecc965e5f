/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-probe.h"

#include <string.h>

static void fake_free(void *self) {
}

static int fake_feature(void *self, ProbeFeature feature, const char **ret_reason) {
        FakeProbe *f = self;

        *ret_reason = f->fail[feature] < 0 ? "made to fail by the test" : NULL;
        return f->fail[feature];
}

static int fake_tasks_read(void *self, ProbeTaskFn fn, void *userdata) {
        FakeProbe *f = self;

        if (f->fail[PROBE_FEATURE_TASK_ITERATOR] < 0)
                return f->fail[PROBE_FEATURE_TASK_ITERATOR];

        for (size_t i = 0; i < f->n_tasks; i++)
                fn(f->tasks + i, userdata);

        return 0;
}

static int fake_arm(void *self, ProbeUse use) {
        ProbeFeature feature = use == PROBE_USE_OFF_CPU ? PROBE_FEATURE_OFF_CPU : PROBE_FEATURE_ON_CPU;
        FakeProbe *f = self;

        if (f->fail[feature] < 0)
                return f->fail[feature];

        f->armed = true;
        return 0;
}

static void fake_disarm(void *self, ProbeUse use) {
        FakeProbe *f = self;

        f->armed = false;
}

static int fake_watch(void *self, pid_t pid, ProbeUse use) {
        FakeProbe *f = self;

        if (f->watch_error < 0)
                return f->watch_error;
        if (f->n_watched == ELEMENTSOF(f->watched))
                return -ENOSPC;

        f->watched[f->n_watched++] = pid;
        return 0;
}

static void fake_unwatch(void *self, pid_t pid, ProbeUse use) {
        FakeProbe *f = self;

        for (size_t i = 0; i < f->n_watched; i++)
                if (f->watched[i] == pid) {
                        f->watched[i] = f->watched[--f->n_watched];
                        return;
                }

        assert(!"unwatch of a process that is not watched");
}

static int fake_drain(void *self, ProbeSampleFn fn, void *userdata) {
        FakeProbe *f = self;
        size_t n = f->n_samples;

        for (size_t i = 0; i < n; i++) {
                fn(f->samples[i], userdata);
                free(f->samples[i]);
        }

        f->n_samples = 0;
        return (int) n;
}

static void fake_counters(void *self, ProbeCounters *ret) {
        FakeProbe *f = self;

        *ret = f->counters;
}

static const ProbeOps fake_ops = {
        .free = fake_free,
        .feature = fake_feature,
        .tasks_read = fake_tasks_read,
        .arm = fake_arm,
        .disarm = fake_disarm,
        .watch = fake_watch,
        .unwatch = fake_unwatch,
        .drain = fake_drain,
        .counters = fake_counters,
};

int fake_probe_new(FakeProbe *fake, Probe **ret_probe) {
        Probe *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;

        *p = (Probe){ .ops = &fake_ops, .self = fake };
        *ret_probe = p;
        return 0;
}

int fake_probe_push_sample(
                FakeProbe *fake,
                pid_t pid,
                pid_t tid,
                const char *comm,
                uint64_t at_ns,
                const uint64_t *frames,
                unsigned n_kernel,
                unsigned n_user) {
        struct cprof_sample *s;

        if (fake->n_samples == ELEMENTSOF(fake->samples))
                return -ENOSPC;

        s = calloc(1, sizeof(*s) + (n_kernel + n_user) * sizeof(uint64_t));
        if (!s)
                return -ENOMEM;

        s->at_ns = at_ns;
        s->pid = (uint32_t) pid;
        s->tid = (uint32_t) tid;
        strncpy(s->comm, comm, sizeof(s->comm) - 1);
        s->n_kernel = (uint16_t) n_kernel;
        s->n_user = (uint16_t) n_user;
        s->end = n_user > 0 ? CPROF_END_ROOT : CPROF_END_NONE;
        s->flags = CPROF_SAMPLE_TASK;
        memcpy(s->frames, frames, (n_kernel + n_user) * sizeof(uint64_t));

        fake->samples[fake->n_samples++] = s;
        return 0;
}
