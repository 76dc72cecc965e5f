/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that record what threads wait for: the probe's totals become each task's. */
#include "task/task-bed.h"

#include <criterion/criterion.h>
#include <string.h>

#define OFF PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU)
#define ON PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU)
#define MS (NSEC_PER_SEC / 1000)

static TaskBed bed;

static const FakeMapping web_maps[] = {
        { .start = 0x400000, .end = 0x410000, .offset = 0x1000, .path = "/usr/bin/web" },
};

static const uint64_t in_web[] = { 0x400123, 0x400456, 0 };
static const uint64_t elsewhere_in_web[] = { 0x400789, 0 };
static const uint64_t nowhere[] = { 0xbad000, 0 };

static void add_process(pid_t pid, uint64_t start_ticks) {
        fake_host_set_process(&bed.host, pid, start_ticks, "web", "/usr/bin/web", WEB);
        fake_host_set_maps(&bed.host, pid, web_maps, ELEMENTSOF(web_maps));
}

static void make_bed(void) {
        task_bed_init(&bed);
        add_process(71, 1071);
        task_bed_tick(&bed, 0);
}

static void free_bed(void) {
        task_bed_done(&bed);
        cr_expect_eq(bed.fake.n_totals, 0, "totals are forgotten with the last task");
}

TestSuite(task_offcpu, .timeout = 30, .init = make_bed, .fini = free_bed);

static Task *start(pid_t pid, ProfileKinds kinds) {
        Task *t;

        cr_assert_eq(task_bed_start_kinds(&bed, pid, kinds, &t), 0);
        return t;
}

static Task *start_unit(void) {
        Task *t;

        cr_assert_eq(task_bed_start_unit_kinds(&bed, "web.service", OFF, &t), 0);
        return t;
}

static void stop(Task *t) {
        cr_assert_eq(task_manager_stop(bed.manager, t->id, NULL, bed.now_usec), 0);
}

static void send_stack(pid_t pid, uint64_t hash, const uint64_t *frames) {
        fake_probe_push_blocked(&bed.fake, pid, hash, (BED_START_USEC + 10) * NSEC_PER_USEC, frames);
}

static const ProfileStack *find_not_taken(const Task *t) {
        for (ProfileStack *s = profile_stacks(t->profile); s; s = s->hh.next)
                if (s->n_frames == 1 && s->frames[0] == PROFILE_FRAME_NO_STACK)
                        return s;

        return NULL;
}

static const ProfileStack *find(const Task *t, uint64_t offset) {
        return task_bed_find_stack(t->profile, "/usr/bin/web", offset);
}

/* All times of the profile are those of the task. */
static void expect_waits(const Task *t, uint64_t n, uint64_t nsec) {
        cr_expect_eq(t->offcpu.n_switches, n, "%zu waits", (size_t) t->offcpu.n_switches);
        cr_expect_eq(t->offcpu.offcpu_nsec, nsec, "%zu ns", (size_t) t->offcpu.offcpu_nsec);
        cr_expect_eq(profile_n_switches(t->profile), n);
        cr_expect_eq(profile_offcpu_nsec(t->profile), nsec);
}

Test(task_offcpu, waits_have_stack_thread_state_and_time) {
        Task *t = start(71, OFF);
        const ProfileStack *s;

        cr_expect_eq(bed.fake.n_begun, 1);
        send_stack(71, 5, in_web);
        fake_probe_wait(&bed.fake, 71, 5, "worker", 4, 40 * MS);
        task_bed_tick(&bed, USEC_PER_SEC);

        expect_waits(t, 4, 40 * MS);
        s = find(t, 0x1123);
        cr_assert_not_null(s);
        cr_expect_eq(s->n_frames, 2);
        cr_expect_eq(s->state, PROFILE_STATE_SLEEP);
        cr_expect_str_eq(profile_thread_name(t->profile, s->thread), "worker");
        cr_expect_eq(s->n_switches, 4);
        cr_expect_eq(s->offcpu_nsec, 40 * MS);
        cr_expect_eq(s->max_nsec, 10 * MS);
        cr_expect_eq(s->n_samples, 0);
        cr_expect_eq(t->quality.n_stacks_user, 4);
        cr_expect_eq(t->quality.ends[CPROF_END_ROOT], 4);
        cr_expect_eq(t->first_sample.monotonic_usec, BED_START_USEC + 10);
}

Test(task_offcpu, totals_are_booked_once_however_often_they_are_read) {
        Task *t = start(71, OFF);

        send_stack(71, 5, in_web);
        for (unsigned i = 1; i <= 3; i++) {
                fake_probe_wait(&bed.fake, 71, 5, "worker", 2, 10 * MS);
                task_bed_tick(&bed, USEC_PER_SEC);
                task_manager_checkpoint(bed.manager, bed.now_usec);
                task_manager_checkpoint(bed.manager, bed.now_usec);
                expect_waits(t, 2 * i, 10 * MS * i);
        }

        stop(t);
        expect_waits(t, 6, 30 * MS);
        cr_expect_eq(profile_n_stacks(t->profile), 1);
}

