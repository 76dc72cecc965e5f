/* SPDX-License-Identifier: Apache-2.0 */
/* The task manager with a flight recorder at 20 of 100 Hz over 30 s, and with a budget. */
#include "policy/watch.h"
#include "task/task-bed.h"

#include <criterion/criterion.h>
#include <string.h>

#define SEC USEC_PER_SEC

static TaskBed bed;

static Policy policy = { .name = (char *) "web", .kinds = PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU) };
static Policy *policies[] = { &policy };
static Watch watch = { .policies = policies, .n_policies = 1 };

static const FakeMapping web_maps[] = {
        { .start = 0x400000, .end = 0x410000, .offset = 0x1000, .path = "/usr/bin/web" },
};
static const uint64_t in_web[] = { 0x400123, 0 };

static void watch_unit(const char *name) {
        Unit *u = target_set_find_unit(bed.targets, name);

        cr_assert_not_null(u);
        u->watch = &watch;
}

static void add_web(pid_t pid) {
        fake_host_set_process(&bed.host, pid, 1000 + (uint64_t) pid, "web", "/usr/bin/web", WEB);
        fake_host_set_maps(&bed.host, pid, web_maps, ELEMENTSOF(web_maps));
}

/* Two processes of web.service, which a policy watches, and one of db.service. */
static void make_bed_config(const TaskManagerConfig *config) {
        task_bed_init_config(&bed, config);
        add_web(71);
        add_web(72);
        fake_host_set_process(&bed.host, 80, 2000, "db", "/usr/bin/db", DB);
        task_bed_tick(&bed, 0);
        watch_unit("web.service");
        task_bed_tick(&bed, 5 * SEC);
}

static void make_bed(void) {
        make_bed_config(&(TaskManagerConfig){
                        .running_max = BED_RUNNING_MAX,
                        .oncpu_hz = 100,
                        .recorder_every = 5,
                        .recorder_usec = 30 * SEC,
        });
}

static void free_bed(void) {
        task_bed_done(&bed);
}

TestSuite(task_recorder, .timeout = 30, .init = make_bed, .fini = free_bed);

/* @flags: CPROF_SAMPLE_*. */
static void sample_flags(pid_t pid, usec_t at_usec, uint8_t flags) {
        bed.fake.sample_flags = flags;
        task_bed_sample(&bed, pid, at_usec, in_web);
}

static void record(pid_t pid, usec_t at_usec) {
        sample_flags(pid, at_usec, CPROF_SAMPLE_RECORDER);
}

static unsigned n_recorded(void) {
        unsigned n = 0;

        for (size_t i = 0; i < bed.fake.n_watched; i++)
                n += bed.fake.watched_use[i] == PROBE_USE_RECORDER;

        return n;
}

static uint64_t n_recent(const char *unit, unsigned seconds) {
        _cleanup_(profile_freep) Profile *p = NULL;

        cr_assert_eq(task_manager_recent(bed.manager, unit, seconds, &p), 0);
        return profile_n_samples(p);
}

Test(task_recorder, records_the_processes_of_watched_units_and_no_others) {
        cr_expect_eq(n_recorded(), 2);
        cr_expect(bed.fake.armed);
        cr_expect(task_bed_is_watched(&bed, 71));
        cr_expect(task_bed_is_watched(&bed, 72));
        cr_expect_not(task_bed_is_watched(&bed, 80));

        add_web(73);
        task_bed_tick(&bed, SEC);
        cr_expect_eq(n_recorded(), 3, "a new process of the unit");

        fake_host_remove_process(&bed.host, 72);
        task_bed_tick(&bed, SEC);
        cr_expect_eq(n_recorded(), 2);

        target_set_find_unit(bed.targets, "web.service")->watch = NULL;
        task_bed_tick(&bed, 5 * SEC);
        cr_expect_eq(n_recorded(), 0, "no policy wants it any more");
        cr_expect_not(bed.fake.armed);
}

Test(task_recorder, a_policy_of_a_process_records_that_one_only) {
        Process *p = target_set_find_process(bed.targets, 80);

        p->watch = &watch;
        task_manager_prepare(bed.manager, p);
        cr_expect_eq(n_recorded(), 3);
        p->watch = NULL;
}

Test(task_recorder, a_policy_of_another_kind_records_nothing) {
        Policy offcpu = { .name = (char *) "waits", .kinds = PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU) };
        Policy *list[] = { &offcpu };
        Watch waits = { .policies = list, .n_policies = 1 };
        Process *p = target_set_find_process(bed.targets, 80);

        p->watch = &waits;
        cr_expect_not(task_manager_records(bed.manager, p));
        p->watch = NULL;
}

