/* SPDX-License-Identifier: Apache-2.0 */
#include "target/target-world.h"

#include <criterion/criterion.h>

TestSuite(target_events, .timeout = 20);

Test(target_events, the_chain_of_units_comes_and_goes_with_its_processes) {
        World w;

        world_init(&w);
        EXPECT_TOLD(&w, "");
        put(&w, 10, 5, "a", "/s.slice/a.service");
        EXPECT_TOLD(&w, " +-.slice +s.slice +a.service +10=a.service/a");
        cr_expect_str_eq(target_set_source(w.set), "bpf");
        cr_expect_eq(target_set_find_process(w.set, 10)->key.start_ticks, 5u);
        put(&w, 11, 6, "b", "/s.slice/b.service");
        EXPECT_TOLD(&w, " +b.service +11=b.service/b");
        EXPECT_TOLD(&w, "");
        drop(&w, 10);
        EXPECT_TOLD(&w, " -10 -a.service");
        drop(&w, 11);
        EXPECT_TOLD(&w, " -11 -b.service -s.slice --.slice");
        cr_expect_eq(target_set_n_units(w.set), 0u);
        cr_expect_eq(target_set_n_processes(w.set), 0u);
        world_done(&w);
}

Test(target_events, removals_come_first_and_a_restarted_unit_stays) {
        World w;

        world_init(&w);
        put(&w, 10, 5, "a", "/a.service");
        put(&w, 20, 6, "b", "/b.service");
        EXPECT_TOLD(&w, " +-.slice +a.service +10=a.service/a +b.service +20=b.service/b");

        drop(&w, 10);
        drop(&w, 20);
        put(&w, 30, 9, "a", "/a.service");
        put(&w, 31, 9, "c", "/c.service");
        EXPECT_TOLD(&w, " -10 -20 -b.service +30=a.service/a +c.service +31=c.service/c");
        world_done(&w);
}

Test(target_events, a_reused_pid_is_another_process) {
        World w;

        world_init(&w);
        put(&w, 10, 5, "a", "/a.service");
        EXPECT_TOLD(&w, " +-.slice +a.service +10=a.service/a");
        put(&w, 10, 700, "b", "/b.service");
        EXPECT_TOLD(&w, " -10 -a.service +b.service +10=b.service/b");
        cr_expect_eq(target_set_find_process(w.set, 10)->key.start_ticks, 700u);
        cr_expect(isnan(process_cpu_percent(target_set_find_process(w.set, 10))));
        world_done(&w);
}

Test(target_events, a_freed_number_goes_to_the_next_worker) {
        World w;

        world_init(&w);
        for (pid_t pid = 10; pid < 14; pid++)
                put(&w, pid, 5, "w", "/a.service");
        put(&w, 14, 5, "other", "/a.service");
        EXPECT_TOLD(&w,
                    " +-.slice +a.service +10=a.service/w +11=a.service/w#2 +12=a.service/w#3"
                    " +13=a.service/w#4"
                    " +14=a.service/other");

        drop(&w, 13);
        drop(&w, 11);
        put(&w, 30, 9, "w", "/a.service");
        EXPECT_TOLD(&w, " -11 -13 +30=a.service/w#2");
        put(&w, 31, 9, "w", "/a.service");
        put(&w, 32, 9, "w", "/b.service");
        EXPECT_TOLD(&w, " +31=a.service/w#4 +b.service +32=b.service/w");
        drop(&w, 10);
        EXPECT_TOLD(&w, " -10");
        put(&w, 33, 9, "w", "/a.service");
        EXPECT_TOLD(&w, " +33=a.service/w");
        cr_expect_eq(target_set_find_process(w.set, 33)->ordinal, 1u);
        world_done(&w);
}

