/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks told of mappings, exec, fork and exit as they happen. */
#include "task/task-bed.h"

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static TaskBed bed;

static const FakeMapping web_maps[] = {
        { .start = 0x400000, .end = 0x410000, .offset = 0x1000, .path = "/usr/bin/web" },
};
static const FakeMapping more_maps[] = {
        { .start = 0x400000, .end = 0x410000, .offset = 0x1000, .path = "/usr/bin/web" },
        { .start = 0x500000, .end = 0x510000, .offset = 0x1000, .path = "/usr/lib/plugin.so" },
};
static const FakeMapping other_maps[] = {
        { .start = 0x400000, .end = 0x410000, .offset = 0x1000, .path = "/usr/bin/other" },
};

static const uint64_t in_web[] = { 0x400123, 0 };
static const uint64_t in_plugin[] = { 0x500123, 0 };

static void add_process(pid_t pid, const char *cgroup) {
        fake_host_set_process(&bed.host, pid, (uint64_t) pid + 1000, "web", "/usr/bin/web", cgroup);
        fake_host_set_maps(&bed.host, pid, web_maps, ELEMENTSOF(web_maps));
}

static void make_bed(void) {
        task_bed_init(&bed);
        add_process(71, WEB);
        add_process(80, DB);
        task_bed_tick(&bed, 0);
}

static void free_bed(void) {
        task_bed_done(&bed);
}

TestSuite(task_events, .timeout = 30, .init = make_bed, .fini = free_bed);

static Task *start_unit(const char *unit) {
        Task *t;

        cr_assert_eq(task_bed_start_unit(&bed, unit, &t), 0);
        return t;
}

static void drain_after(usec_t usec) {
        bed.now_usec += usec;
        task_manager_drain(bed.manager, bed.now_usec);
}

static void tell(ProbeEventType type, pid_t pid, pid_t parent) {
        const ProbeEvent ev = { .type = type, .pid = pid, .parent = parent, .at_usec = bed.now_usec };

        fake_probe_push_event(&bed.fake, &ev);
}

static TaskManagerCounters counters(void) {
        TaskManagerCounters c;

        task_manager_counters(bed.manager, &c);
        return c;
}

static void work(void) {
        while (task_manager_has_pending_preparation(bed.manager))
                task_manager_prepare_pending(bed.manager, USEC_PER_SEC);
}

static size_t n_published(pid_t pid) {
        size_t n;

        (void) fake_probe_find_mappings(&bed.fake, pid, &n);
        return n;
}

Test(task_events, a_process_that_is_prepared_is_published) {
        task_manager_prepare(bed.manager, target_set_find_process(bed.targets, 71));
        work();
        cr_expect_eq(n_published(71), 1);
        cr_expect_eq(n_published(80), 0);
        cr_expect_eq(counters().unwind.n_tables, 1);
}

Test(task_events, a_process_that_is_sampled_is_published_until_it_is_not) {
        Task *t = start_unit("web.service");

        work();
        cr_expect_eq(n_published(71), 1);
        cr_assert_eq(task_manager_stop(bed.manager, t->id, NULL, bed.now_usec), 0);
        cr_expect_eq(n_published(71), 0);
}

Test(task_events, files_that_anybody_maps_are_told_while_somebody_is_prepared) {
        const ProbeEvent ev = { .type = PROBE_EVENT_MAP, .pid = 80, .path = "/usr/lib/libssl.so.3" };

        fake_probe_push_event(&bed.fake, &ev);
        drain_after(10);
        cr_expect_str_eq(bed.mapped, "");

        task_manager_prepare(bed.manager, target_set_find_process(bed.targets, 71));
        fake_probe_push_event(&bed.fake, &ev);
        drain_after(10);
        cr_expect_str_eq(bed.mapped, "80 /usr/lib/libssl.so.3");
}

Test(task_events, a_library_is_published_when_it_is_mapped) {
        Task *t = start_unit("web.service");

        work();
        fake_host_set_maps(&bed.host, 71, more_maps, ELEMENTSOF(more_maps));
        tell(PROBE_EVENT_MAP, 71, 0);
        task_bed_sample(&bed, 71, 1, in_plugin);
        drain_after(10);
        work();

        cr_expect_eq(n_published(71), 2);
        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/lib/plugin.so", 0x1123));
        cr_expect_eq(t->losses.n_unknown_frames, 0);
}