Test(task_recorder, a_task_of_a_process_gets_what_was_before_it) {
        Task *t;

        record(71, 5 * SEC);
        record(72, 5 * SEC);
        task_bed_tick(&bed, SEC);
        record(71, 6 * SEC - 1); /* waits in the ring when the task begins */

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        cr_assert_not_null(t->before);
        cr_expect_eq(profile_n_samples(t->before), 2);
        cr_expect_eq(profile_period_nsec(t->before), 50 * USEC_PER_MSEC * NSEC_PER_USEC);
        cr_expect_not_null(task_bed_find_stack(t->before, "/usr/bin/web", 0x1123));
        cr_expect_eq(t->n_before_samples, 2);
        cr_expect_eq(t->before_period_nsec, 50 * USEC_PER_MSEC * NSEC_PER_USEC);
        cr_expect_eq(t->before_first_sample.monotonic_usec, BED_START_USEC + 5 * SEC);
        cr_expect_gt(t->before_first_sample.realtime_usec, 0);
        cr_expect_eq(profile_n_samples(t->profile), 0);
}

Test(task_recorder, a_task_of_a_unit_shows_the_worker_that_crashed_before_the_trigger) {
        Task *t;

        record(72, 5 * SEC);
        fake_host_remove_process(&bed.host, 72);
        record(72, 6 * SEC - 10); /* its last moment */
        task_bed_tick(&bed, SEC);
        cr_expect_not(task_bed_is_watched(&bed, 72));

        record(71, 6 * SEC + 1);
        task_bed_tick(&bed, 3 * SEC);
        cr_assert_eq(task_bed_start_unit(&bed, "web.service", &t), 0);
        cr_assert_not_null(t->before);
        cr_expect_eq(profile_n_samples(t->before), 3);
}

Test(task_recorder, a_task_gets_nothing_from_before_the_window_or_of_others) {
        Task *t;

        record(72, 5 * SEC);
        task_bed_tick(&bed, SEC);
        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        cr_expect_null(t->before, "that was another process");
        cr_assert_eq(task_manager_stop(bed.manager, t->id, NULL, bed.now_usec), 0);

        record(71, 6 * SEC);
        task_bed_tick(&bed, SEC);
        task_bed_tick(&bed, 30 * SEC);
        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        cr_expect_null(t->before, "that was long ago");
        cr_expect_eq(t->n_before_samples, 0);
        cr_expect_eq(recorder_n_entries(task_manager_recorder(bed.manager)), 0);
}

Test(task_recorder, each_sample_goes_where_its_flags_say) {
        Task *t;

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        sample_flags(71, 5 * SEC + 1, CPROF_SAMPLE_TASK);
        sample_flags(71, 5 * SEC + 2, CPROF_SAMPLE_TASK);
        sample_flags(71, 5 * SEC + 3, CPROF_SAMPLE_RECORDER);
        sample_flags(71, 5 * SEC + 4, CPROF_SAMPLE_TASK | CPROF_SAMPLE_RECORDER);
        sample_flags(72, 5 * SEC + 4, CPROF_SAMPLE_TASK | CPROF_SAMPLE_RECORDER);
        task_bed_tick(&bed, SEC);

        cr_expect_eq(profile_n_samples(t->profile), 3);
        cr_expect_eq(n_recent(NULL, 30), 3);
}

Test(task_recorder, the_recent_past_is_there_for_one_unit_or_all) {
        record(71, 5 * SEC);
        record(72, 8 * SEC);
        record(80, 8 * SEC); /* not recorded, so not known */
        task_bed_tick(&bed, 5 * SEC);

        cr_expect_eq(n_recent("web.service", 30), 2);
        cr_expect_eq(n_recent("web.service", 4), 1);
        cr_expect_eq(n_recent("system.slice", 30), 2);
        cr_expect_eq(n_recent("db.service", 30), 0);
        cr_expect_eq(n_recent(NULL, 30), 2);
        cr_expect_eq(n_recent(NULL, 0), 0);
        cr_expect_eq(n_recent(NULL, UINT32_MAX), 2);
}

Test(task_recorder, an_exec_does_not_mix_the_programs) {
        static const FakeMapping other_maps[] = {
                { .start = 0x400000, .end = 0x410000, .offset = 0x3000, .path = "/usr/bin/other" },
        };
        _cleanup_(profile_freep) Profile *p = NULL;

        task_manager_prepare_pending(bed.manager, SEC);
        record(71, 5 * SEC);
        fake_host_set_process(&bed.host, 71, 1071, "other", "/usr/bin/other", WEB);
        task_manager_drain(bed.manager, bed.now_usec);
        fake_host_set_maps(&bed.host, 71, other_maps, ELEMENTSOF(other_maps));
        task_manager_process_changed(bed.manager, target_set_find_process(bed.targets, 71));
        record(71, 5 * SEC + 10);
        task_manager_drain(bed.manager, bed.now_usec);

        cr_assert_eq(task_manager_recent(bed.manager, NULL, 30, &p), 0);
        cr_expect_not_null(task_bed_find_stack(p, "/usr/bin/web", 0x1123));
        cr_expect_not_null(task_bed_find_stack(p, "/usr/bin/other", 0x3123));
}

