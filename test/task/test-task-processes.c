/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks while processes and units come, change and go. */
#include "task/task-bed.h"
#include "task/task-manager.h"

#include <criterion/criterion.h>
#include <string.h>

static TaskBed bed;

static const FakeMapping web_maps[] = {
        { .start = 0x400000, .end = 0x410000, .offset = 0x1000, .path = "/usr/bin/web" },
};
static const FakeMapping other_maps[] = {
        { .start = 0x400000, .end = 0x410000, .offset = 0, .path = "/usr/bin/other" },
};
static const FakeMapping more_maps[] = {
        { .start = 0x400000, .end = 0x410000, .offset = 0x1000, .path = "/usr/bin/web" },
        { .start = 0x500000, .end = 0x510000, .offset = 0, .path = "/usr/lib/plugin.so" },
        { .start = 0x600000, .end = 0x610000, .offset = 0, .path = "/usr/lib/plugin2.so" },
};

static const uint64_t in_web[] = { 0x400123, 0 };
static const uint64_t in_plugin[] = { 0x500123, 0 };
static const uint64_t astray[] = { 0x400123, 0xbad000, 0 };
static const uint64_t astray_in_plugin[] = { 0x400123, 0x500124, 0 };

static void add_process(pid_t pid, uint64_t start_ticks, const char *cgroup) {
        fake_host_set_process(&bed.host, pid, start_ticks, "web", "/usr/bin/web", cgroup);
        fake_host_set_maps(&bed.host, pid, web_maps, ELEMENTSOF(web_maps));
}

static void make_bed(void) {
        task_bed_init(&bed);
        add_process(71, 1071, WEB);
        add_process(80, 1080, DB);
        task_bed_tick(&bed, 0);
}

static void free_bed(void) {
        task_bed_done(&bed);
}

TestSuite(task_processes, .timeout = 30, .init = make_bed, .fini = free_bed);

static Task *start_unit(const char *unit) {
        Task *t;

        cr_assert_eq(task_bed_start_unit(&bed, unit, &t), 0);
        return t;
}

static Task *start_process(pid_t pid) {
        Task *t;

        cr_assert_eq(task_bed_start_process(&bed, pid, &t), 0);
        return t;
}

Test(task_processes, a_process_that_exits_ends_its_task_with_its_last_samples) {
        Task *t = start_process(71);

        task_bed_sample(&bed, 71, 10, in_web);
        fake_host_remove_process(&bed.host, 71);
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_assert_eq(bed.n_ended, 1);
        cr_expect_eq(t->state, TASK_STATE_FINISHED);
        cr_expect_str_eq(t->reason, "process exited");
        cr_expect_eq(t->n_samples, 1);
        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/bin/web", 0x1123));
        cr_expect_eq(bed.fake.n_watched, 0);
        cr_expect_eq(task_manager_n_processes(bed.manager), 0);
}

Test(task_processes, another_process_with_the_same_pid_is_not_the_same) {
        Task *t = start_process(71);

        fake_host_remove_process(&bed.host, 71);
        add_process(71, 5555, WEB);
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_expect_eq(bed.n_ended, 1);
        cr_expect_str_eq(t->reason, "process exited");
        cr_expect_eq(bed.fake.n_watched, 0);
}

Test(task_processes, a_unit_task_follows_its_processes) {
        Task *t = start_unit("web.service");

        add_process(90, 1090, WEB);
        add_process(91, 1091, WEB "/worker"); /* a cgroup of its own below the unit */
        task_bed_tick(&bed, USEC_PER_SEC);
        cr_expect(task_bed_is_watched(&bed, 71));
        cr_expect(task_bed_is_watched(&bed, 90));
        cr_expect(task_bed_is_watched(&bed, 91));
        cr_expect_not(task_bed_is_watched(&bed, 80));

        task_bed_sample(&bed, 90, USEC_PER_SEC + 1, in_web);
        fake_host_remove_process(&bed.host, 71);
        task_bed_tick(&bed, USEC_PER_SEC);
        cr_expect_not(task_bed_is_watched(&bed, 71));
        cr_expect_eq(t->n_samples, 1);
        cr_expect_eq(bed.n_ended, 0);
        cr_expect_eq(bed.fake.n_watched, 2);
}

