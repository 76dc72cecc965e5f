/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-machine.h"
#include "fake/fake-probe.h"
#include "target/target-set.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(target_set, .timeout = 20);

#define SECOND USEC_PER_SEC

/* A set over the fixture tree @layout, read from /proc. */
typedef struct Fixture {
        Host *host;
        FakeProbe fake;
        Probe *probe;
        TargetSet *set;
} Fixture;

static void fixture_init(Fixture *f, const char *layout) {
        char root[PATH_MAX];

        *f = (Fixture){ .fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP };
        (void) snprintf(root, sizeof(root), "%s/%s", getenv("CPROF_FIXTURES") ?: "", layout);
        cr_assert_eq(host_new(root, &f->host), 0);
        cr_assert_eq(fake_probe_new(&f->fake, &f->probe), 0);
        cr_assert_eq(target_set_new(f->host, f->probe, NULL, &f->set), 0);
        cr_assert_eq(target_set_refresh(f->set, 1 * SECOND), 0);
}

static void fixture_done(Fixture *f) {
        (void) target_set_free(f->set);
        (void) probe_free(f->probe);
        (void) host_free(f->host);
}

static void expect_unit_of(TargetSet *s, pid_t pid, const char *unit, const char *name) {
        Process *p = target_set_find_process(s, pid);

        cr_assert_not_null(p, "no process %i", (int) pid);
        cr_expect_str_eq(p->unit->name, unit, "process %i is in %s", (int) pid, p->unit->name);
        cr_expect_str_eq(p->name, name, "process %i is called %s", (int) pid, p->name);
}

static void expect_machine(TargetSet *s) {
        cr_expect_eq(target_set_n_processes(s),
                     15u,
                     "without kernel thread and zombie: %u",
                     target_set_n_processes(s));
        cr_expect_eq(target_set_n_units(s), 19u, "%u", target_set_n_units(s));
        cr_expect_null(target_set_find_process(s, 2));
        cr_expect_null(target_set_find_process(s, 950));

        expect_unit_of(s, 1, "init.scope", "systemd");
        expect_unit_of(s, 412, "nginx.service", "nginx");
        expect_unit_of(s, 413, "nginx.service", "nginx#2");
        expect_unit_of(s, 414, "nginx.service", "nginx#3");
        expect_unit_of(s, 520, "getty@tty1.service", "agetty");
        expect_unit_of(s, 610, "user@1000.service/app-editor.scope", "ed) R 1 (x");
        expect_unit_of(s, 650, "session-3.scope", "sshd");
        expect_unit_of(s, 701, "postgresql@15-main.service", "postgres#2");
        expect_unit_of(s, 800, "systemd-nspawn@db.service/init.scope", "systemd");
        expect_unit_of(s, 810, "systemd-nspawn@db.service/redis.service", "redis-server");
        expect_unit_of(s, 910, "-.slice", "busybox");
}

Test(target_set, units_and_processes_of_a_unified_machine) {
        Fixture f;
        Process *p;
        Unit *u;

        fixture_init(&f, "v2");
        cr_expect_str_eq(target_set_source(f.set), "proc");
        expect_machine(f.set);

        p = target_set_find_process(f.set, 700);
        cr_expect_str_eq(p->exe, "/usr/lib/postgresql/15/bin/postgres");
        cr_expect_eq(p->uid, 109u);
        cr_expect_eq(p->key.start_ticks, 8000u);

        u = target_set_find_unit(f.set, "getty@tty1.service");
        cr_assert_not_null(u);
        cr_expect_str_eq(u->cgroup_path, "/system.slice/system-getty.slice/getty@tty1.service");
        cr_expect_str_eq(u->slice->name, "system-getty.slice");
        cr_expect_str_eq(u->slice->slice->name, "system.slice");
        cr_expect_str_eq(u->slice->slice->slice->name, "-.slice");
        cr_expect_null(u->slice->slice->slice->slice);
        cr_expect_str_eq(u->slice->slice->slice->cgroup_path, "/");

        u = target_set_find_unit(f.set, "user@1000.service/app-editor.scope");
        cr_expect_str_eq(u->slice->name, "user@1000.service");
        fixture_done(&f);
}

