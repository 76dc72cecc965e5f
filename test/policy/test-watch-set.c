/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/watch-set.h"

#include "fake/fake-subjects.h"
#include "target/identity.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(test_watch_set, .timeout = 30);

#define AT(sec) ((usec_t) (sec) *USEC_PER_SEC)
#define CPU_80_2_OF_5 "[Trigger]\nMetric=process-cpu\nThreshold=80%\nPeriod=5s\nCount=2\n"
#define ALL "[Policy]\nUnit=*\n"

static Unit root, system_slice, nginx, php;

static void make_units(void) {
        root = fake_unit("-.slice", NULL);
        system_slice = fake_unit("system.slice", &root);
        nginx = fake_unit("nginx.service", &system_slice);
        php = fake_unit("php.service", &system_slice);
}

/* A set whose values are what the test says: values[pid][metric], or units[0][metric] for any unit. */
#define PIDS_MAX 8

typedef struct World {
        Monitor monitor;
        WatchSet *set;
        double values[PIDS_MAX][_METRIC_MAX];
        Process processes[PIDS_MAX];

        Cause causes[64];
        size_t n_causes;
} World;

static double world_value(Metric metric, Subject subject, const UriRule *uri, void *userdata) {
        World *w = userdata;

        return w->values[subject.process ? subject.process->key.pid : 0][metric];
}

static void world_on_cause(const Cause *cause, void *userdata) {
        World *w = userdata;

        cr_assert_lt(w->n_causes, ELEMENTSOF(w->causes));
        w->causes[w->n_causes++] = *cause;
}

static void world_init(World *w) {
        make_units();
        *w = (World){};
        monitor_init(&w->monitor, NULL, NULL);
        cr_assert_eq(watch_set_new(&w->monitor, &w->set), 0);
        watch_set_set_source(w->set, world_value, w);
        for (int pid = 0; pid < PIDS_MAX; pid++)
                w->processes[pid] = fake_process(pid, "worker", &nginx);
}

static void world_done(World *w) {
        w->set = watch_set_free(w->set);
        for (int pid = 0; pid < PIDS_MAX; pid++)
                cr_expect_null(w->processes[pid].watch);
}

/* The set keeps the only reference. */
static void world_add_policy(World *w, const char *name, const char *text) {
        _cleanup_(policy_unrefp) Policy *p = fake_policy(name, text);

        cr_assert_eq(watch_set_add_policy(w->set, p), 0);
}

static void world_remove_policy(World *w, const char *name) {
        const Policy by_name = { .name = (char *) name };

        watch_set_remove_policy(w->set, &by_name);
}

static const Window *world_window(World *w, int pid, Metric metric) {
        Watch *watch = w->processes[pid].watch;

        return watch ? watch_find_window(watch, metric, &(const UriRule){}) : NULL;
}

/* The second @slot closes; returns how many rules hold. */
static size_t world_tick(World *w, unsigned slot) {
        w->n_causes = 0;
        watch_set_tick(w->set, AT(slot + 1), world_on_cause, w);
        return w->n_causes;
}

Test(test_watch_set, a_rule_holds_in_the_second_its_last_bad_slot_closes) {
        World w;

        world_init(&w);
        world_add_policy(&w, "a", ALL CPU_80_2_OF_5);
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);

        w.values[1][METRIC_PROCESS_CPU] = 95;
        cr_expect_eq(world_tick(&w, 100), 0);
        w.values[1][METRIC_PROCESS_CPU] = 10;
        cr_expect_eq(world_tick(&w, 101), 0);
        w.values[1][METRIC_PROCESS_CPU] = 80;
        cr_assert_eq(world_tick(&w, 102), 1);

        cr_expect_str_eq(w.causes[0].policy->name, "a");
        cr_expect_eq(w.causes[0].trigger, w.causes[0].policy->triggers);
        cr_expect_eq(w.causes[0].subject.process, w.processes + 1);
        cr_expect_null(w.causes[0].subject.unit);
        cr_expect_eq(w.causes[0].hits, 2);
        cr_expect_eq(w.causes[0].value, 80);
        cr_expect_eq(w.causes[0].peak, 95);

        /* It goes on holding, though the newest seconds do not match, until the first leaves its five. */
        w.values[1][METRIC_PROCESS_CPU] = 0;
        cr_expect_eq(world_tick(&w, 103), 1);
        cr_expect_eq(world_tick(&w, 104), 1);
        cr_expect_eq(world_tick(&w, 105), 0);
        world_done(&w);
}

Test(test_watch_set, seconds_without_a_tick_are_no_hits) {
        World w;

        world_init(&w);
        world_add_policy(&w, "a", ALL CPU_80_2_OF_5);
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);

        w.values[1][METRIC_PROCESS_CPU] = 95;
        cr_expect_eq(world_tick(&w, 100), 0);
        cr_expect_eq(world_tick(&w, 105), 0);
        cr_expect_eq(world_tick(&w, 109), 1);
        world_done(&w);
}