Test(task_offcpu, a_wait_that_lasts_is_booked_up_to_each_checkpoint_and_the_end) {
        Task *t = start(71, OFF);

        send_stack(71, 5, in_web);
        fake_probe_wait_still(&bed.fake, 71, 5, "worker", 900 * MS);
        task_bed_tick(&bed, USEC_PER_SEC);
        expect_waits(t, 0, 0);

        task_manager_checkpoint(bed.manager, bed.now_usec);
        expect_waits(t, 1, 900 * MS);

        fake_probe_wait_still(&bed.fake, 71, 5, "worker", 100 * MS);
        stop(t);
        expect_waits(t, 1, 1000 * MS);
        cr_expect_eq(find(t, 0x1123)->max_nsec, 1000 * MS);
}

Test(task_offcpu, a_later_task_of_the_process_has_the_difference) {
        Task *first = start(71, OFF), *second;

        send_stack(71, 5, in_web);
        fake_probe_wait(&bed.fake, 71, 5, "worker", 10, 100 * MS);
        fake_probe_wait_still(&bed.fake, 71, 6, "main", 50 * MS);
        send_stack(71, 6, elsewhere_in_web);
        bed.now_usec += USEC_PER_SEC;
        second = start_unit();

        fake_probe_wait(&bed.fake, 71, 5, "worker", 1, 7 * MS);
        fake_probe_wait_still(&bed.fake, 71, 6, "main", 30 * MS);
        stop(first);
        expect_waits(first, 12, 187 * MS);

        fake_probe_wait(&bed.fake, 71, 5, "worker", 1, 1 * MS);
        stop(second);
        expect_waits(second, 2, 38 * MS);
        cr_expect_not_null(find(second, 0x1123), "the stack was sent before the task began");
        cr_expect_leq(find(second, 0x1123)->max_nsec, 8 * MS, "the longest was before it");
        cr_expect_eq(find(second, 0x1789)->n_switches, 0, "it began before the task");
        cr_expect_eq(find(second, 0x1789)->offcpu_nsec, 30 * MS);
}

Test(task_offcpu, a_process_that_exits_leaves_its_last_waits) {
        Task *t = start(71, OFF);

        send_stack(71, 5, in_web);
        fake_probe_wait(&bed.fake, 71, 5, "worker", 3, 30 * MS);
        fake_host_remove_process(&bed.host, 71);
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_assert_eq(bed.n_ended, 1);
        expect_waits(t, 3, 30 * MS);
        cr_expect_eq(t->offcpu.n_rate_limited, 0);
        cr_expect_eq(bed.fake.n_totals, 0, "they are not those of the next one with that number");
}

Test(task_offcpu, processes_of_a_unit_come_and_go_and_add_up) {
        Task *t = start_unit();

        send_stack(71, 5, in_web);
        fake_probe_wait(&bed.fake, 71, 5, "worker", 1, 10 * MS);
        add_process(72, 1072);
        task_bed_tick(&bed, USEC_PER_SEC);
        cr_expect_eq(bed.fake.n_begun, 2, "for each process");

        send_stack(72, 9, in_web);
        fake_probe_wait(&bed.fake, 72, 9, "worker", 2, 5 * MS);
        fake_host_remove_process(&bed.host, 72);
        task_bed_tick(&bed, USEC_PER_SEC);
        expect_waits(t, 3, 15 * MS);

        add_process(72, 5555);
        task_bed_tick(&bed, USEC_PER_SEC);
        send_stack(72, 9, in_web);
        fake_probe_wait(&bed.fake, 72, 9, "worker", 1, 1 * MS);
        stop(t);
        expect_waits(t, 4, 16 * MS);
        cr_expect_eq(profile_n_stacks(t->profile), 1, "the same code of the same program");
}

Test(task_offcpu, a_stack_that_did_not_come_keeps_its_time) {
        Task *t = start(71, OFF);

        fake_probe_wait(&bed.fake, 71, 5, "worker", 2, 20 * MS); /* its record was lost for now */
        fake_probe_wait(&bed.fake, 71, 6, "worker", 1, 10 * MS); /* for good */
        fake_probe_wait(&bed.fake, 71, 0, "worker", 4, 4 * MS);  /* none was taken */
        task_bed_tick(&bed, USEC_PER_SEC);
        expect_waits(t, 4, 4 * MS);

        send_stack(71, 5, in_web);
        stop(t);
        expect_waits(t, 7, 34 * MS);
        cr_expect_eq(find(t, 0x1123)->offcpu_nsec, 20 * MS);
        cr_assert_not_null(find_not_taken(t));
        cr_expect_eq(find_not_taken(t)->n_switches, 5);
        cr_expect_eq(find_not_taken(t)->offcpu_nsec, 14 * MS);
        cr_expect_eq(t->offcpu.n_rate_limited, 5);
        cr_expect_eq(t->quality.n_stacks_user, 2, "of stacks that were taken");
        cr_expect_eq(t->losses.n_unknown_frames, 0);
}