Test(target_events, exec_and_move_are_told_once) {
        World w;

        world_init(&w);
        put(&w, 10, 5, "sh", "/a.service");
        put(&w, 11, 5, "sh", "/a.service");
        EXPECT_TOLD(&w, " +-.slice +a.service +10=a.service/sh +11=a.service/sh#2");

        put(&w, 11, 5, "prog", "/a.service")->exec_id++;
        EXPECT_TOLD(&w, " ~11=a.service/prog");
        cr_expect_str_eq(target_set_find_process(w.set, 11)->comm, "prog");
        EXPECT_TOLD(&w, "");

        put(&w, 10, 5, "sh", "/long-name.service");
        EXPECT_TOLD(&w, " +long-name.service ~10=long-name.service/sh");
        put(&w, 11, 5, "prog", "/long-name.service");
        EXPECT_TOLD(&w, " ~11=long-name.service/prog -a.service");
        put(&w, 10, 5, "prog", "/long-name.service")->exec_id++;
        EXPECT_TOLD(&w, " ~10=long-name.service/prog#2");

        /* exec of the same program changes nothing that anyone could see */
        put(&w, 10, 5, "prog", "/long-name.service")->exec_id++;
        EXPECT_TOLD(&w, "");
        world_done(&w);
}

Test(target_events, a_directory_made_again_is_the_same_unit) {
        World w;
        Process *p;

        world_init(&w);
        put(&w, 9, 1, "old", "/a.service");
        put(&w, 10, 5, "a", "/a.service");
        EXPECT_TOLD(&w, " +-.slice +a.service +9=a.service/old +10=a.service/a");

        /* systemd removes the directory at a stop and makes it again at a start; one process is still
         * ending. */
        drop(&w, 10);
        put(&w, 11, 7, "a", "/a.service")->cgroup_id = 4242;
        EXPECT_TOLD(&w, " -10 +11=a.service/a");
        p = target_set_find_process(w.set, 11);
        cr_expect_eq(p->unit, target_set_find_process(w.set, 9)->unit);
        EXPECT_TOLD(&w, "");
        drop(&w, 9);
        put(&w, 12, 8, "a", "/b.service");
        EXPECT_TOLD(&w, " -9 +b.service +12=b.service/a");
        world_done(&w);
}

Test(target_events, the_path_of_a_cgroup_is_read_once_for_all_its_processes) {
        World w;

        world_init(&w);
        put(&w, 10, 5, "a", "/a.service");
        EXPECT_TOLD(&w, " +-.slice +a.service +10=a.service/a");
        /* What /proc says of the second is not asked: the iterator has named the directory. */
        put(&w, 11, 5, "b", "/elsewhere.service")->cgroup_id = find_task(&w, 10)->cgroup_id;
        EXPECT_TOLD(&w, " +11=a.service/b");
        world_done(&w);
}

Test(target_events, a_move_within_a_v1_hierarchy_is_told_at_once) {
        static const CgroupLayout layouts[] = { CGROUP_LAYOUT_HYBRID, CGROUP_LAYOUT_LEGACY };

        for (size_t i = 0; i < ELEMENTSOF(layouts); i++) {
                struct cprof_task *t;
                World w;

                world_init(&w);
                w.machine.host->cgroup_layout = layouts[i];
                put(&w, 10, 5, "sh", "/a.service")->cgroup_set = 1;
                EXPECT_TOLD(&w, " +-.slice +a.service +10=a.service/sh");

                /* the number on the unified hierarchy stays */
                t = put(&w, 10, 5, "sh", "/b.service");
                t->cgroup_id = cgroup_id("/a.service");
                t->cgroup_set = 2;
                EXPECT_TOLD(&w, " +b.service ~10=b.service/sh -a.service");
                EXPECT_TOLD(&w, "");
                world_done(&w);
        }
}

Test(target_events, a_move_that_leaves_no_trace_is_found_in_the_end) {
        struct cprof_task *t;
        unsigned n = 0;
        World w;

        world_init(&w);
        w.machine.host->cgroup_layout = CGROUP_LAYOUT_LEGACY;
        t = put(&w, 10, 5, "sh", "/a.service");
        EXPECT_TOLD(&w, " +-.slice +a.service +10=a.service/sh");
        t = put(&w, 10, 5, "sh", "/b.service");
        t->cgroup_id = cgroup_id("/a.service");

        for (; target_set_find_unit(w.set, "a.service"); n++) {
                cr_assert_lt(n, 600u);
                cr_assert_eq(target_set_refresh(w.set, ++w.second * USEC_PER_SEC), 0);
        }
        cr_expect_gt(n, 60u, "looked at after %u passes: that is what made idling dear", n);
        world_done(&w);
}