Test(task_processes, a_process_reused_within_a_second_is_sampled_anew) {
        Task *t = start_unit("web.service");

        fake_host_remove_process(&bed.host, 71);
        fake_host_set_process(&bed.host, 71, 7777, "other", "/usr/bin/other", WEB);
        fake_host_set_maps(&bed.host, 71, other_maps, ELEMENTSOF(other_maps));
        task_bed_tick(&bed, USEC_PER_SEC); /* the old one is noticed as gone */
        task_bed_tick(&bed, USEC_PER_SEC);
        task_bed_sample(&bed, 71, 2 * USEC_PER_SEC, in_web);
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_expect_eq(bed.n_ended, 0);
        cr_expect_eq(bed.fake.n_watched, 1);
        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/bin/other", 0x123));
        cr_expect_null(task_bed_find_stack(t->profile, "/usr/bin/web", 0x1123));
}

Test(task_processes, a_process_that_leaves_the_unit_is_not_sampled_for_it_any_more) {
        Task *t = start_unit("web.service");

        add_process(90, 1090, WEB);
        task_bed_tick(&bed, USEC_PER_SEC);
        cr_assert(task_bed_is_watched(&bed, 90));

        fake_host_set_process(&bed.host, 90, 1090, "web", "/usr/bin/web", DB);
        for (unsigned i = 0; i < 12; i++) /* cgroups of all processes are not read each second */
                task_bed_tick(&bed, USEC_PER_SEC);

        cr_expect_not(task_bed_is_watched(&bed, 90));
        cr_expect(task_bed_is_watched(&bed, 71));
        cr_expect_eq(t->state, TASK_STATE_RUNNING);
}

Test(task_processes, a_unit_that_restarts_goes_on_in_the_same_task) {
        Task *t = start_unit("web.service");

        task_bed_sample(&bed, 71, 10, in_web);
        fake_host_remove_process(&bed.host, 71);
        for (unsigned i = 0; i < 5; i++) {
                task_bed_tick(&bed, USEC_PER_SEC);
                cr_assert_eq(bed.n_ended, 0, "ended in second %u", i);
        }

        add_process(75, 9000, WEB);
        task_bed_tick(&bed, USEC_PER_SEC / 2);
        task_bed_sample(&bed, 75, 6 * USEC_PER_SEC, in_web);
        task_bed_tick(&bed, 10 * USEC_PER_SEC); /* the pause is not counted from then on */

        cr_assert_eq(bed.n_ended, 0);
        cr_expect_eq(t->n_samples, 2);

        fake_host_remove_process(&bed.host, 75);
        task_bed_tick(&bed, USEC_PER_SEC);
        task_bed_tick(&bed, 5 * USEC_PER_SEC - 1);
        cr_expect_eq(bed.n_ended, 0);
        task_bed_tick(&bed, 1);
        cr_assert_eq(bed.n_ended, 1);
        cr_expect_eq(t->state, TASK_STATE_FINISHED);
        cr_expect_str_eq(t->reason, "unit has no processes left");
}

Test(task_processes, a_process_that_runs_exec_stays_and_is_read_again) {
        Task *t = start_process(71);

        task_bed_sample(&bed, 71, 10, in_web);
        fake_host_set_process(&bed.host, 71, 1071, "other", "/usr/bin/other", WEB);
        fake_host_set_maps(&bed.host, 71, other_maps, ELEMENTSOF(other_maps));
        task_bed_tick(&bed, USEC_PER_SEC);
        task_bed_sample(&bed, 71, USEC_PER_SEC + 10, in_web);
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_expect_eq(bed.n_ended, 0);
        cr_expect_eq(t->n_samples, 2);
        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/bin/web", 0x1123), "sampled before exec");
        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/bin/other", 0x123), "sampled after exec");
}

Test(task_processes, code_that_is_mapped_later_is_found_at_its_first_sample) {
        Task *t = start_process(71);

        fake_host_set_maps(&bed.host, 71, more_maps, ELEMENTSOF(more_maps));
        task_bed_sample(&bed, 71, 10, in_plugin);
        task_manager_drain(bed.manager, bed.now_usec);

        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/lib/plugin.so", 0x123));
        cr_expect_eq(t->losses.n_unknown_frames, 0);
}

