/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task-manager.h"

#include "task/task-bed.h"

#include <criterion/criterion.h>
#include <string.h>

static TaskBed bed;

static const FakeMapping web_maps[] = {
        { .start = 0x400000, .end = 0x410000, .offset = 0x1000, .path = "/usr/bin/web" },
        { .start = 0x7f0000000000, .end = 0x7f0000100000, .offset = 0x2000, .path = "/usr/lib/libc.so.6" },
};

/* Two processes of web.service and one of db.service. */
static void make_bed(void) {
        task_bed_init(&bed);
        for (pid_t pid = 71; pid <= 72; pid++) {
                fake_host_set_process(&bed.host, pid, 1000 + (uint64_t) pid, "web", "/usr/bin/web", WEB);
                fake_host_set_maps(&bed.host, pid, web_maps, ELEMENTSOF(web_maps));
        }
        fake_host_set_process(&bed.host, 80, 2000, "db", "/usr/bin/db", DB);
        task_bed_tick(&bed, 0);
}

static void free_bed(void) {
        task_bed_done(&bed);
}

TestSuite(task_manager, .timeout = 30, .init = make_bed, .fini = free_bed);

static const uint64_t in_web[] = { 0x400123, 0 };

Test(task_manager, a_task_runs_its_time_and_is_handed_over_with_its_profile) {
        Task *t;

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        cr_expect_eq(t->state, TASK_STATE_RUNNING);
        cr_expect_str_eq(t->kernel_path, "eh-frame");
        cr_expect_eq(bed.n_started, 1);
        cr_expect(bed.fake.armed);
        cr_expect(task_bed_is_watched(&bed, 71));
        cr_expect_not(task_bed_is_watched(&bed, 72));
        cr_expect_eq(task_manager_n_running(bed.manager), 1);
        cr_expect_eq(task_manager_find(bed.manager, t->id), t);

        task_bed_sample(&bed, 71, 100, in_web);
        task_bed_tick(&bed, 60 * USEC_PER_SEC - 1);
        cr_expect_eq(bed.n_ended, 0);
        cr_expect_eq(t->n_samples, 1, "the count is kept up to date while it runs");
        task_bed_sample(&bed, 71, 60 * USEC_PER_SEC - 2, in_web);
        task_bed_tick(&bed, 1);

        cr_assert_eq(bed.n_ended, 1);
        cr_expect_eq(bed.ended[0], t);
        cr_expect_eq(t->state, TASK_STATE_FINISHED);
        cr_expect_str_eq(t->reason, "duration reached");
        cr_expect_eq(t->n_samples, 2, "the last samples are read before the end");
        cr_expect_eq(t->ended.monotonic_usec - t->started.monotonic_usec, 60 * USEC_PER_SEC);
        cr_expect_eq(profile_n_samples(t->profile), 2);
        cr_expect_eq(profile_period_nsec(t->profile), 10000000);
        cr_expect_eq(bed.fake.n_watched, 0);
        cr_expect_eq(task_manager_n_running(bed.manager), 0);
        cr_expect_null(task_manager_find(bed.manager, t->id));
}

Test(task_manager, a_duration_ends_between_two_ticks) {
        usec_t begin_usec, due_usec;
        Task *t;

        cr_expect_eq(task_manager_end_due(bed.manager, bed.now_usec), USEC_INFINITY);
        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        begin_usec = t->started.monotonic_usec;

        due_usec = task_manager_end_due(bed.manager, begin_usec + USEC_PER_SEC);
        cr_expect_eq(due_usec, begin_usec + t->duration_usec);
        cr_expect_eq(bed.n_ended, 0);

        cr_expect_eq(task_manager_end_due(bed.manager, due_usec), USEC_INFINITY);
        cr_assert_eq(bed.n_ended, 1);
        cr_expect_eq(t->ended.monotonic_usec, due_usec);
        cr_expect_str_eq(t->reason, "duration reached");
}