Test(task_recorder, a_full_probe_is_asked_again_later) {
        bed.fake.watch_error = -ENOSPC;
        add_web(73);
        task_bed_tick(&bed, SEC);
        cr_expect_eq(n_recorded(), 2);

        bed.fake.watch_error = 0;
        task_bed_tick(&bed, 5 * SEC);
        cr_expect_eq(n_recorded(), 3);
}

static void make_without_sampler(void) {
        task_bed_init_config(
                        &bed,
                        &(TaskManagerConfig){ .running_max = 1,
                                              .oncpu_hz = 100,
                                              .recorder_every = 5,
                                              .recorder_usec = 30 * SEC });
        bed.fake.fail[PROBE_FEATURE_ON_CPU] = -EPERM;
        add_web(71);
        task_bed_tick(&bed, 0);
        watch_unit("web.service");
        task_bed_tick(&bed, 5 * SEC);
}

TestSuite(task_recorder_refused, .timeout = 30, .init = make_without_sampler, .fini = free_bed);

Test(task_recorder_refused, without_a_sampler_it_says_why) {
        Profile *p;

        cr_expect_eq(n_recorded(), 0);
        cr_expect_eq(task_manager_recent(bed.manager, NULL, 30, &p), -EPERM);
}

static void make_without_recorder(void) {
        make_bed_config(&(TaskManagerConfig){
                        .running_max = 1, .oncpu_hz = 100, .recorder_usec = 30 * SEC });
}

TestSuite(task_recorder_off, .timeout = 30, .init = make_without_recorder, .fini = free_bed);

Test(task_recorder_off, it_costs_nothing) {
        Profile *p;
        Task *t;

        cr_expect_eq(n_recorded(), 0);
        cr_expect_eq(task_manager_n_processes(bed.manager), 0);
        cr_expect_eq(task_manager_recent(bed.manager, NULL, 30, &p), -EOPNOTSUPP);
        cr_expect_null(task_manager_recorder(bed.manager));
        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        cr_expect_null(t->before);
}

static void make_with_budget(void) {
        make_bed_config(&(TaskManagerConfig){ .running_max = 2, .oncpu_hz = 100, .budget_percent = 1 });
}

TestSuite(task_budget, .timeout = 30, .init = make_with_budget, .fini = free_bed);

/* A second in which our programs ran @percent of the host's time. */
static void cost(double percent) {
        long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);

        bed.fake.counters.bpf_run_ns += (uint64_t) (percent / 100 * (double) n_cpus * NSEC_PER_SEC);
        task_bed_tick(&bed, SEC);
}

Test(task_budget, a_task_over_the_budget_is_thinned_and_in_the_end_stopped) {
        usec_t at = bed.now_usec - BED_START_USEC;
        Task *t;

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        cr_expect(bed.fake.statistics);

        sample_flags(71, at + 1, CPROF_SAMPLE_TASK);
        cost(3);
        cr_expect_null(t->thinned);
        sample_flags(71, at + 2, CPROF_SAMPLE_TASK);
        cost(3);
        cr_expect_eq(bed.fake.thin, 2);
        cr_assert_not_null(t->thinned);
        cr_expect(strstr(t->thinned, "on-CPU sampling lowered to 1 in 2: recording took 3."),
                  "%s",
                  t->thinned);
        cr_expect_eq(t->n_samples, 2, "what was taken before stands for itself");

        sample_flags(71, at + 3 * SEC, CPROF_SAMPLE_TASK);
        for (unsigned i = 0; i < 5; i++)
                cost(3);
        cr_expect_eq(t->n_samples, 4, "one of two stands for two");
        cr_expect_eq(bed.fake.thin, 8);
        cr_expect_eq(bed.n_ended, 0);

        cost(3);
        cr_assert_eq(bed.n_ended, 1);
        cr_expect_eq(t->state, TASK_STATE_STOPPED);
        cr_expect(strstr(t->reason, "stopped to save the host: "), "%s", t->reason);
        cr_expect(strstr(t->thinned, "1 in 4"), "%s", t->thinned);
        cr_expect_eq(bed.fake.thin, 1, "the next task begins at the full rate");
        cr_expect_not(bed.fake.statistics);
        cr_expect_eq(t->cost.wall_nsec, 8 * NSEC_PER_SEC);
        cr_expect_geq(t->cost.host_share_ppm, 29000);
        cr_expect_lt(t->cost.host_share_ppm, 60000);
}

Test(task_budget, a_task_within_the_budget_is_left_alone) {
        Task *t;

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        for (unsigned i = 0; i < 20; i++)
                cost(i % 2 ? 3 : 0.1);

        cr_expect_null(t->thinned);
        cr_expect_eq(bed.fake.thin, 0);
        cr_expect_eq(bed.n_ended, 0);
}

Test(task_budget, a_task_that_begins_while_the_rate_is_low_says_so) {
        Task *t, *later;

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        cost(3);
        cost(3);
        cr_assert_eq(task_bed_start_process(&bed, 72, &later), 0);
        cr_assert_not_null(later->thinned);
        cr_expect(strstr(later->thinned, "1 in 2 already"), "%s", later->thinned);
}