Test(target_set, hybrid_and_legacy_machines_give_the_same_units) {
        static const char *const layouts[] = { "hybrid", "v1" };

        for (size_t i = 0; i < ELEMENTSOF(layouts); i++) {
                Fixture f;

                fixture_init(&f, layouts[i]);
                expect_machine(f.set);
                fixture_done(&f);
        }
}

static void count_process(Process *p, void *userdata) {
        unsigned *n = userdata;

        (*n)++;
}

Test(target_set, a_slice_has_the_processes_of_all_units_below_it) {
        static const struct {
                const char *unit;
                unsigned n_processes, n_threads;
        } table[] = {
                { "nginx.service", 3, 7 },      { "system.slice", 7, 11 },
                { "user@1000.service", 3, 9 },  { "user.slice", 4, 10 },
                { "system-getty.slice", 1, 1 }, { "systemd-nspawn@db.service", 2, 5 },
                { "-.slice", 15, 28 },
        };
        Fixture f;

        fixture_init(&f, "v2");
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                Unit *u = target_set_find_unit(f.set, table[i].unit);
                unsigned n = 0;

                cr_assert_not_null(u, "%s", table[i].unit);
                unit_for_each_process(f.set, u, count_process, &n);
                cr_expect_eq(n, table[i].n_processes, "%s: %u processes", table[i].unit, n);
                n = unit_n_threads(f.set, u);
                cr_expect_eq(n, table[i].n_threads, "%s: %u threads", table[i].unit, n);
        }

        Process *p = target_set_find_process(f.set, 810);
        cr_expect(process_in_unit(p, target_set_find_unit(f.set, "machine.slice")));
        cr_expect(process_in_unit(p, target_set_find_unit(f.set, "-.slice")));
        cr_expect_not(process_in_unit(p, target_set_find_unit(f.set, "system.slice")));
        fixture_done(&f);
}

Test(target_set, cpu_needs_two_passes_and_is_per_core) {
        FakeMachine m;
        FakeProbe fake = { .fail[PROBE_FEATURE_TASK_ITERATOR] = -EPERM };
        Probe *probe;
        TargetSet *s;
        Process *p;

        cr_assert_eq(fake_machine_init(&m), 0);
        cr_assert_eq(fake_probe_new(&fake, &probe), 0);
        cr_assert_eq(target_set_new(m.host, probe, NULL, &s), 0);

        fake_machine_put(&m, &(FakeProcess){ .pid = 10, .start_ticks = 5, .cpu_ticks = 1000 });
        cr_assert_eq(target_set_refresh(s, 10 * SECOND), 0);
        p = target_set_find_process(s, 10);
        cr_assert_not_null(p);
        cr_expect(p->fresh);
        cr_expect_eq(p->now.at_usec, 10 * SECOND);
        cr_expect_eq(p->before.at_usec, 0u);
        cr_expect(isnan(process_cpu_percent(p)), "the first second is not whole");

        fake_machine_put(&m, &(FakeProcess){ .pid = 10, .start_ticks = 5, .cpu_ticks = 1150 });
        cr_assert_eq(target_set_refresh(s, 11 * SECOND), 0);
        cr_expect_not(p->fresh);
        cr_expect_eq(p->before.at_usec, 10 * SECOND);
        cr_expect_float_eq(process_cpu_percent(p), 150.0, 1e-6);

        /* a late pass does not look like a busy second */
        fake_machine_put(&m, &(FakeProcess){ .pid = 10, .start_ticks = 5, .cpu_ticks = 1350 });
        cr_assert_eq(target_set_refresh(s, 15 * SECOND), 0);
        cr_expect_float_eq(process_cpu_percent(p), 50.0, 1e-6);

        /* what goes backwards is no use of CPU */
        fake_machine_put(&m, &(FakeProcess){ .pid = 10, .start_ticks = 5, .cpu_ticks = 1340 });
        cr_assert_eq(target_set_refresh(s, 16 * SECOND), 0);
        cr_expect_float_eq(process_cpu_percent(p), 0.0, 1e-6);

        (void) target_set_free(s);
        (void) probe_free(probe);
        fake_machine_done(&m);
}