Test(task_manager, a_task_says_what_it_is_about) {
        Task *p, *u;

        cr_assert_eq(task_bed_start_process(&bed, 72, &p), 0);
        cr_assert_eq(task_bed_start_unit(&bed, "web.service", &u), 0);

        cr_expect(task_id_is_valid(p->id));
        cr_expect_str_eq(p->unit, "web.service");
        cr_expect_str_eq(p->process, target_set_find_process(bed.targets, 72)->name);
        cr_expect_eq(p->key.pid, 72);
        cr_expect_eq(p->key.start_ticks, 1072);
        cr_expect_str_eq(p->exe, "/usr/bin/web");
        cr_expect_eq(p->n_causes, 1);
        cr_expect_str_eq(p->causes[0].policy, "web");
        cr_expect_eq(p->duration_usec, USEC_PER_MINUTE);
        cr_expect_eq(p->silence_usec, 2 * USEC_PER_MINUTE);
        cr_expect_eq(p->slot_end.monotonic_usec, BED_START_USEC - 2);
        cr_expect_eq(p->decided.monotonic_usec, BED_START_USEC - 1);
        cr_expect_eq(p->started.monotonic_usec, BED_START_USEC);
        cr_expect_str_eq(u->unit, "web.service");
        cr_expect_str_eq(u->process, "");
        cr_expect_eq(u->key.pid, 0);
        cr_expect_null(u->exe);
}

Test(task_manager, frames_are_module_and_offset_of_the_instruction_or_the_call) {
        const uint64_t frames[] = {
                0xffffffff81000010, 0xffffffff81000020, /* kernel */
                0x400123,           0x7f0000000456,     0x40ffff, 0xdead0000,
        };
        Task *t;

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        cr_assert_eq(fake_probe_push_sample(
                                     &bed.fake,
                                     71,
                                     73,
                                     "worker",
                                     BED_START_USEC * NSEC_PER_USEC,
                                     frames,
                                     2,
                                     4),
                     0);
        task_manager_drain(bed.manager, bed.now_usec);

        cr_assert_eq(profile_n_stacks(t->profile), 1);
        const ProfileStack *s = profile_stacks(t->profile);
        cr_assert_eq(s->n_frames, 6);
        cr_expect_eq(s->n_kernel, 2);
        cr_expect_str_eq(profile_thread_name(t->profile, s->thread), "worker");
        cr_expect_eq(s->frames[0], FRAME(PROFILE_MODULE_KERNEL, 0xffffffff81000010));
        cr_expect_eq(s->frames[1], FRAME(PROFILE_MODULE_KERNEL, 0xffffffff8100001f), "a return address");
        cr_expect_eq(frame_offset(s->frames[2]), 0x1123, "where it was interrupted");
        cr_expect_eq(frame_offset(s->frames[3]), 0x2455, "a return address");
        cr_expect_eq(frame_offset(s->frames[4]), 0x10ffe);
        cr_expect_eq(s->frames[5], FRAME(PROFILE_MODULE_UNKNOWN, 0xdeacffff));

        cr_expect_str_eq(profile_module(t->profile, frame_module(s->frames[2]))->path, "/usr/bin/web");
        cr_expect_str_eq(profile_module(t->profile, frame_module(s->frames[3]))->path, "/usr/lib/libc.so.6");
        cr_expect_eq(frame_module(s->frames[4]), frame_module(s->frames[2]));
        cr_expect_eq(t->losses.n_unknown_frames, 1);
}

Test(task_manager, a_return_address_at_the_end_of_a_mapping_belongs_to_it) {
        const uint64_t frames[] = { 0x400123, 0x410000, 0 };
        Task *t;

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        task_bed_sample(&bed, 71, 5, frames);
        task_manager_drain(bed.manager, bed.now_usec);

        const ProfileStack *s = profile_stacks(t->profile);
        cr_assert_eq(s->n_frames, 2);
        cr_expect_eq(frame_module(s->frames[1]), frame_module(s->frames[0]));
        cr_expect_eq(frame_offset(s->frames[1]), 0x10fff);
        cr_expect_eq(t->losses.n_unknown_frames, 0);
}

Test(task_manager, first_and_last_sample_are_exact_whatever_the_order) {
        Task *t;

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        task_bed_sample(&bed, 71, 30017, in_web);
        task_bed_sample(&bed, 71, 50001, in_web);
        task_bed_sample(&bed, 71, 10007, in_web); /* another CPU */
        task_bed_sample(&bed, 71, 40001, in_web);
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_expect_eq(t->first_sample.monotonic_usec, BED_START_USEC + 10007);
        cr_expect_eq(t->last_sample.monotonic_usec, BED_START_USEC + 50001);

        /* The difference of the clocks is read each time; it moves by what one reading takes. */
        cr_expect_lt(t->last_sample.realtime_usec - t->first_sample.realtime_usec - 39994 + 1000, 2000);
        cr_expect_lt(t->first_sample.realtime_usec - t->started.realtime_usec - 10007 + 1000, 2000);
}