Test(test_watch_set, a_fresh_process_has_no_values) {
        World w;

        world_init(&w);
        world_add_policy(&w, "a", ALL CPU_80_2_OF_5);
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);

        w.values[1][METRIC_PROCESS_CPU] = 95;
        w.processes[1].fresh = true;
        cr_expect_eq(world_tick(&w, 100), 0);
        w.processes[1].fresh = false;
        cr_expect_eq(world_tick(&w, 101), 0);
        cr_expect_eq(world_tick(&w, 102), 1);
        world_done(&w);
}

/* Conformance item 13; a unit that is registered as a whole is a process, too. */
Test(test_watch_set, item_13_who_is_registered_later_is_watched_and_who_is_gone_is_not) {
        Identity shop = { .service = (char *) "shop" }, desk = { .service = (char *) "desk" };
        World w;

        world_init(&w);
        world_add_policy(&w, "oap:on-cpu:shop", "[Policy]\nService=shop\n" CPU_80_2_OF_5);
        for (int pid = 0; pid < 3; pid++)
                w.values[pid][METRIC_PROCESS_CPU] = 95;

        w.processes[2].identity = &desk;
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 2), 0);
        cr_expect_eq(world_tick(&w, 100), 0);
        cr_expect_null(w.processes[2].watch);

        w.processes[1].identity = &shop;
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);
        nginx.identity = &shop;
        cr_assert_eq(watch_set_add_unit(w.set, &nginx), 0);
        cr_expect_eq(world_tick(&w, 101), 0);
        cr_assert_eq(world_tick(&w, 102), 2);
        cr_expect_neq(w.causes[0].subject.process == w.processes + 1,
                      w.causes[1].subject.process == w.processes + 1);
        cr_expect_neq(w.causes[0].subject.unit == &nginx, w.causes[1].subject.unit == &nginx);

        watch_set_remove_process(w.set, w.processes + 1);
        watch_set_remove_unit(w.set, &nginx);
        cr_expect_eq(world_tick(&w, 103), 0);
        world_done(&w);
}

Test(test_watch_set, the_monitor_is_asked_when_there_is_no_other_source) {
        World w;

        world_init(&w);
        watch_set_set_source(w.set, NULL, NULL);
        world_add_policy(
                        &w,
                        "a",
                        ALL "[Trigger]\nMetric=process-thread-count\nThreshold=7\nPeriod=1s\nCount=1\n");
        world_add_policy(&w, "b", ALL "[Trigger]\nMetric=system-load\nThreshold=3\nPeriod=1s\nCount=1\n");
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);

        w.processes[1].n_threads = 7;
        w.monitor.load1 = NAN;
        cr_assert_eq(world_tick(&w, 100), 1);
        cr_expect_eq(w.causes[0].value, 7);

        w.monitor.load1 = 3.5;
        cr_assert_eq(world_tick(&w, 101), 2);
        cr_expect_eq(w.causes[1].value, 3.5);

        w.processes[1].fresh = true;
        cr_expect_eq(world_tick(&w, 102), 0);
        world_done(&w);
}

Test(test_watch_set, one_window_serves_all_rules_of_a_metric) {
        World w;

        world_init(&w);
        world_add_policy(&w, "short", ALL CPU_80_2_OF_5);
        world_add_policy(
                        &w,
                        "long",
                        ALL "[Trigger]\nMetric=process-cpu\nThreshold=50%\nPeriod=30s\nCount=6\n");
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);
        cr_assert_not_null(world_window(&w, 1, METRIC_PROCESS_CPU));
        cr_expect_eq(window_length(world_window(&w, 1, METRIC_PROCESS_CPU)), 30);
        cr_expect_null(world_window(&w, 1, METRIC_PROCESS_THREAD_COUNT));

        w.values[1][METRIC_PROCESS_CPU] = 60;
        for (unsigned slot = 100; slot < 105; slot++)
                cr_expect_eq(world_tick(&w, slot), 0);
        cr_assert_eq(world_tick(&w, 105), 1);
        cr_expect_str_eq(w.causes[0].policy->name, "long");

        world_remove_policy(&w, "long");
        cr_expect_eq(window_length(world_window(&w, 1, METRIC_PROCESS_CPU)), 5);
        cr_expect_eq(window_hits(world_window(&w, 1, METRIC_PROCESS_CPU), AT(105), 30, 60).hits, 5);
        world_done(&w);
}

Test(test_watch_set, a_changed_threshold_counts_for_the_seconds_already_seen) {
        World w;

        world_init(&w);
        world_add_policy(&w, "a", ALL CPU_80_2_OF_5);
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);
        w.values[1][METRIC_PROCESS_CPU] = 60;
        for (unsigned slot = 100; slot < 104; slot++)
                cr_expect_eq(world_tick(&w, slot), 0);

        world_add_policy(&w, "a", ALL "[Trigger]\nMetric=process-cpu\nThreshold=50%\nPeriod=20s\nCount=5\n");
        cr_expect_eq(window_length(world_window(&w, 1, METRIC_PROCESS_CPU)), 20);
        cr_expect_eq(watch_set_n_rules(w.set), 1);
        cr_assert_eq(world_tick(&w, 104), 1);
        cr_expect_eq(w.causes[0].hits, 5);
        world_done(&w);
}