Test(target_set, a_unit_counts_by_its_cgroup_where_there_is_one) {
        FakeMachine m;
        FakeProbe fake = { .fail[PROBE_FEATURE_TASK_ITERATOR] = -EPERM };
        Probe *probe;
        TargetSet *s;
        Unit *u, *slice;

        cr_assert_eq(fake_machine_init(&m), 0);
        cr_assert_eq(fake_probe_new(&fake, &probe), 0);
        cr_assert_eq(target_set_new(m.host, probe, NULL, &s), 0);

        fake_machine_put(&m, &(FakeProcess){ .pid = 10, .cpu_ticks = 100, .cgroup = "/w.slice/a.service" });
        fake_machine_cgroup_cpu(&m, "/w.slice/a.service", 7000000);
        cr_assert_eq(target_set_refresh(s, 1 * SECOND), 0);
        u = target_set_find_unit(s, "a.service");
        slice = target_set_find_unit(s, "w.slice");
        cr_expect_eq(u->now.at_usec, 0u, "not wanted, not read");
        u->cpu_wanted = slice->cpu_wanted = true;

        cr_assert_eq(target_set_refresh(s, 2 * SECOND), 0);
        cr_expect(u->cpu_from_cgroup);
        cr_expect_not(slice->cpu_from_cgroup);
        cr_expect(isnan(unit_cpu_percent(u)));

        /* 0.8 s by the cgroup, of which its processes know 0.3 s: short-lived children are in the first only
         */
        fake_machine_put(&m, &(FakeProcess){ .pid = 10, .cpu_ticks = 130, .cgroup = "/w.slice/a.service" });
        fake_machine_cgroup_cpu(&m, "/w.slice/a.service", 7800000);
        cr_assert_eq(target_set_refresh(s, 3 * SECOND), 0);
        cr_expect_float_eq(unit_cpu_percent(u), 80.0, 1e-6);
        cr_expect_float_eq(unit_cpu_percent(slice), 30.0, 1e-6, "the slice has no cpu.stat here");

        /* A process ends, another is born and has used 0.2 s: the sum never runs backwards. */
        fake_machine_drop(&m, 10);
        fake_machine_put(
                        &m,
                        &(FakeProcess){ .pid = 11,
                                        .start_ticks = 9,
                                        .cpu_ticks = 20,
                                        .cgroup = "/w.slice/a.service" });
        cr_assert_eq(target_set_refresh(s, 4 * SECOND), 0);
        cr_expect_float_eq(unit_cpu_percent(slice), 20.0, 1e-6);

        u->cpu_wanted = slice->cpu_wanted = false;
        cr_assert_eq(target_set_refresh(s, 5 * SECOND), 0);
        cr_expect(isnan(unit_cpu_percent(slice)));

        (void) target_set_free(s);
        (void) probe_free(probe);
        fake_machine_done(&m);
}

Test(target_set, processes_above_the_cap_are_counted) {
        size_t n = TARGETS_PROCESSES_MAX + 10;
        FakeMachine m;
        FakeProbe fake = { .n_tasks = n + 1 };
        Probe *probe;
        TargetSet *s;

        fake.tasks = calloc(n + 1, sizeof(fake.tasks[0]));
        cr_assert_not_null(fake.tasks);
        for (size_t i = 0; i < n; i++)
                fake.tasks[i].pid = fake.tasks[i].tid = (uint32_t) i + 1;
        fake.tasks[n] = fake.tasks[n - 1];
        fake.tasks[n].tid++; /* a second thread is no second process */

        cr_assert_eq(fake_machine_init(&m), 0);
        cr_assert_eq(fake_probe_new(&fake, &probe), 0);
        cr_assert_eq(target_set_new(m.host, probe, NULL, &s), 0);
        cr_assert_eq(target_set_refresh(s, 1 * SECOND), 0);
        cr_expect_eq(target_set_n_dropped(s), 10u);
        cr_expect_eq(target_set_n_processes(s), 0u, "none of them is there by the time it is read");

        (void) target_set_free(s);
        (void) probe_free(probe);
        fake_machine_done(&m);
        free(fake.tasks);
}