Test(task_manager, samples_from_before_the_start_are_not_the_tasks) {
        Task *unit_task, *t;

        cr_assert_eq(task_bed_start_unit(&bed, "web.service", &unit_task), 0);
        bed.now_usec += USEC_PER_SEC;
        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);

        task_bed_sample(&bed, 71, USEC_PER_SEC - 1, in_web);
        task_bed_sample(&bed, 71, USEC_PER_SEC, in_web);
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_expect_eq(unit_task->n_samples, 2);
        cr_expect_eq(t->n_samples, 1);
        cr_expect_eq(t->first_sample.monotonic_usec, BED_START_USEC + USEC_PER_SEC);
}

Test(task_manager, two_tasks_share_a_process_and_one_may_end) {
        Task *u, *p;

        cr_assert_eq(task_bed_start_unit(&bed, "web.service", &u), 0);
        cr_assert_eq(task_bed_start_process(&bed, 71, &p), 0);
        task_bed_sample(&bed, 71, 10, in_web);
        task_bed_sample(&bed, 72, 20, in_web);
        task_bed_sample(&bed, 80, 30, in_web); /* nobody's */
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_expect_eq(u->n_samples, 2);
        cr_expect_eq(p->n_samples, 1);

        cr_assert_eq(task_manager_stop(bed.manager, p->id, NULL, bed.now_usec), 0);
        cr_expect(task_bed_is_watched(&bed, 71));
        task_bed_sample(&bed, 71, 2 * USEC_PER_SEC, in_web);
        task_bed_tick(&bed, 2 * USEC_PER_SEC);

        cr_expect_eq(u->n_samples, 3);
        cr_expect_eq(p->n_samples, 1);
        cr_assert_not_null(task_bed_find_stack(u->profile, "/usr/bin/web", 0x1123));
}

Test(task_manager, one_task_per_target_and_kind_and_no_more_than_allowed) {
        Task *t, *other;

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        cr_expect_eq(task_bed_start_process(&bed, 71, &other), -EEXIST);
        cr_expect_null(other);
        cr_assert_eq(task_bed_start_unit(&bed, "web.service", &t), 0);
        cr_expect_eq(task_bed_start_unit(&bed, "web.service", &other), -EEXIST);
        cr_assert_eq(task_bed_start_process(&bed, 72, &t), 0);
        cr_assert_eq(task_bed_start_process(&bed, 80, &t), 0);

        cr_assert_eq(task_manager_n_running(bed.manager), BED_RUNNING_MAX);
        cr_expect_eq(task_bed_start_unit(&bed, "db.service", &other), -EBUSY);
        cr_expect_eq(bed.n_ended, 0, "a refusal is no failed task");
        cr_expect_eq(bed.n_started, BED_RUNNING_MAX);
}

Test(task_manager, ids_of_one_second_differ) {
        Task *t[3];

        cr_assert_eq(task_bed_start_process(&bed, 71, &t[0]), 0);
        cr_assert_eq(task_bed_start_process(&bed, 72, &t[1]), 0);
        cr_assert_eq(task_bed_start_process(&bed, 80, &t[2]), 0);

        cr_expect_str_neq(t[0]->id, t[1]->id);
        cr_expect_str_neq(t[1]->id, t[2]->id);
        cr_expect_str_neq(t[0]->id, t[2]->id);
}

Test(task_manager, iteration_gives_each_running_task_once) {
        Task *a, *b;

        cr_expect_null(task_manager_next(bed.manager, NULL));
        cr_assert_eq(task_bed_start_process(&bed, 71, &a), 0);
        cr_assert_eq(task_bed_start_process(&bed, 72, &b), 0);

        cr_expect_eq(task_manager_next(bed.manager, NULL), a);
        cr_expect_eq(task_manager_next(bed.manager, a), b);
        cr_expect_null(task_manager_next(bed.manager, b));
}

