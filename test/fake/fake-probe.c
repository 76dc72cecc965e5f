/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-probe.h"

#include "fake/fake-probe-offcpu.h"

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

        if (use == PROBE_USE_HTTP)
                return fake_http_arm(self);
        if (f->fail[feature] < 0)
                return f->fail[feature];

        f->armed = true;
        return 0;
}

static void fake_disarm(void *self, ProbeUse use) {
        FakeProbe *f = self;

        if (use == PROBE_USE_HTTP)
                fake_http_disarm(self);
        else
                f->armed = false;
}

static int fake_watch(void *self, pid_t pid, ProbeUse use) {
        FakeProbe *f = self;

        if (f->watch_error < 0)
                return f->watch_error;
        if (f->n_watched == ELEMENTSOF(f->watched))
                return -ENOSPC;

        f->watched_use[f->n_watched] = use;
        f->watched[f->n_watched++] = pid;
        return 0;
}

static void fake_unwatch(void *self, pid_t pid, ProbeUse use) {
        FakeProbe *f = self;

        for (size_t i = 0; i < f->n_watched; i++)
                if (f->watched[i] == pid && f->watched_use[i] == use) {
                        f->watched[i] = f->watched[--f->n_watched];
                        f->watched_use[i] = f->watched_use[f->n_watched];
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

size_t fake_probe_n_rows(const FakeProbe *f) {
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(f->table_rows); i++)
                n += f->table_rows[i];

        return n;
}

static int fake_unwind_add(void *self, const UnwindRows *rows, uint32_t *ret_table) {
        FakeProbe *f = self;

        assert(rows->n > 0);
        if (f->rows_max > 0 && fake_probe_n_rows(f) + rows->n > f->rows_max)
                return -ENOSPC;

        for (size_t i = 0; i < ELEMENTSOF(f->table_rows); i++)
                if (f->table_rows[i] == 0) {
                        f->table_rows[i] = rows->n;
                        f->n_added++;
                        *ret_table = (uint32_t) i;
                        return 0;
                }

        return -ENOSPC;
}

static void fake_unwind_remove(void *self, uint32_t table) {
        FakeProbe *f = self;

        assert(f->table_rows[table] > 0);
        for (size_t i = 0; i < ELEMENTSOF(f->maps); i++)
                for (size_t j = 0; f->maps[i].pid > 0 && j < f->maps[i].n; j++)
                        assert(f->maps[i].mappings[j].table != table);

        f->table_rows[table] = 0;
        f->n_removed++;
}

static size_t n_mappings(const FakeProbe *f, pid_t except) {
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(f->maps); i++)
                if (f->maps[i].pid > 0 && f->maps[i].pid != except)
                        n += f->maps[i].n;

        return n;
}

static int fake_unwind_map(void *self, pid_t pid, const ProbeMapping *mappings, size_t n) {
        FakeProbe *f = self;
        size_t slot = ELEMENTSOF(f->maps);

        for (size_t i = 0; i < n; i++) {
                assert(mappings[i].start < mappings[i].end);
                assert(i == 0 || mappings[i - 1].end <= mappings[i].start);
                assert(mappings[i].table == UNWIND_TABLE_NONE || f->table_rows[mappings[i].table] > 0);
        }

        if (f->maps_max > 0 && n_mappings(f, pid) + n > f->maps_max)
                return -ENOSPC;

        for (size_t i = ELEMENTSOF(f->maps); i > 0; i--)
                if (f->maps[i - 1].pid == 0 && (slot == ELEMENTSOF(f->maps) || f->maps[slot].pid == 0))
                        slot = i - 1;
                else if (f->maps[i - 1].pid == pid)
                        slot = i - 1;
        assert(slot < ELEMENTSOF(f->maps));

        f->maps[slot].pid = pid;
        free(f->maps[slot].mappings);
        f->maps[slot].mappings = calloc(n + 1, sizeof(*mappings));
        f->maps[slot].n = n;
        if (n > 0)
                memcpy(f->maps[slot].mappings, mappings, n * sizeof(*mappings));
        f->n_mapped++;
        return 0;
}

static void fake_unwind_unmap(void *self, pid_t pid) {
        FakeProbe *f = self;

        for (size_t i = 0; i < ELEMENTSOF(f->maps); i++)
                if (f->maps[i].pid == pid) {
                        f->maps[i].pid = 0;
                        free(f->maps[i].mappings);
                        f->maps[i].mappings = NULL;
                        f->n_unmapped++;
                        return;
                }

        assert(!"unmap of a process without mappings");
}

const ProbeMapping *fake_probe_find_mappings(const FakeProbe *f, pid_t pid, size_t *ret_n) {
        *ret_n = 0;
        for (size_t i = 0; i < ELEMENTSOF(f->maps); i++)
                if (f->maps[i].pid == pid) {
                        *ret_n = f->maps[i].n;
                        return f->maps[i].mappings;
                }

        return NULL;
}

void fake_probe_push_event(FakeProbe *f, const ProbeEvent *event) {
        assert(f->n_events < ELEMENTSOF(f->events));
        f->events[f->n_events++] = *event;
}

static int fake_events_read(void *self, ProbeEventFn fn, void *userdata) {
        FakeProbe *f = self;
        size_t n = f->n_events;
        int r = f->events_error;

        if (f->fail[PROBE_FEATURE_EVENTS] < 0)
                return f->fail[PROBE_FEATURE_EVENTS];

        f->n_events_read++;
        f->n_events = 0;
        f->events_error = 0;
        for (size_t i = 0; i < n; i++)
                fn(f->events + i, userdata);

        return r;
}

static void fake_counters(void *self, ProbeCounters *ret) {
        FakeProbe *f = self;

        *ret = f->counters;
        ret->unwind_rows = fake_probe_n_rows(f);
        ret->unwind_rows_max = f->rows_max > 0 ? f->rows_max : 1U << 20;
}

static int fake_oncpu_thin(void *self, unsigned every) {
        FakeProbe *f = self;

        f->thin = every;
        return 0;
}

static int fake_statistics(void *self, bool on) {
        FakeProbe *f = self;

        f->statistics = on;
        return 0;
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
        .unwind_add = fake_unwind_add,
        .unwind_remove = fake_unwind_remove,
        .unwind_map = fake_unwind_map,
        .unwind_unmap = fake_unwind_unmap,
        .events_read = fake_events_read,
        .counters = fake_counters,
        .oncpu_thin = fake_oncpu_thin,
        .offcpu_begin = fake_offcpu_begin,
        .offcpu_end = fake_offcpu_end,
        .offcpu_read = fake_offcpu_read,
        .offcpu_forget = fake_offcpu_forget,
        .offcpu_threshold = fake_offcpu_threshold,
        .http_rules_add = fake_http_rules_add,
        .http_rules_remove = fake_http_rules_remove,
        .http_watch = fake_http_watch,
        .http_unwatch = fake_http_unwatch,
        .http_read = fake_http_read,
        .http_counters = fake_http_counters,
        .http_tls_attach = fake_http_tls_attach,
        .statistics = fake_statistics,
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
        s->flags = fake->sample_flags ?: CPROF_SAMPLE_TASK;
        memcpy(s->frames, frames, (n_kernel + n_user) * sizeof(uint64_t));

        fake->samples[fake->n_samples++] = s;
        return 0;
}
