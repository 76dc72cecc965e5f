/* SPDX-License-Identifier: Apache-2.0 */
/* The two ways to look at processes, the task iterator and /proc, tell the same. */
#include "bpf/spawn.h"

#include "fake/fake-probe.h"
#include "host/clock.h"
#include "target/target-set.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(sources, .timeout = 60);

static void on_process(Process *p, void *userdata) {
}

static void on_unit(Unit *u, void *userdata) {
}

static const TargetEvents no_events = {
        .unit_added = on_unit,
        .unit_removed = on_unit,
        .process_added = on_process,
        .process_removed = on_process,
        .process_changed = on_process,
};

typedef struct Sources {
        Host *host;
        Probe *bpf, *none;
        FakeProbe fake;
        TargetSet *by_bpf, *by_proc;
} Sources;

static void sources_open(Sources *s) {
        s->fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP;

        cr_assert_eq(host_new("/", &s->host), 0);
        cr_assert_eq(probe_new(&(ProbeConfig){}, &s->bpf), 0);
        cr_assert_eq(fake_probe_new(&s->fake, &s->none), 0);
        cr_assert_eq(target_set_new(s->host, s->bpf, &no_events, &s->by_bpf), 0);
        cr_assert_eq(target_set_new(s->host, s->none, &no_events, &s->by_proc), 0);
}

static void sources_refresh(Sources *s) {
        cr_assert_eq(target_set_refresh(s->by_bpf, clock_monotonic_usec()), 0);
        cr_assert_eq(target_set_refresh(s->by_proc, clock_monotonic_usec()), 0);
}

static void sources_close(Sources *s) {
        target_set_free(s->by_bpf);
        target_set_free(s->by_proc);
        probe_free(s->none);
        probe_free(s->bpf);
        host_free(s->host);
}

Test(sources, cpu_and_threads_agree_within_two_points) {
        pid_t busy = spawn_busy(1), two = spawn_busy(2), idle = spawn_idle(7);
        const pid_t pids[] = { busy, two, idle };
        Sources s = {};

        sources_open(&s);
        sources_refresh(&s);
        cr_expect_str_eq(target_set_source(s.by_bpf), "bpf");
        cr_expect_str_eq(target_set_source(s.by_proc), "proc");

        for (unsigned second = 0; second < 3; second++) {
                sleep_usec(USEC_PER_SEC);
                sources_refresh(&s);

                for (size_t i = 0; i < ELEMENTSOF(pids); i++) {
                        Process *a = target_set_find_process(s.by_bpf, pids[i]);
                        Process *b = target_set_find_process(s.by_proc, pids[i]);

                        cr_assert_not_null(a);
                        cr_assert_not_null(b);
                        cr_expect_eq(a->key.start_ticks, b->key.start_ticks);
                        cr_expect_eq(a->n_threads, b->n_threads);
                        cr_expect_str_eq(a->comm, b->comm);
                        cr_expect_str_eq(a->unit->name, b->unit->name);
                        cr_expect(fabs(process_cpu_percent(a) - process_cpu_percent(b)) <= 2,
                                  "process %zu: %.2f by BPF, %.2f by /proc",
                                  i,
                                  process_cpu_percent(a),
                                  process_cpu_percent(b));
                }
        }

        for (size_t i = 0; i < ELEMENTSOF(pids); i++)
                spawn_kill(pids[i]);
        sources_close(&s);
}

Test(sources, both_see_the_same_processes) {
        unsigned n_missing = 0;
        Process *p, *next;
        Sources s = {};

        sources_open(&s);
        sources_refresh(&s);

        HASH_ITER(hh, target_set_processes(s.by_bpf), p, next) {
                Process *other = target_set_find_process(s.by_proc, p->key.pid);

                if (!other || other->key.start_ticks != p->key.start_ticks)
                        n_missing++;
        }

        /* others come and go between the two passes */
        cr_expect_leq(n_missing, 5);
        cr_expect_leq(abs((int) target_set_n_processes(s.by_bpf) - (int) target_set_n_processes(s.by_proc)),
                      5);
        sources_close(&s);
}

Test(sources, one_busy_thread_is_at_most_one_core) {
        pid_t pid = spawn_workload(1);
        Sources s = {};

        sources_open(&s);
        sources_refresh(&s);
        sleep_usec(USEC_PER_SEC);
        sources_refresh(&s);

        Process *p = target_set_find_process(s.by_bpf, pid);
        cr_assert_not_null(p);
        cr_expect_gt(process_cpu_percent(p), 20);
        cr_expect_lt(process_cpu_percent(p), 102);
        spawn_kill(pid);
        sources_close(&s);
}
