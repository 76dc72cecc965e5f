/* SPDX-License-Identifier: Apache-2.0 */
#include "target/target-world.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(target_races, .timeout = 20);

Test(target_races, a_young_process_is_looked_at_again) {
        World w;

        world_init(&w);
        put(&w, 9, 1, "init", "/init.scope");
        EXPECT_TOLD(&w, " +-.slice +init.scope +9=init.scope/init");

        /* As a daemon that forks a worker, which then names itself: no exec tells of that. */
        put(&w, 10, 5, "d", "/a.service");
        EXPECT_TOLD(&w, " +a.service +10=a.service/d");
        put(&w, 10, 5, "d: worker", "/a.service");
        EXPECT_TOLD(&w, "");
        EXPECT_TOLD(&w, " ~10=a.service/d: worker");
        world_done(&w);
}

Test(target_races, a_process_that_is_gone_before_it_is_read_is_left_out) {
        World w;

        world_init(&w);
        put(&w, 10, 5, "a", "/a.service");
        put(&w, 11, 5, "b", "/a.service");
        fake_machine_drop(&w.machine, 11);
        EXPECT_TOLD(&w, " +-.slice +a.service +10=a.service/a");
        cr_expect_eq(target_set_n_dropped(w.set), 0u);

        /* and one that is there by then is told as new */
        put(&w, 11, 5, "b", "/a.service");
        EXPECT_TOLD(&w, " +11=a.service/b");
        world_done(&w);
}

Test(target_races, threads_of_a_process_are_summed_wherever_they_stand) {
        World w;
        Process *p;

        world_init(&w);
        put(&w, 10, 5, "a", "/a.service");
        put(&w, 20, 5, "b", "/a.service");
        w.tasks[2] = w.tasks[0];
        w.tasks[2].tid = 25; /* a thread of 10 after process 20 */
        w.fake.n_tasks = 3;
        for (size_t i = 0; i < 3; i++) {
                w.tasks[i].n_threads = i == 1 ? 1 : 2;
                w.tasks[i].cpu_ns = 100;
                w.tasks[i].dead_ns = 1000;
        }

        EXPECT_TOLD(&w, " +-.slice +a.service +10=a.service/a +20=a.service/b");
        p = target_set_find_process(w.set, 10);
        cr_expect_eq(p->now.cpu_ns, 1200u, "dead threads count once");
        cr_expect_eq(p->n_threads, 2u);
        cr_expect_eq(target_set_find_process(w.set, 20)->now.cpu_ns, 1100u);

        w.tasks[2].cpu_ns += 250000000;
        w.tasks[0].cpu_ns += 500000000;
        EXPECT_TOLD(&w, "");
        cr_expect_eq(p->before.cpu_ns, 1200u);
        cr_expect_float_eq(process_cpu_percent(p), 75.0, 1e-6);
        world_done(&w);
}

static int clock_of_torn(pid_t pid, uint64_t *ret_ns) {
        *ret_ns = 5000000000;
        return 0;
}

Test(target_races, a_thread_missed_by_the_iterator_leaves_no_gap) {
        World w;

        world_init(&w);
        put(&w, 10, 5, "a", "/a.service")->cpu_ns = 4000000000;
        put(&w, 20, 5, "b", "/a.service")->cpu_ns = 4000000000;
        EXPECT_TOLD(&w, " +-.slice +a.service +10=a.service/a +20=a.service/b");

        w.machine.host->process_cpu_ns = clock_of_torn;
        w.tasks[0].n_threads = 2; /* one of them ended before its record */
        EXPECT_TOLD(&w, "");
        cr_expect_eq(target_set_find_process(w.set, 10)->now.cpu_ns, UINT64_C(5000000000));
        cr_expect_eq(target_set_find_process(w.set, 20)->now.cpu_ns, UINT64_C(4000000000));
        world_done(&w);
}

Test(target_races, proc_takes_over_when_the_iterator_fails) {
        World w;

        world_init(&w);
        put(&w, 10, 5, "a", "/a.service");
        EXPECT_TOLD(&w, " +-.slice +a.service +10=a.service/a");
        w.fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EIO;
        put(&w, 11, 5, "b", "/a.service");
        EXPECT_TOLD(&w, " +11=a.service/b");
        cr_expect_str_eq(target_set_source(w.set), "proc");
        put(&w, 11, 5, "c", "/a.service");
        EXPECT_TOLD(&w, " ~11=a.service/c");
        world_done(&w);
}

Test(target_races, no_machine_no_change) {
        World w;

        world_init(&w);
        put(&w, 10, 5, "a", "/a.service");
        EXPECT_TOLD(&w, " +-.slice +a.service +10=a.service/a");

        w.fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EIO;
        w.machine.host->proc_fd = safe_close(w.machine.host->proc_fd);
        strbuf_done(&w.told);
        cr_expect_lt(target_set_refresh(w.set, 9 * USEC_PER_SEC), 0);
        cr_expect_null(w.told.text);
        cr_expect_not_null(target_set_find_process(w.set, 10));
        world_done(&w);
}
