/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/watch-set.h"

#include "fake/fake-subjects.h"

#include <criterion/criterion.h>

TestSuite(test_watch_many, .timeout = 30);

#define AT(sec) ((usec_t) (sec) *USEC_PER_SEC)
#define CPU_RULE "[Trigger]\nMetric=process-cpu\nThreshold=80%\nPeriod=5s\nCount=2\n"
#define ALL_CPU "[Policy]\nUnit=*\n" CPU_RULE

static Unit root, nginx;

static void make_units(void) {
        root = fake_unit("-.slice", NULL);
        nginx = fake_unit("nginx.service", &root);
}

static void count_cause(const Cause *cause, void *userdata) {
        (*(size_t *) userdata)++;
}

static double value_by_pid(Metric metric, Subject subject, const UriRule *uri, void *userdata) {
        return subject.process->key.pid % 100;
}

#define MANY 10000U

/* Which of the many are watched, and by which of the two policies. */
static void
check_many(const WatchSet *s, const Process *processes, const bool *added, const bool *in_force) {
        size_t n_watches = 0, n_rules = 0;

        for (size_t i = 0; i < MANY; i++) {
                const Watch *w = processes[i].watch;
                size_t n = (size_t) in_force[0] + (in_force[1] && i % 2 == 0);

                if (!added[i] || n == 0) {
                        cr_assert_null(w);
                        continue;
                }

                cr_assert_not_null(w);
                cr_assert_eq(w->subject.process, processes + i);
                cr_assert_eq(w->n_policies, n);
                n_watches++;
                n_rules += n;
        }

        cr_assert_eq(watch_set_n_watches(s), n_watches);
        cr_assert_eq(watch_set_n_rules(s), n_rules);
}

Test(test_watch_many, ten_thousand_subjects_come_and_go) {
        _cleanup_(freep) Process *processes = calloc(MANY, sizeof(*processes));
        _cleanup_(policy_unrefp) Policy *all = fake_policy("all", ALL_CPU);
        _cleanup_(policy_unrefp) Policy *even = fake_policy("even", "[Policy]\nUser=0\n" CPU_RULE);
        static bool added[MANY];
        bool in_force[2] = { true, true };
        uint64_t state = 7;
        size_t n_causes = 0, n_expected = 0;
        Monitor monitor;
        WatchSet *s;

        cr_assert_not_null(processes);
        make_units();
        monitor_init(&monitor, NULL, NULL);
        cr_assert_eq(watch_set_new(&monitor, &s), 0);
        watch_set_set_source(s, value_by_pid, NULL);
        cr_assert_eq(watch_set_add_policy(s, all), 0);
        cr_assert_eq(watch_set_add_policy(s, even), 0);

        for (size_t i = 0; i < MANY; i++) {
                processes[i] = fake_process((pid_t) i + 1, "worker", &nginx);
                processes[i].uid = i % 2;
                cr_assert_eq(watch_set_add_process(s, processes + i), 0);
                added[i] = true;
        }
        check_many(s, processes, added, in_force);

        for (size_t step = 0; step < 5 * MANY; step++) {
                size_t i = fake_random_below(&state, MANY);

                if (added[i])
                        watch_set_remove_process(s, processes + i);
                else
                        cr_assert_eq(watch_set_add_process(s, processes + i), 0);
                added[i] = !added[i];
        }
        check_many(s, processes, added, in_force);

        for (size_t i = 0; i < MANY; i++)
                if (added[i] && processes[i].key.pid % 100 >= 80)
                        n_expected += 1 + (i % 2 == 0);
        watch_set_tick(s, AT(10), count_cause, &n_causes);
        cr_expect_eq(n_causes, 0);
        watch_set_tick(s, AT(11), count_cause, &n_causes);
        cr_expect_eq(n_causes, n_expected);

        watch_set_remove_policy(s, all);
        in_force[0] = false;
        check_many(s, processes, added, in_force);
        cr_expect_eq(policy_n_subjects(s, even), watch_set_n_watches(s));
        cr_expect_eq(policy_n_subjects(s, all), 0);
        watch_set_free(s);
}

Test(test_watch_many, subjects_beyond_the_limit_are_counted_and_not_watched) {
        size_t n = WATCHES_MAX + 3;
        _cleanup_(freep) Process *processes = calloc(n, sizeof(*processes));
        _cleanup_(policy_unrefp) Policy *all = fake_policy("all", ALL_CPU);
        Monitor monitor;
        WatchSet *s;

        cr_assert_not_null(processes);
        make_units();
        monitor_init(&monitor, NULL, NULL);
        cr_assert_eq(watch_set_new(&monitor, &s), 0);
        cr_assert_eq(watch_set_add_policy(s, all), 0);
        for (size_t i = 0; i < n; i++) {
                processes[i] = fake_process((pid_t) i, "worker", &nginx);
                cr_assert_eq(watch_set_add_process(s, processes + i), i < WATCHES_MAX ? 0 : -EUSERS);
        }

        cr_expect_eq(watch_set_n_watches(s), WATCHES_MAX);
        cr_expect_eq(watch_set_n_dropped(s), 3);
        cr_expect_null(processes[n - 1].watch);

        watch_set_remove_process(s, processes);
        cr_expect_eq(watch_set_add_process(s, processes + n - 1), 0);
        watch_set_free(s);
}
