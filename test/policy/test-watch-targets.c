/* SPDX-License-Identifier: Apache-2.0 */
/* The watch set behind a real target set: /proc is a directory that the test writes. */
#include "policy/watch-set.h"

#include "basic/file-io.h"
#include "fake/fake-probe.h"
#include "fake/fake-subjects.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <sys/stat.h>

TestSuite(test_watch_targets, .timeout = 30);

#define AT(sec) ((usec_t) (sec) *USEC_PER_SEC)
#define CPU_RULE "[Trigger]\nMetric=process-cpu\nThreshold=80%\nPeriod=5s\nCount=1\n"
#define THREADS_RULE "[Trigger]\nMetric=process-thread-count\nThreshold=5\nPeriod=5s\nCount=1\n"
#define LOAD_RULE "[Trigger]\nMetric=system-load\nThreshold=2.5\nPeriod=5s\nCount=1\n"

typedef struct World {
        char root[64];
        int root_fd;
        Host *host;
        FakeProbe fake;
        Probe *probe;
        TargetSet *targets;
        Monitor monitor;
        WatchSet *set;
        unsigned now_sec;

        Cause causes[16];
        size_t n_causes;
} World;

static void write_file(World *w, const char *path, const char *text) {
        _cleanup_(closep) int fd = openat(w->root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        cr_assert_geq(fd, 0);
        cr_assert_eq(write_full_fd(fd, text, strlen(text)), 0);
}

/* @cpu_ticks is what it has used since its start, in 1/100 s. */
static void write_process(World *w, int pid, const char *cgroup, unsigned n_threads, unsigned cpu_ticks) {
        char path[64], text[512];

        (void) snprintf(path, sizeof(path), "proc/%i", pid);
        cr_assert_eq(mkdir_parents_at(w->root_fd, path, 0755), 0);

        (void) snprintf(path, sizeof(path), "proc/%i/stat", pid);
        (void) snprintf(text,
                        sizeof(text),
                        "%i (worker) S 1 1 1 0 -1 4194560 1 0 0 0 %u 0 0 0 20 0 %u 0 %i 1000000 100 "
                        "0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n",
                        pid,
                        cpu_ticks,
                        n_threads,
                        pid * 10);
        write_file(w, path, text);

        (void) snprintf(path, sizeof(path), "proc/%i/status", pid);
        write_file(w, path, "Name:\tworker\nUid:\t0\t0\t0\t0\nNSpid:\t1\n");
        (void) snprintf(path, sizeof(path), "proc/%i/comm", pid);
        write_file(w, path, "worker\n");
        (void) snprintf(path, sizeof(path), "proc/%i/cgroup", pid);
        (void) snprintf(text, sizeof(text), "0::%s\n", cgroup);
        write_file(w, path, text);
        (void) snprintf(path, sizeof(path), "proc/%i/exe", pid);
        (void) symlinkat("/usr/bin/worker", w->root_fd, path);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

static void remove_process(World *w, int pid) {
        char path[128];

        (void) snprintf(path, sizeof(path), "%s/proc/%i", w->root, pid);
        cr_assert_eq(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void on_process_added(Process *p, void *userdata) {
        World *w = userdata;

        cr_assert_eq(watch_set_add_process(w->set, p), 0);
}

static void on_process_removed(Process *p, void *userdata) {
        World *w = userdata;

        watch_set_remove_process(w->set, p);
}

static void on_unit_added(Unit *u, void *userdata) {
        World *w = userdata;

        cr_assert_eq(watch_set_add_unit(w->set, u), 0);
}

static void on_unit_removed(Unit *u, void *userdata) {
        World *w = userdata;

        watch_set_remove_unit(w->set, u);
}

static void on_cause(const Cause *cause, void *userdata) {
        World *w = userdata;

        cr_assert_lt(w->n_causes, ELEMENTSOF(w->causes));
        w->causes[w->n_causes++] = *cause;
}

/* One second, as the daemon does it. Returns how many rules hold. */
static size_t world_tick(World *w) {
        w->now_sec++;
        w->n_causes = 0;
        cr_assert_eq(target_set_refresh(w->targets, AT(w->now_sec)), 0);
        (void) monitor_tick(&w->monitor);
        watch_set_tick(w->set, AT(w->now_sec), on_cause, w);
        return w->n_causes;
}

static World *world_new(void) {
        World *w = calloc(1, sizeof(*w));
        const TargetEvents events = {
                .unit_added = on_unit_added,
                .unit_removed = on_unit_removed,
                .process_added = on_process_added,
                .process_removed = on_process_removed,
                .userdata = w,
        };

        cr_assert_not_null(w);
        (void) snprintf(w->root, sizeof(w->root), P_tmpdir "/test-watch-targets-XXXXXX");
        cr_assert_not_null(mkdtemp(w->root));
        w->root_fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(w->root_fd, 0);
        cr_assert_eq(mkdir_parents_at(w->root_fd, "proc", 0755), 0);
        write_file(w, "proc/loadavg", "1.00 0.50 0.25 1/100 4242\n");

        w->fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP;
        w->now_sec = 100;
        cr_assert_eq(host_new(w->root, &w->host), 0);
        cr_assert_eq(fake_probe_new(&w->fake, &w->probe), 0);
        cr_assert_eq(target_set_new(w->host, w->probe, &events, &w->targets), 0);
        monitor_init(&w->monitor, w->host, w->targets);
        cr_assert_eq(watch_set_new(&w->monitor, &w->set), 0);
        return w;
}

static World *world_free(World *w) {
        watch_set_free(w->set);
        target_set_free(w->targets);
        probe_free(w->probe);
        host_free(w->host);
        (void) safe_close(w->root_fd);
        (void) nftw(w->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(World *, world_free)

static Policy *world_add_policy(World *w, const char *name, const char *text) {
        Policy *p = fake_policy(name, text);

        cr_assert_eq(watch_set_add_policy(w->set, p), 0);
        return p;
}

Test(test_watch_targets, a_policy_that_comes_later_finds_who_is_there) {
        _cleanup_(world_freep) World *w = world_new();
        _cleanup_(policy_unrefp) Policy *processes = NULL, *units = NULL, *narrower = NULL;

        write_process(w, 10, "/system.slice/a.service", 1, 0);
        write_process(w, 11, "/system.slice/a.service", 1, 0);
        write_process(w, 12, "/system.slice/b.service", 1, 0);
        cr_expect_eq(world_tick(w), 0);
        cr_expect_eq(watch_set_n_watches(w->set), 0);

        processes = world_add_policy(w, "p", "[Policy]\nUnit=*.service\n" CPU_RULE);
        units = world_add_policy(w, "u", "[Policy]\nUnit=*\nScope=unit\n" CPU_RULE THREADS_RULE);
        cr_expect_eq(policy_n_subjects(w->set, processes), 3);
        cr_expect_eq(policy_n_subjects(w->set, units), 4, "two services and two slices");
        cr_expect_eq(watch_set_n_rules(w->set), 3 + 4 * 2);
        cr_expect(target_set_find_unit(w->targets, "a.service")->cpu_wanted);

        narrower = fake_policy("p", "[Policy]\nUnit=b.service\n" CPU_RULE);
        cr_assert_eq(watch_set_replace_policy(w->set, processes, narrower), 0);
        cr_expect_eq(policy_n_subjects(w->set, narrower), 1);
        cr_assert_eq(watch_set_replace_policy(w->set, narrower, processes), 0);
        cr_expect_eq(policy_n_subjects(w->set, processes), 3, "those it did not watch are found again");

        remove_process(w, 12);
        write_process(w, 13, "/system.slice/c.service", 1, 0);
        cr_expect_eq(world_tick(w), 0);
        cr_expect_eq(policy_n_subjects(w->set, processes), 3);
        cr_expect_eq(policy_n_subjects(w->set, units), 4, "b.service went, c.service came");
        cr_expect_null(target_set_find_unit(w->targets, "b.service"));

        watch_set_remove_policy(w->set, units);
        cr_expect_not(target_set_find_unit(w->targets, "a.service")->cpu_wanted);
        watch_set_remove_policy(w->set, processes);
        cr_expect_eq(watch_set_n_watches(w->set), 0);
}

Test(test_watch_targets, cpu_is_measured_from_the_first_full_second) {
        _cleanup_(world_freep) World *w = world_new();
        _cleanup_(policy_unrefp) _unused_ Policy *p =
                        world_add_policy(w, "p", "[Policy]\nUnit=*\n" CPU_RULE);

        write_process(w, 10, "/system.slice/a.service", 1, 100);
        cr_expect_eq(world_tick(w), 0);

        write_process(w, 10, "/system.slice/a.service", 1, 179);
        cr_expect_eq(world_tick(w), 0, "79%%");
        write_process(w, 10, "/system.slice/a.service", 1, 259);
        cr_assert_eq(world_tick(w), 1);
        cr_expect_float_eq(w->causes[0].value, 80, 1e-9);
        cr_expect_eq(w->causes[0].hits, 1);
        cr_expect_eq(w->causes[0].subject.process->key.pid, 10);
}

Test(test_watch_targets, a_unit_is_the_sum_of_what_lives_in_it_and_below) {
        _cleanup_(world_freep) World *w = world_new();
        _cleanup_(policy_unrefp) Policy *p = NULL;
        Unit *slice;

        p = world_add_policy(w, "u", "[Policy]\nUnit=web.slice\nScope=unit\n" CPU_RULE THREADS_RULE);
        write_process(w, 10, "/web.slice/a.service", 2, 0);
        write_process(w, 11, "/web.slice/b.service", 2, 0);
        write_process(w, 12, "/system.slice/c.service", 9, 0);
        cr_expect_eq(world_tick(w), 0);

        write_process(w, 10, "/web.slice/a.service", 2, 50);
        write_process(w, 11, "/web.slice/b.service", 3, 40);
        write_process(w, 12, "/system.slice/c.service", 9, 70);
        cr_assert_eq(world_tick(w), 2);

        slice = target_set_find_unit(w->targets, "web.slice");
        cr_expect_eq(w->causes[0].subject.unit, slice);
        cr_expect_eq(w->causes[0].trigger->metric, METRIC_PROCESS_CPU);
        cr_expect_float_eq(w->causes[0].value, 90, 1e-9);
        cr_expect_eq(w->causes[1].value, 5);
        cr_expect(isnan(
                        monitor_value(&w->monitor,
                                      METRIC_PROCESS_CPU,
                                      (Subject){ .unit = target_set_find_unit(w->targets, "c.service") },
                                      &(const UriRule){})));
}

Test(test_watch_targets, load_is_that_of_the_host_or_none) {
        _cleanup_(world_freep) World *w = world_new();
        _cleanup_(policy_unrefp) _unused_ Policy *p =
                        world_add_policy(w, "p", "[Policy]\nUnit=*\n" LOAD_RULE);

        write_process(w, 10, "/system.slice/a.service", 1, 0);
        write_file(w, "proc/loadavg", "2.50 0.50 0.25 1/100 4242\n");
        cr_expect_eq(world_tick(w), 0, "its first second is not whole");
        cr_expect_eq(world_tick(w), 1);
        cr_expect_eq(w->causes[0].value, 2.5);

        write_file(w, "proc/loadavg", "rubbish\n");
        cr_expect_lt(monitor_tick(&w->monitor), 0);
        cr_expect(isnan(w->monitor.load1));
        cr_expect_eq(world_tick(w), 1);
        cr_expect_eq(w->causes[0].hits, 1, "the unread second is no hit");
}

Test(test_watch_targets, policies_that_come_out_of_order_are_sorted_in_each_watch) {
        static const char *const names[] = { "m", "c", "z", "a" }, *const sorted[] = { "a", "c", "m", "z" };
        _cleanup_(world_freep) World *w = world_new();
        Watch *watch;

        write_process(w, 10, "/system.slice/a.service", 1, 0);
        cr_expect_eq(world_tick(w), 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                policy_unref(world_add_policy(w, names[i], "[Policy]\nUnit=*\n" CPU_RULE));

        watch = target_set_find_process(w->targets, 10)->watch;
        cr_assert_not_null(watch);
        cr_assert_eq(watch->n_policies, ELEMENTSOF(sorted));
        for (size_t i = 0; i < ELEMENTSOF(sorted); i++)
                cr_expect_str_eq(watch->policies[i]->name, sorted[i]);
}

Test(test_watch_targets, a_policy_is_added_though_its_subjects_are_beyond_the_limit) {
        _cleanup_(freep) Process *processes = calloc(WATCHES_MAX, sizeof(*processes));
        _cleanup_(world_freep) World *w = world_new();
        _cleanup_(policy_unrefp) Policy *first = NULL, *second = NULL;
        Unit unit = fake_unit("many.service", NULL);

        cr_assert_not_null(processes);
        write_process(w, 10, "/system.slice/a.service", 1, 0);
        write_process(w, 11, "/system.slice/a.service", 1, 0);
        cr_expect_eq(world_tick(w), 0);

        first = world_add_policy(w, "first", "[Policy]\nUnit=many.service\n" CPU_RULE);
        for (size_t i = 0; i < WATCHES_MAX - 1; i++) {
                processes[i] = fake_process((pid_t) i, "many", &unit);
                cr_assert_eq(watch_set_add_process(w->set, processes + i), 0);
        }

        second = world_add_policy(w, "second", "[Policy]\nUnit=a.service\n" CPU_RULE);
        cr_expect_eq(policy_n_subjects(w->set, second), 1);
        cr_expect_eq(watch_set_n_dropped(w->set), 1);

        watch_set_remove_policy(w->set, first);
        cr_expect_eq(watch_set_n_watches(w->set), 1);
}