Test(task_offcpu, samples_and_waits_make_one_profile) {
        Task *t = start(71, ON | OFF);

        task_bed_sample(&bed, 71, 20, in_web);
        send_stack(71, 5, in_web);
        fake_probe_wait(&bed.fake, 71, 5, "thread", 2, 20 * MS);
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_expect_eq(t->n_samples, 1);
        expect_waits(t, 2, 20 * MS);
        cr_expect_eq(profile_n_stacks(t->profile), 2, "one ran, one waited");
        cr_expect_eq(t->quality.ends[CPROF_END_ROOT], 3);
}

Test(task_offcpu, waits_are_for_tasks_that_record_them) {
        Task *on = start(71, ON), *off = start(71, OFF);

        send_stack(71, 5, in_web);
        fake_probe_wait(&bed.fake, 71, 5, "worker", 2, 20 * MS);
        task_bed_tick(&bed, USEC_PER_SEC);

        expect_waits(on, 0, 0);
        expect_waits(off, 2, 20 * MS);
        cr_expect_eq(on->quality.n_stacks_user, 0);
}

Test(task_offcpu, what_is_known_of_the_host_only_is_counted_from_the_start) {
        Task *on, *off;

        bed.fake.counters =
                        (ProbeCounters){ .n_offcpu_table_full = 3, .n_run_queue = 5, .run_queue_nsec = 7 };
        off = start(71, OFF);
        on = start(71, ON);
        bed.fake.counters = (ProbeCounters){ .n_offcpu_table_full = 13,
                                             .n_run_queue = 25,
                                             .run_queue_nsec = 37 };
        task_bed_tick(&bed, USEC_PER_SEC);

        cr_expect_eq(off->losses.n_offcpu_table_full, 10);
        cr_expect_eq(off->offcpu.n_run_queue, 20);
        cr_expect_eq(off->offcpu.run_queue_nsec, 30);
        cr_expect_eq(on->losses.n_offcpu_table_full, 0);
        cr_expect_eq(on->offcpu.n_run_queue, 0);
}

Test(task_offcpu, a_better_stack_of_the_same_name_takes_the_place_of_a_bare_one) {
        Task *t = start(71, OFF);

        send_stack(71, 5, nowhere);
        task_bed_tick(&bed, USEC_PER_SEC);
        send_stack(71, 5, in_web);
        send_stack(71, 5, nowhere + 1); /* empty */
        task_bed_tick(&bed, USEC_PER_SEC);
        fake_probe_wait(&bed.fake, 71, 5, "worker", 2, 20 * MS);
        stop(t);

        cr_expect_not_null(find(t, 0x1123));
        cr_expect_eq(profile_n_stacks(t->profile), 1);
}

Test(task_offcpu, a_later_watch_counts_from_its_own_begin) {
        Task *t = start(71, OFF);

        send_stack(71, 5, in_web);
        fake_probe_wait(&bed.fake, 71, 5, "worker", 2, 20 * MS);
        stop(t);
        expect_waits(t, 2, 20 * MS);

        bed.now_usec += USEC_PER_SEC;
        t = start(71, OFF);
        cr_expect_eq(bed.fake.n_begun, 2);
        send_stack(71, 5, in_web);
        fake_probe_wait(&bed.fake, 71, 5, "worker", 1, 1 * MS);
        stop(t);
        expect_waits(t, 1, 1 * MS);
}

Test(task_offcpu, blocked_threads_are_looked_at_again_when_their_stacks_can_be_walked) {
        Task *t = start(71, OFF);

        cr_expect_eq(bed.fake.n_begun, 1, "they count from the start");
        task_manager_drain(bed.manager, bed.now_usec);
        cr_expect_eq(bed.fake.n_begun, 1, "the tables are not there yet");

        while (task_manager_has_pending_preparation(bed.manager))
                task_manager_prepare_pending(bed.manager, USEC_PER_SEC);
        task_manager_drain(bed.manager, bed.now_usec);
        cr_expect_eq(bed.fake.n_begun, 2);

        task_manager_drain(bed.manager, bed.now_usec);
        cr_expect_eq(bed.fake.n_begun, 2, "once is enough");
        stop(t);
}
