/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/strbuf.h"
#include "fake/fake-machine.h"
#include "fake/fake-probe.h"
#include "target/target-set.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(target_events, .timeout = 20);

#define TASKS_MAX 64

/* A machine read through the task iterator, and what the set tells, one word each: "+unit", "-unit",
 * "+pid=unit/name",
 * "-pid", "~pid=unit/name". */
typedef struct World {
        FakeMachine machine;
        struct cprof_task tasks[TASKS_MAX];
        FakeProbe fake;
        Probe *probe;
        TargetSet *set;
        StrBuf told;
        unsigned second;
} World;

static void on_unit_added(Unit *u, void *userdata) {
        World *w = userdata;

        strbuf_addf(&w->told, " +%s", u->name);
}

static void on_unit_removed(Unit *u, void *userdata) {
        World *w = userdata;

        cr_expect_null(u->processes);
        strbuf_addf(&w->told, " -%s", u->name);
}

static void on_process_added(Process *p, void *userdata) {
        World *w = userdata;

        cr_expect(p->fresh);
        cr_expect_eq(target_set_find_process(w->set, p->key.pid), p);
        strbuf_addf(&w->told, " +%i=%s/%s", (int) p->key.pid, p->unit->name, p->name);
}

static void on_process_removed(Process *p, void *userdata) {
        World *w = userdata;

        cr_expect_eq(target_set_find_process(w->set, p->key.pid), p);
        strbuf_addf(&w->told, " -%i", (int) p->key.pid);
}

static void on_process_changed(Process *p, void *userdata) {
        World *w = userdata;

        strbuf_addf(&w->told, " ~%i=%s/%s", (int) p->key.pid, p->unit->name, p->name);
}

static void world_init(World *w) {
        TargetEvents events = {
                .unit_added = on_unit_added,
                .unit_removed = on_unit_removed,
                .process_added = on_process_added,
                .process_removed = on_process_removed,
                .process_changed = on_process_changed,
                .userdata = w,
        };

        *w = (World){};
        w->fake.tasks = w->tasks;
        cr_assert_eq(fake_machine_init(&w->machine), 0);
        cr_assert_eq(fake_probe_new(&w->fake, &w->probe), 0);
        cr_assert_eq(target_set_new(w->machine.host, w->probe, &events, &w->set), 0);
}

static void world_done(World *w) {
        (void) target_set_free(w->set);
        (void) probe_free(w->probe);
        strbuf_done(&w->told);
        fake_machine_done(&w->machine);
}

static struct cprof_task *find_task(World *w, pid_t pid) {
        for (size_t i = 0; i < w->fake.n_tasks; i++)
                if (w->tasks[i].pid == (uint32_t) pid)
                        return w->tasks + i;

        return NULL;
}

static uint64_t cgroup_id(const char *cgroup) {
        uint64_t id = 1;

        for (; *cgroup; cgroup++)
                id = hash_u64(id, (unsigned char) *cgroup);

        return id;
}

/* Puts or changes a process, in /proc and for the iterator. */
static struct cprof_task *
put(World *w, pid_t pid, uint64_t start_ticks, const char *comm, const char *cgroup) {
        struct cprof_task *t = find_task(w, pid);

        if (!t)
                t = w->tasks + w->fake.n_tasks++;

        *t = (struct cprof_task){
                .pid = (uint32_t) pid,
                .tid = (uint32_t) pid,
                .n_threads = 1,
                .start_ns = start_ticks * 10000000 + 1234567,
                .cgroup_id = cgroup_id(cgroup),
                .exec_id = t->exec_id,
        };
        fake_machine_put(
                        &w->machine,
                        &(FakeProcess){ .pid = pid,
                                        .start_ticks = start_ticks,
                                        .comm = comm,
                                        .cgroup = cgroup });
        return t;
}

static void drop(World *w, pid_t pid) {
        struct cprof_task *t = find_task(w, pid);

        *t = w->tasks[--w->fake.n_tasks];
        fake_machine_drop(&w->machine, pid);
}

static void expect_told(World *w, const char *expected, int line) {
        strbuf_done(&w->told);
        cr_assert_eq(target_set_refresh(w->set, ++w->second * USEC_PER_SEC), 0);
        cr_expect_str_eq(w->told.text ?: "", expected, "line %i: told '%s'", line, w->told.text ?: "");
}
#define EXPECT_TOLD(w, expected) expect_told(w, expected, __LINE__)

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

Test(target_events, a_young_process_is_looked_at_again) {
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

Test(target_events, a_process_that_is_gone_before_it_is_read_is_left_out) {
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

Test(target_events, threads_of_a_process_are_summed_wherever_they_stand) {
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

Test(target_events, a_thread_missed_by_the_iterator_leaves_no_gap) {
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

Test(target_events, proc_takes_over_when_the_iterator_fails) {
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

Test(target_events, no_machine_no_change) {
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