Test(task_processes, mappings_are_read_once_per_drain_and_not_within_100_ms) {
        Task *t = start_process(71);

        /* The first miss reads them; what is mapped after that is not seen by the second miss of the same
         * drain. */
        task_bed_sample(&bed, 71, 10, in_plugin);
        task_manager_drain(bed.manager, bed.now_usec);
        cr_assert_eq(t->losses.n_unknown_frames, 1);
        fake_host_set_maps(&bed.host, 71, more_maps, ELEMENTSOF(more_maps));

        task_bed_sample(&bed, 71, 20, in_plugin);
        task_manager_drain(bed.manager, bed.now_usec + 99 * USEC_PER_MSEC);
        cr_expect_eq(t->losses.n_unknown_frames, 2, "too soon");

        task_bed_sample(&bed, 71, 30, in_plugin);
        task_manager_drain(bed.manager, bed.now_usec + 100 * USEC_PER_MSEC);
        cr_expect_eq(t->losses.n_unknown_frames, 2);
        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/lib/plugin.so", 0x123));
}

Test(task_processes, frames_that_lead_nowhere_do_not_read_mappings_all_the_time) {
        Task *t = start_process(71);
        uint64_t n;

        for (unsigned i = 0; i < 20; i++) { /* pauses grow: 0.1, 0.2 … */
                task_bed_sample(&bed, 71, 10 + i, astray);
                bed.now_usec += 250 * USEC_PER_MSEC;
                task_manager_drain(bed.manager, bed.now_usec);
        }
        cr_assert_eq(t->losses.n_unknown_frames, 20);
        fake_host_set_maps(&bed.host, 71, more_maps, ELEMENTSOF(more_maps));

        n = t->losses.n_unknown_frames;
        task_bed_sample(&bed, 71, 100, astray_in_plugin);
        bed.now_usec += 250 * USEC_PER_MSEC;
        task_manager_drain(bed.manager, bed.now_usec);
        cr_expect_eq(t->losses.n_unknown_frames, n + 1, "an outer frame waits for the end of the pause");

        task_bed_sample(&bed, 71, 101, in_plugin);
        bed.now_usec += 250 * USEC_PER_MSEC;
        task_manager_drain(bed.manager, bed.now_usec);
        cr_expect_eq(t->losses.n_unknown_frames, n + 1, "the innermost frame does not");
}

Test(task_processes, code_that_vanishes_while_a_stack_is_looked_up_stays_valid) {
        const uint64_t plugin_then_astray[] = { 0x500123, 0xbad000, 0 };
        Task *t;

        fake_host_set_maps(&bed.host, 71, more_maps, ELEMENTSOF(more_maps));
        t = start_process(71);
        fake_host_set_maps(&bed.host, 71, web_maps, ELEMENTSOF(web_maps)); /* dlclose(3) */
        task_bed_sample(&bed, 71, 10, astray); /* read again: what vanished is kept once */
        task_manager_drain(bed.manager, bed.now_usec);

        /* Its outer frame makes the mappings be read a second time, which lets go of the inner one's module.
         */
        task_bed_sample(&bed, 71, 20, plugin_then_astray);
        task_manager_drain(bed.manager, bed.now_usec + USEC_PER_SEC);

        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/lib/plugin.so", 0x123));
}

Test(task_processes, one_that_cannot_be_sampled_does_not_stop_the_others) {
        Task *t;

        for (pid_t pid = 100; pid < 100 + 70; pid++) /* the fake probe has room for 64 */
                add_process(pid, 1, WEB);
        task_bed_tick(&bed, USEC_PER_SEC);
        t = start_unit("web.service");

        cr_expect_eq(bed.fake.n_watched, 64);
        cr_expect_eq(t->state, TASK_STATE_RUNNING);
        cr_expect_eq(t->losses.n_processes_missed, 7);

        task_bed_tick(&bed, USEC_PER_SEC);
        cr_expect_eq(t->losses.n_processes_missed, 7, "counted once, not every second");
}

Test(task_processes, a_running_task_covers_what_belongs_to_its_unit) {
        const Subject web = { .process = target_set_find_process(bed.targets, 71) };
        const Subject db = { .process = target_set_find_process(bed.targets, 80) };
        const Subject unit = { .unit = target_set_find_unit(bed.targets, "web.service") };
        const Subject slice = { .unit = target_set_find_unit(bed.targets, "system.slice") };

        cr_assert_not_null(slice.unit);
        cr_expect_not(task_manager_is_running(bed.manager, web, PROFILE_KIND_ON_CPU));

        (void) start_unit("web.service");
        cr_expect(task_manager_is_running(bed.manager, web, PROFILE_KIND_ON_CPU));
        cr_expect(task_manager_is_running(bed.manager, unit, PROFILE_KIND_ON_CPU));
        cr_expect_not(task_manager_is_running(bed.manager, db, PROFILE_KIND_ON_CPU));
        cr_expect_not(task_manager_is_running(bed.manager, slice, PROFILE_KIND_ON_CPU));

        (void) start_unit("system.slice");
        cr_expect(task_manager_is_running(bed.manager, db, PROFILE_KIND_ON_CPU));
        cr_expect(task_manager_is_running(bed.manager, slice, PROFILE_KIND_ON_CPU));
}