Test(target_set, this_very_machine_is_read_without_bpf) {
        FakeProbe fake = { .fail[PROBE_FEATURE_TASK_ITERATOR] = -EPERM };
        Host *host;
        Probe *probe;
        TargetSet *s;
        Process *self;

        cr_assert_eq(host_new("/", &host), 0);
        cr_assert_eq(fake_probe_new(&fake, &probe), 0);
        cr_assert_eq(target_set_new(host, probe, NULL, &s), 0);
        cr_assert_eq(target_set_refresh(s, 1 * SECOND), 0);

        self = target_set_find_process(s, getpid());
        cr_assert_not_null(self);
        cr_expect_eq(self->uid, geteuid());
        cr_expect(process_in_unit(self, target_set_find_unit(s, "-.slice")));

        (void) target_set_free(s);
        (void) probe_free(probe);
        (void) host_free(host);
}

Test(target_set, a_unit_waits_for_what_its_cgroup_waits_for) {
        FakeMachine m;
        FakeProbe fake = { .fail[PROBE_FEATURE_TASK_ITERATOR] = -EPERM };
        Probe *probe;
        TargetSet *s;
        Unit *u;

        cr_assert_eq(fake_machine_init(&m), 0);
        cr_assert_eq(fake_probe_new(&fake, &probe), 0);
        cr_assert_eq(target_set_new(m.host, probe, NULL, &s), 0);

        fake_machine_put(&m, &(FakeProcess){ .pid = 10, .cgroup = "/a.service" });
        fake_machine_cgroup_pressure(&m, "/a.service", "io.pressure", 5000000);
        cr_assert_eq(target_set_refresh(s, 1 * SECOND), 0);
        u = target_set_find_unit(s, "a.service");
        cr_expect_eq(u->pressures[PRESSURE_IO].at_usec, 0u, "not wanted, not read");
        u->pressures_wanted = 1U << PRESSURE_IO | 1U << PRESSURE_MEMORY;

        cr_assert_eq(target_set_refresh(s, 2 * SECOND), 0);
        cr_expect(isnan(unit_pressure_percent(u, PRESSURE_IO)), "one sample is no difference");
        cr_expect_eq(u->pressures[PRESSURE_IO].error, 0);
        cr_expect_eq(u->pressures[PRESSURE_MEMORY].error, -ENOENT);
        cr_expect_eq(u->pressures[PRESSURE_CPU].error, 0, "not wanted");

        fake_machine_cgroup_pressure(&m, "/a.service", "io.pressure", 5500000);
        cr_assert_eq(target_set_refresh(s, 4 * SECOND), 0);
        cr_expect_float_eq(unit_pressure_percent(u, PRESSURE_IO), 25.0, 1e-9);
        cr_expect(isnan(unit_pressure_percent(u, PRESSURE_MEMORY)));
        cr_expect(isnan(unit_pressure_percent(u, PRESSURE_CPU)));

        cr_assert_eq(target_set_refresh(s, 5 * SECOND), 0);
        cr_expect_eq(unit_pressure_percent(u, PRESSURE_IO), 0, "it did not wait");

        /* the file is read a little later than the time we know */
        fake_machine_cgroup_pressure(&m, "/a.service", "io.pressure", 6510000);
        cr_assert_eq(target_set_refresh(s, 6 * SECOND), 0);
        cr_expect_eq(unit_pressure_percent(u, PRESSURE_IO), 100);

        fake_machine_cgroup_pressure(&m, "/a.service", "io.pressure", 10);
        cr_assert_eq(target_set_refresh(s, 7 * SECOND), 0);
        cr_expect(isnan(unit_pressure_percent(u, PRESSURE_IO)), "another cgroup");

        fake_machine_cgroup_pressure(&m, "/a.service", "io.pressure", 20);
        u->pressures_wanted = 0;
        cr_assert_eq(target_set_refresh(s, 8 * SECOND), 0);
        cr_expect_eq(u->pressures[PRESSURE_IO].at_usec, 0u);

        (void) target_set_free(s);
        (void) probe_free(probe);
        fake_machine_done(&m);
}