Test(task_events, a_process_that_maps_all_the_time_is_read_now_and_then) {
        uint64_t n_read;

        (void) start_unit("web.service");
        n_read = counters().processes.n_read;
        for (unsigned i = 0; i < 100; i++) {
                for (unsigned j = 0; j < 50; j++)
                        tell(PROBE_EVENT_MAP, 71, 0);
                drain_after(10 * USEC_PER_MSEC);
        }

        cr_expect_leq(counters().processes.n_read - n_read, 11, "ten times a second");
        cr_expect_geq(counters().processes.n_read - n_read, 9);
        cr_expect_gt(counters().processes.n_delayed, 80);

        n_read = counters().processes.n_read;
        drain_after(USEC_PER_SEC);
        drain_after(USEC_PER_SEC);
        cr_expect_eq(counters().processes.n_read - n_read, 1, "the last change is seen as well");
}

Test(task_events, a_process_that_is_only_watched_is_read_less_often) {
        uint64_t n_read;

        task_manager_prepare(bed.manager, target_set_find_process(bed.targets, 71));
        work();
        n_read = counters().processes.n_read;
        for (unsigned i = 0; i < 50; i++) {
                tell(PROBE_EVENT_MAP, 71, 0);
                drain_after(100 * USEC_PER_MSEC);
                work();
        }
        cr_expect_leq(counters().processes.n_read - n_read, 6);
        cr_expect_geq(counters().processes.n_read - n_read, 4);
}

Test(task_events, another_program_is_published_after_exec) {
        Task *t = start_unit("web.service");

        work();
        fake_host_set_maps(&bed.host, 71, other_maps, ELEMENTSOF(other_maps));
        tell(PROBE_EVENT_EXEC, 71, 0);
        task_bed_sample(&bed, 71, 1, in_web);
        drain_after(1);
        work();
        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/bin/other", 0x1123));
        cr_expect_eq(counters().unwind.n_tables_idle, 1);
}

Test(task_events, the_maps_of_another_program_do_not_name_a_process_that_is_gone) {
        Task *t = start_unit("web.service");

        fake_host_remove_process(&bed.host, 71);
        tell(PROBE_EVENT_EXEC, 71, 0);
        task_bed_sample(&bed, 71, 1, in_web);
        drain_after(1);
        cr_expect_null(task_bed_find_stack(t->profile, "/usr/bin/web", 0x1123));
        cr_expect_eq(t->losses.n_unknown_frames, 1);
}

Test(task_events, a_child_is_sampled_with_its_parent) {
        Task *t = start_unit("web.service");

        work();
        add_process(72, WEB);
        tell(PROBE_EVENT_FORK, 72, 71);
        drain_after(1);
        cr_expect(task_bed_is_watched(&bed, 72));
        cr_expect_eq(n_published(72), 1, "it has the mappings of its parent");

        task_bed_sample(&bed, 72, 2, in_web);
        task_bed_tick(&bed, USEC_PER_SEC);
        cr_expect_eq(t->n_samples, 1);
        cr_expect(task_bed_is_watched(&bed, 72));
}

Test(task_events, a_child_that_is_gone_already_is_named_by_its_parent) {
        Task *t = start_unit("web.service");

        tell(PROBE_EVENT_FORK, 72, 71);
        tell(PROBE_EVENT_FORK, 73, 72);
        tell(PROBE_EVENT_EXIT, 73, 72);
        tell(PROBE_EVENT_EXIT, 72, 71);
        task_bed_sample(&bed, 72, 1, in_web);
        task_bed_sample(&bed, 73, 2, in_web);
        drain_after(1);

        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/bin/web", 0x1123));
        cr_expect_eq(profile_n_samples(t->profile), 2);
        cr_expect_eq(bed.fake.n_watched, 1, "and forgotten after the drain");
        cr_expect_eq(task_manager_n_processes(bed.manager), 1);
}