Test(task_manager, what_cannot_start_makes_one_failed_task_with_its_reason) {
        static const struct {
                int feature_error, watch_error, expected;
                const char *reason;
        } table[] = {
                { -EOPNOTSUPP, 0, -EOPNOTSUPP, "on-cpu is not available: made to fail by the test" },
                { 0, -ENOSPC, -ENOSPC, "no more processes can be sampled, 0 are already" },
                { 0, -EPERM, -EPERM, "no process could be sampled: Operation not permitted" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                for (unsigned whole = 0; whole < 2; whole++) {
                        unsigned n = bed.n_ended;
                        Task *t;
                        int r;

                        bed.fake.fail[PROBE_FEATURE_ON_CPU] = table[i].feature_error;
                        bed.fake.watch_error = table[i].watch_error;
                        r = whole ? task_bed_start_unit(&bed, "web.service", &t)
                                  : task_bed_start_process(&bed, 71, &t);

                        cr_expect_eq(r, table[i].expected, "row %zu", i);
                        cr_expect_null(t);
                        cr_assert_eq(bed.n_ended, n + 1);
                        cr_expect_eq(bed.ended[n]->state, TASK_STATE_FAILED);
                        cr_expect_str_eq(bed.ended[n]->reason, table[i].reason);
                        cr_expect_eq(bed.ended[n]->started.monotonic_usec, 0, "it never ran");
                        cr_expect_eq(bed.ended[n]->ended.monotonic_usec, bed.now_usec);
                        cr_expect_eq(bed.ended[n]->n_causes, 1);
                        cr_expect_eq(bed.fake.n_watched, 0);
                        cr_expect_eq(task_manager_n_processes(bed.manager), 0);
                }

        cr_expect_eq(bed.n_started, 0);
        cr_expect_eq(task_manager_n_running(bed.manager), 0);
}

Test(task_manager, a_process_that_went_since_the_last_second_fails_clearly) {
        Task *t;

        fake_host_remove_process(&bed.host, 71);
        cr_expect_eq(task_bed_start_process(&bed, 71, &t), -ESRCH);

        cr_assert_eq(bed.n_ended, 1);
        cr_expect_str_eq(bed.ended[0]->reason, "the process is gone");
        cr_expect_eq(bed.fake.n_watched, 0);
}

Test(task_manager, stopping_keeps_what_was_recorded) {
        Task *t;

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        task_bed_sample(&bed, 71, 10, in_web);
        bed.now_usec += USEC_PER_SEC;

        cr_expect_eq(task_manager_stop(bed.manager, "20261121T031005-9f3c", "x", bed.now_usec), -ESRCH);
        cr_assert_eq(task_manager_stop(bed.manager, t->id, "stopped by somebody", bed.now_usec), 0);

        cr_assert_eq(bed.n_ended, 1);
        cr_expect_eq(t->state, TASK_STATE_STOPPED);
        cr_expect_str_eq(t->reason, "stopped by somebody");
        cr_expect_eq(t->n_samples, 1);
        cr_expect_eq(t->ended.monotonic_usec, bed.now_usec);
        cr_expect_eq(bed.fake.n_watched, 0);
}

Test(task_manager, when_the_daemon_stops_tasks_fail_with_their_data) {
        Task *a, *b;

        cr_assert_eq(task_bed_start_process(&bed, 71, &a), 0);
        cr_assert_eq(task_bed_start_unit(&bed, "db.service", &b), 0);
        task_bed_sample(&bed, 71, 10, in_web);
        bed.manager = task_manager_free(bed.manager);

        cr_assert_eq(bed.n_ended, 2);
        for (unsigned i = 0; i < 2; i++) {
                cr_expect_eq(bed.ended[i]->state, TASK_STATE_FAILED);
                cr_expect_str_eq(bed.ended[i]->reason, "cprofd was stopped");
        }
        cr_expect_eq(a->n_samples, 1);
        cr_expect_eq(bed.fake.n_watched, 0);
}

Test(task_manager, losses_are_counted_by_name) {
        const uint64_t nothing[] = { 0 };
        Task *t;

        bed.fake.counters.n_ring_full = 7; /* before */
        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        bed.fake.counters.n_ring_full = 10;
        task_bed_sample(&bed, 71, 10, nothing);
        task_bed_sample(&bed, 71, 20, in_web);
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_expect_eq(t->losses.n_ring_full, 3);
        cr_expect_eq(t->losses.n_no_user_stack, 1);
        cr_expect_eq(t->n_samples, 2, "the time was spent, whatever is known of it");
        cr_expect_eq(profile_n_stacks(t->profile), 2);
}
