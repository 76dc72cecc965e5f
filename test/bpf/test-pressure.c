/* SPDX-License-Identifier: Apache-2.0 */
/* What a cgroup waits for, as the running kernel accounts it. */
#include "basic/file-io.h"
#include "basic/time-util.h"
#include "bpf/spawn.h"
#include "fake/fake-probe.h"
#include "host/clock.h"
#include "target/target-set.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <sys/stat.h>

TestSuite(pressure, .timeout = 60);

#define BUSY 3U

/* A unit of processes that want one CPU together, in whatever hierarchies there are. */
typedef struct World {
        Host *host;
        FakeProbe fake;
        Probe *probe;
        TargetSet *set;
        Unit *unit;
        char name[64];
        pid_t busy[BUSY];
        bool accounted;
} World;

static void join_cgroup(int hierarchy_fd, const char *name, pid_t pid) {
        char path[128], text[16];
        _cleanup_(closep) int fd = -EBADF;
        int n;

        if (hierarchy_fd < 0)
                return;

        cr_assert(mkdirat(hierarchy_fd, name, 0755) >= 0 || errno == EEXIST);
        (void) snprintf(path, sizeof(path), "%s/cgroup.procs", name);
        fd = openat(hierarchy_fd, path, O_WRONLY | O_CLOEXEC);
        cr_assert_geq(fd, 0);
        n = snprintf(text, sizeof(text), "%i", (int) pid);
        cr_assert_eq(write_full_fd(fd, text, (size_t) n), 0);
}

static void refresh(World *w) {
        cr_assert_eq(target_set_refresh(w->set, clock_monotonic_usec()), 0);
}

static void world_init(World *w) {
        cpu_set_t first;

        *w = (World){ .fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP };
        CPU_ZERO(&first);
        CPU_SET(0, &first);
        cr_assert_eq(host_new("/", &w->host), 0);
        w->accounted = faccessat(w->host->proc_fd, "pressure/cpu", F_OK, 0) >= 0;
        (void) snprintf(w->name, sizeof(w->name), "cprof-pressure-%i.service", (int) getpid());

        for (unsigned i = 0; i < BUSY; i++) {
                w->busy[i] = spawn_busy(1);
                cr_assert_eq(sched_setaffinity(w->busy[i], sizeof(first), &first), 0);
                join_cgroup(w->host->cgroup_fd, w->name, w->busy[i]);
                join_cgroup(w->host->unified_fd, w->name, w->busy[i]);
        }

        cr_assert_eq(fake_probe_new(&w->fake, &w->probe), 0);
        cr_assert_eq(target_set_new(w->host, w->probe, NULL, &w->set), 0);
        refresh(w);
        w->unit = target_set_find_unit(w->set, w->name);
        cr_assert_not_null(w->unit);
        for (Pressure i = 0; i < _PRESSURE_MAX; i++)
                w->unit->pressures_wanted |= 1U << i;
}

static void remove_cgroup(int hierarchy_fd, const char *name) {
        for (unsigned i = 0; hierarchy_fd >= 0 && i < 100; i++) {
                if (unlinkat(hierarchy_fd, name, AT_REMOVEDIR) >= 0)
                        return;
                sleep_usec(20 * USEC_PER_MSEC); /* the dead are still leaving */
        }
}

static void world_done(World *w) {
        for (unsigned i = 0; i < BUSY; i++)
                spawn_kill(w->busy[i]);
        w->set = target_set_free(w->set);
        w->probe = probe_free(w->probe);
        remove_cgroup(w->host->cgroup_fd, w->name);
        remove_cgroup(w->host->unified_fd, w->name);
        w->host = host_free(w->host);
}

Test(pressure, who_shares_a_cpu_waits_for_it) {
        double cpu, memory;
        World w;

        world_init(&w);
        refresh(&w);
        sleep_usec(2 * USEC_PER_SEC);
        refresh(&w);
        cpu = unit_pressure_percent(w.unit, PRESSURE_CPU);
        memory = unit_pressure_percent(w.unit, PRESSURE_MEMORY);
        (void) fprintf(stderr,
                       "# pressure: %s, cpu %.1f %%, memory %.1f %%\n",
                       w.accounted ? "accounted" : "not accounted",
                       cpu,
                       memory);

        if (w.accounted) {
                cr_expect_gt(cpu, 50);
                cr_expect_leq(cpu, 100);
                cr_expect(memory >= 0 && memory < 50, "they need none");
        } else {
                int expected = w.host->cgroup_layout == CGROUP_LAYOUT_LEGACY ? -EOPNOTSUPP : -ENOENT;

                cr_expect(isnan(cpu));
                cr_expect_eq(w.unit->pressures[PRESSURE_CPU].error, expected);
        }
        world_done(&w);
}

Test(pressure, a_cgroup_whose_accounting_is_off_has_no_value) {
        char path[128];
        int cgroup2_fd;
        World w;
        int fd;

        world_init(&w);
        cgroup2_fd = w.host->unified_fd >= 0 ? w.host->unified_fd : w.host->cgroup_fd;
        (void) snprintf(path, sizeof(path), "%s/cgroup.pressure", w.name);
        fd = openat(cgroup2_fd, path, O_WRONLY | O_CLOEXEC);
        if (fd < 0) { /* before Linux 6.1, or not accounted at all */
                refresh(&w);
                cr_expect_eq(w.unit->pressures[PRESSURE_IO].error == 0, w.accounted);
                world_done(&w);
                return;
        }

        cr_assert_eq(write_full_fd(fd, "0", 1), 0);
        refresh(&w);
        refresh(&w);
        cr_expect_eq(w.unit->pressures[PRESSURE_CPU].error, -ENODATA);
        cr_expect(isnan(unit_pressure_percent(w.unit, PRESSURE_CPU)));

        cr_assert_eq(write_full_fd(fd, "1", 1), 0);
        refresh(&w);
        sleep_usec(100 * USEC_PER_MSEC);
        refresh(&w);
        cr_expect_not(isnan(unit_pressure_percent(w.unit, PRESSURE_CPU)));
        (void) safe_close(fd);
        world_done(&w);
}