Test(task_events, a_child_that_ran_another_program_and_is_gone_is_named_by_what_was_told) {
        Task *t = start_unit("web.service");
        ProbeEvent ev = { .type = PROBE_EVENT_MAP, .pid = 72, .path = "/usr/bin/other" };
        char path[PATH_MAX];
        struct stat st;

        fake_host_set_maps(&bed.host, 80, other_maps, ELEMENTSOF(other_maps)); /* makes the file */
        (void) snprintf(path, sizeof(path), "%s/files/usr/bin/other", bed.host.root);
        cr_assert_eq(stat(path, &st), 0);
        ev.start = 0x400000;
        ev.length = 0x10000;
        ev.offset = 0x3000;
        ev.inode = st.st_ino;
        ev.dev_major = major(st.st_dev);
        ev.dev_minor = minor(st.st_dev);

        tell(PROBE_EVENT_FORK, 72, 71);
        tell(PROBE_EVENT_EXEC, 72, 0);
        fake_probe_push_event(&bed.fake, &ev);
        tell(PROBE_EVENT_EXIT, 72, 71);
        task_bed_sample(&bed, 72, 1, in_web);
        drain_after(1);

        cr_expect_not_null(task_bed_find_stack(t->profile, "/usr/bin/other", 0x3123));
        cr_expect_null(task_bed_find_stack(t->profile, "/usr/bin/web", 0x1123));
}

Test(task_events, who_has_very_many_mappings_is_not_read_all_the_time) {
        static FakeMapping many[100000];
        uint64_t n_read;

        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = (FakeMapping){ .start = (i + 1) << 16, .end = ((i + 1) << 16) + 4096 };
        fake_host_set_maps(&bed.host, 71, many, ELEMENTSOF(many));
        (void) start_unit("web.service");
        tell(PROBE_EVENT_MAP, 71, 0);
        drain_after(USEC_PER_SEC);
        work();
        cr_expect_eq(counters().processes.n_mappings_over_cap, ELEMENTSOF(many) - PROCESS_MAPPINGS_MAX);

        n_read = counters().processes.n_read;
        for (unsigned i = 0; i < 200; i++) {
                tell(PROBE_EVENT_MAP, 71, 0);
                drain_after(100 * USEC_PER_MSEC);
        }
        cr_expect_leq(counters().processes.n_read - n_read,
                      60,
                      "%u times",
                      (unsigned) (counters().processes.n_read - n_read));
        cr_expect_geq(counters().processes.n_read - n_read, 1);
}

Test(task_events, a_number_that_is_used_again_is_another_process) {
        (void) start_unit("web.service");

        tell(PROBE_EVENT_FORK, 72, 71);
        tell(PROBE_EVENT_EXIT, 72, 71);
        add_process(72, WEB);
        tell(PROBE_EVENT_FORK, 72, 71);
        drain_after(1);
        cr_expect(task_bed_is_watched(&bed, 72));
}

Test(task_events, children_of_others_are_none_of_our_business) {
        (void) start_unit("web.service");

        add_process(72, DB);
        tell(PROBE_EVENT_FORK, 72, 80);
        drain_after(1);
        cr_expect_not(task_bed_is_watched(&bed, 72));
}

Test(task_events, the_task_of_one_process_leaves_its_children_alone) {
        Task *t;

        cr_assert_eq(task_bed_start_process(&bed, 71, &t), 0);
        add_process(72, WEB);
        tell(PROBE_EVENT_FORK, 72, 71);
        drain_after(1);
        cr_expect_not(task_bed_is_watched(&bed, 72));

        tell(PROBE_EVENT_EXIT, 71, 1); /* of the leader; threads may live on */
        drain_after(1);
        cr_expect(task_bed_is_watched(&bed, 71));
}

Test(task_events, a_child_that_moves_to_another_unit_is_dropped) {
        (void) start_unit("web.service");

        add_process(72, DB);
        tell(PROBE_EVENT_FORK, 72, 71);
        task_bed_tick(&bed, USEC_PER_SEC);
        task_bed_tick(&bed, USEC_PER_SEC);
        task_bed_tick(&bed, USEC_PER_SEC);
        cr_expect_not(task_bed_is_watched(&bed, 72));
}

Test(task_events, lost_events_make_us_look_at_all) {
        (void) start_unit("web.service");

        work();
        fake_host_set_maps(&bed.host, 71, more_maps, ELEMENTSOF(more_maps));
        bed.fake.events_error = -EOVERFLOW;
        drain_after(USEC_PER_SEC);
        work();
        cr_expect_eq(n_published(71), 2);
}

Test(task_events, nobody_asks_while_nothing_is_watched) {
        task_bed_tick(&bed, USEC_PER_SEC);
        cr_expect_eq(bed.fake.n_events_read, 0);
}
