/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes the flight recorder samples, and what it gives to a task that begins. */
#include "host/clock.h"
#include "policy/watch.h"
#include "task/task-manager-private.h"

/* Policies come and go without telling us; a table that was full has room again. */
#define SYNC_INTERVAL_USEC (5 * USEC_PER_SEC)

int task_recorder_init(TaskManager *m) {
        const TaskManagerConfig *c = &m->config;
        uint64_t period_nsec;
        RecorderLimits limits;
        long n_cpus;

        if (c->recorder_every == 0 || c->recorder_usec == 0)
                return 0;

        n_cpus = sysconf(_SC_NPROCESSORS_CONF);
        period_nsec = recorder_period_nsec(c->oncpu_hz, c->recorder_every);
        limits = recorder_limits(c->recorder_usec, period_nsec, n_cpus > 0 ? (unsigned) n_cpus : 1);
        return recorder_new(m->modules, c->recorder_usec, period_nsec, &limits, &m->recorder);
}

void task_recorder_done(TaskManager *m) {
        ProcessEntry *e, *next;

        HASH_ITER(hh, process_cache_entries(m->cache), e, next)
        task_recorder_unwatch(m, e);

        m->recorder = recorder_free(m->recorder);
}

static bool watch_records(const Watch *w) {
        for (size_t i = 0; w && i < w->n_policies; i++)
                if (w->policies[i]->kinds & PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU))
                        return true;

        return false;
}

bool task_manager_records(const TaskManager *m, const Process *p) {
        assert(m);
        assert(p);

        if (!m->recorder || m->recorder_error < 0)
                return false;
        if (watch_records(p->watch))
                return true;

        /* a task of the unit shows all of its processes */
        for (const Unit *u = p->unit; u; u = u->slice)
                if (watch_records(u->watch))
                        return true;

        return false;
}

void task_recorder_watch(TaskManager *m, const Process *p, ProcessEntry *e) {
        int r;

        if (e->recorded || !task_manager_records(m, p))
                return;

        if (m->n_recorded == 0) {
                r = probe_feature(m->probe, PROBE_FEATURE_ON_CPU, NULL);
                if (r >= 0)
                        r = probe_arm(m->probe, PROBE_USE_RECORDER);
                if (r < 0) {
                        m->recorder_error = r;
                        return;
                }
                m->recorder_armed = true;
        }

        if (probe_watch(m->probe, e->key.pid, PROBE_USE_RECORDER) < 0)
                return; /* tried again */

        e->recorded = true;
        m->n_recorded++;
}

void task_recorder_unwatch(TaskManager *m, ProcessEntry *e) {
        if (!e->recorded)
                return;

        probe_unwatch(m->probe, e->key.pid, PROBE_USE_RECORDER);
        e->recorded = false;
        m->n_recorded--;
}

static void sync_processes(TaskManager *m) {
        Process *p, *next;

        HASH_ITER(hh, target_set_processes(m->targets), p, next) {
                ProcessEntry *e = process_cache_find(m->cache, p->key.pid);

                if (e && e->key.start_ticks != p->key.start_ticks)
                        e = NULL;

                if (!task_manager_records(m, p)) {
                        if (e)
                                task_recorder_unwatch(m, e);
                } else if (!e || !e->recorded)
                        task_manager_prepare(m, p);
        }
}

void task_recorder_tick(TaskManager *m, usec_t now_usec) {
        if (!m->recorder)
                return;

        recorder_expire(m->recorder, now_usec);

        if (now_usec - m->recorder_synced_usec < SYNC_INTERVAL_USEC)
                return;

        m->recorder_synced_usec = now_usec;
        sync_processes(m);

        if (m->n_recorded == 0 && m->recorder_armed) {
                probe_disarm(m->probe, PROBE_USE_RECORDER);
                m->recorder_armed = false;
        }
}

bool task_recorder_wants_sample(
                const TaskManager *m, const ProcessEntry *e, const struct cprof_sample *sample) {
        return m->recorder && e->recorded && (sample->flags & CPROF_SAMPLE_RECORDER);
}

void task_recorder_take_sample(
                TaskManager *m,
                const ProcessEntry *e,
                const struct cprof_sample *sample,
                const ResolvedStack *s) {
        const Process *p = target_set_find_process(m->targets, e->key.pid);
        RecorderSample recorded = {
                .process = e->key,
                .thread_name = sample->comm,
                .at_usec = sample->at_ns / NSEC_PER_USEC,
        };

        if (!p || p->key.start_ticks != e->key.start_ticks)
                return;

        recorded.unit = p->unit;
        (void) recorder_add(m->recorder, &recorded, s); /* counts what it drops */
}

void task_recorder_begin(TaskManager *m, Task *t) {
        usec_t started_usec = t->started.monotonic_usec, window_usec, first_usec;
        _cleanup_(profile_freep) Profile *before = NULL;
        RecorderFilter filter = { .process = t->key };
        int r;

        if (!m->recorder || !(t->kinds & PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU)))
                return;

        if (t->key.pid == 0)
                filter.unit = t->unit;

        task_manager_drain(m, m->now_usec); /* the last moments are the most telling */

        window_usec = MIN_OF(recorder_window_usec(m->recorder), started_usec);
        r = recorder_extract(
                        m->recorder,
                        &filter,
                        started_usec - window_usec,
                        started_usec,
                        &before,
                        &first_usec);
        if (r < 0 || profile_n_samples(before) == 0)
                return;

        t->n_before_samples = profile_n_samples(before);
        t->before_period_nsec = profile_period_nsec(before);
        t->before_first_sample = (TaskInstant){ first_usec, clock_monotonic_to_realtime(first_usec) };
        t->before = TAKE_PTR(before);
}

int task_manager_recent(TaskManager *m, const char *unit, unsigned seconds, Profile **ret_profile) {
        const RecorderFilter filter = { .unit = unit };
        usec_t length_usec;

        assert(m);
        assert(ret_profile);

        if (!m->recorder)
                return -EOPNOTSUPP;
        if (m->recorder_error < 0)
                return m->recorder_error;

        length_usec = MIN_OF(seconds * USEC_PER_SEC, m->now_usec);
        return recorder_extract(
                        m->recorder, &filter, m->now_usec - length_usec, USEC_INFINITY, ret_profile, NULL);
}

const Recorder *task_manager_recorder(const TaskManager *m) {
        return m->recorder;
}