Test(task_processes, a_prepared_process_needs_no_reading_at_the_trigger) {
        Process *p = target_set_find_process(bed.targets, 71);
        Task *t;

        task_manager_prepare(bed.manager, p);
        task_manager_prepare(bed.manager, p);
        cr_expect(task_manager_has_pending_preparation(bed.manager));
        cr_expect_eq(task_manager_n_processes(bed.manager), 1);
        task_manager_prepare_pending(bed.manager, USEC_PER_SEC);
        cr_expect_not(task_manager_has_pending_preparation(bed.manager));

        fake_host_remove_maps(&bed.host, 71); /* it is about to exit */
        t = start_process(71);
        task_bed_sample(&bed, 71, 10, in_web);
        task_manager_drain(bed.manager, bed.now_usec);
        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/bin/web", 0x1123));

        task_manager_prepare(bed.manager, p);
        cr_expect_not(task_manager_has_pending_preparation(bed.manager), "there is nothing left to do");
}

Test(task_processes, prepared_processes_are_let_go_when_they_exit_and_not_before) {
        Task *t;

        task_manager_prepare(bed.manager, target_set_find_process(bed.targets, 71));
        task_manager_prepare_pending(bed.manager, USEC_PER_SEC);
        t = start_process(71);
        cr_assert_eq(task_manager_stop(bed.manager, t->id, NULL, bed.now_usec), 0);
        cr_expect_eq(task_manager_n_processes(bed.manager), 1, "a policy still watches it");

        fake_host_remove_process(&bed.host, 71);
        task_bed_tick(&bed, USEC_PER_SEC);
        cr_expect_eq(task_manager_n_processes(bed.manager), 0);
}

Test(task_processes, preparation_is_bounded_and_forgets_what_has_gone) {
        for (pid_t pid = 100; pid < 200; pid++)
                add_process(pid, 1, WEB);
        task_bed_tick(&bed, USEC_PER_SEC);
        for (pid_t pid = 100; pid < 200; pid++)
                task_manager_prepare(bed.manager, target_set_find_process(bed.targets, pid));
        for (pid_t pid = 100; pid < 110; pid++)
                fake_host_remove_process(&bed.host, pid);

        task_manager_prepare_pending(bed.manager, USEC_INFINITY);
        cr_expect(task_manager_has_pending_preparation(bed.manager), "100 in one go are too many");
        cr_expect_eq(task_manager_n_processes(bed.manager), 90, "what has gone is forgotten");

        for (unsigned i = 0; i < 36; i++) { /* without time one by one */
                cr_expect(task_manager_has_pending_preparation(bed.manager));
                task_manager_prepare_pending(bed.manager, 0);
        }
        cr_expect_eq(bed.unwind.n_steps, 0, "tables come after that");
        task_manager_prepare_pending(bed.manager, USEC_INFINITY);
        cr_expect_not(task_manager_has_pending_preparation(bed.manager));
}

Test(task_processes, exec_of_a_prepared_process_is_read_again_later) {
        Task *t;

        task_manager_prepare(bed.manager, target_set_find_process(bed.targets, 71));
        task_manager_prepare_pending(bed.manager, USEC_PER_SEC);

        fake_host_set_process(&bed.host, 71, 1071, "other", "/usr/bin/other", WEB);
        fake_host_set_maps(&bed.host, 71, other_maps, ELEMENTSOF(other_maps));
        task_bed_tick(&bed, USEC_PER_SEC);
        cr_expect(task_manager_has_pending_preparation(bed.manager));

        t = start_process(71); /* before that happened */
        task_bed_sample(&bed, 71, USEC_PER_SEC + 10, in_web);
        task_bed_tick(&bed, USEC_PER_SEC);
        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/bin/other", 0x123));
        cr_expect_null(task_bed_find_stack(t->profile, "/usr/bin/web", 0x1123));
}