Test(test_watch_set, a_replaced_policy_lets_go_of_what_it_no_longer_matches) {
        _cleanup_(policy_unrefp) Policy *old = fake_policy("a", ALL CPU_80_2_OF_5);
        _cleanup_(policy_unrefp) Policy *new = fake_policy("a", "[Policy]\nExe=/bin/one\n" CPU_80_2_OF_5);
        World w;

        world_init(&w);
        w.processes[1].exe = (char *) "/bin/one";
        cr_assert_eq(watch_set_add_policy(w.set, old), 0);
        for (int pid = 1; pid < PIDS_MAX; pid++)
                cr_assert_eq(watch_set_add_process(w.set, w.processes + pid), 0);
        cr_expect_eq(policy_n_subjects(w.set, old), PIDS_MAX - 1);

        cr_assert_eq(watch_set_replace_policy(w.set, old, new), 0);
        cr_expect_eq(policy_n_subjects(w.set, new), 1);
        cr_expect_eq(watch_set_n_watches(w.set), 1);
        cr_expect_eq(watch_set_n_rules(w.set), 1);
        cr_expect_not_null(w.processes[1].watch);
        cr_expect_null(w.processes[2].watch);
        world_done(&w);
        cr_expect_eq(old->n_ref, 1);
        cr_expect_eq(new->n_ref, 1);
}

Test(test_watch_set, policies_of_a_watch_are_sorted_by_name_whatever_their_order) {
        static const char *const names[] = { "m", "c", "z", "a", "n" },
                                 *const sorted[] = { "a", "c", "n", "z" };
        Watch *watch;
        World w;

        world_init(&w);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                world_add_policy(&w, names[i], ALL CPU_80_2_OF_5);
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);
        cr_expect_eq(watch_set_n_rules(w.set), ELEMENTSOF(names));
        world_remove_policy(&w, "m");
        world_remove_policy(&w, "not there");

        watch = w.processes[1].watch;
        cr_assert_eq(watch->n_policies, ELEMENTSOF(sorted));
        for (size_t i = 0; i < ELEMENTSOF(sorted); i++)
                cr_expect_str_eq(watch->policies[i]->name, sorted[i]);

        for (size_t i = 0; i < ELEMENTSOF(sorted); i++)
                world_remove_policy(&w, sorted[i]);
        cr_expect_null(w.processes[1].watch);
        cr_expect_eq(watch_set_n_watches(w.set), 0);
        cr_expect_eq(watch_set_n_rules(w.set), 0);
        world_done(&w);
}

Test(test_watch_set, a_changed_process_starts_with_empty_windows) {
        World w;

        world_init(&w);
        world_add_policy(&w, "a", ALL CPU_80_2_OF_5);
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);
        w.values[1][METRIC_PROCESS_CPU] = 95;
        cr_expect_eq(world_tick(&w, 100), 0);

        watch_set_remove_process(w.set, w.processes + 1);
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);
        cr_expect_eq(world_tick(&w, 101), 0);
        cr_expect_eq(world_tick(&w, 102), 1);

        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);
        cr_expect_eq(world_tick(&w, 103), 1, "adding it twice does nothing");
        world_done(&w);
}

Test(test_watch_set, a_unit_is_watched_as_a_whole) {
        World w;

        world_init(&w);
        world_add_policy(&w, "a", "[Policy]\nUnit=nginx.service\nScope=unit\n" CPU_80_2_OF_5);
        cr_assert_eq(watch_set_add_unit(w.set, &nginx), 0);
        cr_assert_eq(watch_set_add_unit(w.set, &php), 0);
        cr_assert_eq(watch_set_add_process(w.set, w.processes + 1), 0);

        cr_expect_eq(watch_set_n_watches(w.set), 1);
        cr_expect(nginx.cpu_wanted);
        cr_expect_not(php.cpu_wanted);
        cr_expect_null(w.processes[1].watch);

        w.values[0][METRIC_PROCESS_CPU] = 250;
        cr_expect_eq(world_tick(&w, 100), 0);
        cr_assert_eq(world_tick(&w, 101), 1);
        cr_expect_eq(w.causes[0].subject.unit, &nginx);
        cr_expect_null(w.causes[0].subject.process);

        watch_set_remove_unit(w.set, &nginx);
        watch_set_remove_unit(w.set, &php);
        cr_expect_not(nginx.cpu_wanted);
        cr_expect_null(nginx.watch);
        cr_expect_eq(world_tick(&w, 102), 0);
        world_done(&w);
}

Test(test_watch_set, any_policy_in_the_set_wants_its_kind) {
        World w;

        world_init(&w);
        cr_expect_not(watch_set_wants_kind(w.set, PROFILE_KIND_ON_CPU));
        world_add_policy(&w, "a", "[Policy]\nProfile=on-cpu\nUnit=none.service\n" CPU_80_2_OF_5);
        cr_expect(watch_set_wants_kind(w.set, PROFILE_KIND_ON_CPU));
        world_remove_policy(&w, "a");
        cr_expect_not(watch_set_wants_kind(w.set, PROFILE_KIND_ON_CPU));
        world_done(&w);
}
