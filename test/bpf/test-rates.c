/* SPDX-License-Identifier: Apache-2.0 */
/* Who is sampled for what and how often, and what becomes of tables, through the probe as the daemon uses
 * it. */
#include "bpf/spawn.h"
#include "bpf/unwind-process.h"

#include <criterion/criterion.h>

TestSuite(rates, .timeout = 30);

typedef struct Seen {
        pid_t pid, other;
        unsigned n, n_task, n_recorder, n_both, n_other_task, n_other_recorder;
        unsigned n_ends[CPROF_END_MAX];
} Seen;

static void on_sample(const struct cprof_sample *s, void *userdata) {
        Seen *seen = userdata;
        bool task = s->flags & CPROF_SAMPLE_TASK, recorder = s->flags & CPROF_SAMPLE_RECORDER;

        cr_assert_eq(s->type, CPROF_RECORD_SAMPLE);
        cr_assert(task || recorder);
        cr_assert_lt(s->end, CPROF_END_MAX);

        if ((pid_t) s->pid == seen->other) {
                seen->n_other_task += task;
                seen->n_other_recorder += recorder;
                return;
        }

        cr_assert_eq((pid_t) s->pid, seen->pid);
        seen->n++;
        seen->n_task += task;
        seen->n_recorder += recorder;
        seen->n_both += task && recorder;
        seen->n_ends[s->end]++;
}

static Seen look(Probe *p, pid_t pid, pid_t other, usec_t usec) {
        Seen seen = { .pid = pid, .other = other };

        sleep_usec(usec);
        cr_assert_geq(probe_drain(p, on_sample, &seen), 0);
        return seen;
}

static Probe *new_probe(const ProbeConfig *config) {
        Probe *p;

        cr_assert_eq(probe_new(config, &p), 0);
        return p;
}

Test(rates, the_recorder_alone_has_its_own_rate) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){ .oncpu_hz = 500, .recorder_every = 10 });
        pid_t pid = spawn_busy(1);
        Seen s;

        cr_assert_eq(probe_watch(p, pid, PROBE_USE_RECORDER), 0);
        s = look(p, pid, 0, 2 * USEC_PER_SEC);
        cr_expect_gt(s.n_recorder, 10);
        cr_expect_leq(s.n_recorder, 105, "50 Hz");
        cr_expect_eq(s.n_task, 0);
        probe_unwatch(p, pid, PROBE_USE_RECORDER);
        spawn_kill(pid);
}

Test(rates, a_task_beside_the_recorder_leaves_it_its_rate) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){ .oncpu_hz = 500, .recorder_every = 10 });
        pid_t pid = spawn_busy(1), other = spawn_busy(1);
        Seen s;

        cr_assert_eq(probe_watch(p, other, PROBE_USE_RECORDER), 0);
        cr_assert_eq(probe_watch(p, pid, PROBE_USE_RECORDER), 0);
        cr_assert_eq(probe_watch(p, pid, PROBE_USE_ON_CPU), 0);
        s = look(p, pid, other, 2 * USEC_PER_SEC);

        cr_expect_eq(s.n_task, s.n);
        cr_expect_eq(s.n_recorder, s.n_both);
        cr_expect_geq(s.n_recorder, s.n / 20);
        cr_expect_leq(s.n_recorder, s.n / 5);
        cr_expect_eq(s.n_other_task, 0);
        cr_expect_gt(s.n_other_recorder, 5);
        cr_expect_leq(s.n_other_recorder, 105);

        /* and back */
        probe_unwatch(p, pid, PROBE_USE_ON_CPU);
        (void) look(p, pid, other, 0);
        s = look(p, pid, other, USEC_PER_SEC);
        cr_expect_eq(s.n_task, 0);
        cr_expect_gt(s.n_recorder, 5);
        cr_expect_leq(s.n_recorder, 55);
        spawn_kill(pid);
        spawn_kill(other);
}

Test(rates, thinned_tasks_get_every_so_many_samples) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){ .oncpu_hz = 500 });
        pid_t pid = spawn_busy(1);
        Seen s;

        cr_expect_eq(probe_watch(p, pid, PROBE_USE_RECORDER), -EOPNOTSUPP, "not configured");
        cr_expect_eq(probe_oncpu_thin(p, 0), -ERANGE);
        cr_assert_eq(probe_oncpu_thin(p, 8), 0);
        cr_assert_eq(probe_watch(p, pid, PROBE_USE_ON_CPU), 0);
        s = look(p, pid, 0, 2 * USEC_PER_SEC);
        cr_expect_gt(s.n, 20);
        cr_expect_leq(s.n, 130, "62.5 Hz");
        spawn_kill(pid);
}

Test(rates, mappings_make_the_difference) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        const char *reason = NULL;
        pid_t pid = spawn_busy(1);
        Seen s;

        if (probe_feature(p, PROBE_FEATURE_UNWIND, &reason) < 0)
                cr_skip_test("%s", reason);

        cr_assert_eq(probe_watch(p, pid, PROBE_USE_ON_CPU), 0);
        s = look(p, pid, 0, USEC_PER_SEC);
        cr_expect_gt(s.n, 10);
        cr_expect_eq(s.n_ends[CPROF_END_HELPER], s.n);

        (void) unwind_process(p, pid);
        (void) look(p, pid, 0, 0);
        s = look(p, pid, 0, USEC_PER_SEC);
        cr_expect_gt(s.n, 10);
        cr_expect_eq(s.n_ends[CPROF_END_ROOT], s.n);

        /* they outlive the watch */
        probe_unwatch(p, pid, PROBE_USE_ON_CPU);
        (void) look(p, pid, 0, 0);
        cr_assert_eq(probe_watch(p, pid, PROBE_USE_ON_CPU), 0);
        s = look(p, pid, 0, USEC_PER_SEC / 2);
        cr_expect_eq(s.n_ends[CPROF_END_ROOT], s.n);

        probe_unwind_unmap(p, pid);
        (void) look(p, pid, 0, 0);
        s = look(p, pid, 0, USEC_PER_SEC / 2);
        cr_expect_eq(s.n_ends[CPROF_END_HELPER], s.n);
        spawn_kill(pid);
}

Test(rates, a_walk_by_frame_pointers_where_a_table_is_missing_is_not_complete) {
        ProbeMapping all = { .end = UINT64_C(1) << 47, .table = UNWIND_TABLE_NONE };
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        pid_t pid = spawn_busy(1);
        Seen s;

        cr_assert_eq(probe_watch(p, pid, PROBE_USE_ON_CPU), 0);
        cr_assert_eq(probe_unwind_map(p, pid, &all, 1), 0);
        s = look(p, pid, 0, USEC_PER_SEC / 2);
        cr_expect_gt(s.n, 10);
        cr_expect_eq(s.n_ends[CPROF_END_HELPER], 0, "there is none to be missed");

        all.rule = CPROF_RULE_UNSUPPORTED;
        cr_assert_eq(probe_unwind_map(p, pid, &all, 1), 0);
        (void) look(p, pid, 0, 0);
        s = look(p, pid, 0, USEC_PER_SEC / 2);
        cr_expect_gt(s.n, 10);
        cr_expect_eq(s.n_ends[CPROF_END_ROOT] + s.n_ends[CPROF_END_FRAME_POINTER], 0);
        spawn_kill(pid);
}

Test(rates, a_full_pool_refuses_tables_and_has_room_again_later) {
        struct cprof_unwind_row rows[600] = {};
        const UnwindRows table = { .rows = rows, .n = 600 };
        _cleanup_(probe_freep) Probe *p =
                        new_probe(&(ProbeConfig){ .unwind_bytes = 1000 * sizeof(rows[0]) });
        uint32_t first, second;
        ProbeCounters c;

        cr_assert_eq(probe_unwind_add(p, &table, &first), 0);
        cr_expect_eq(probe_unwind_add(p, &table, &second), -ENOSPC);
        probe_counters(p, &c);
        cr_expect(c.unwind_rows > 600 && c.unwind_rows < 640, "the rows and their index");
        cr_expect_eq(c.unwind_rows_max, 1000);
        cr_expect_eq(c.n_tables_refused, 1);

        probe_unwind_remove(p, first);
        cr_expect_eq(probe_unwind_add(p, &table, &second), -ENOSPC, "a program may be reading it");
        sleep_usec(1100 * USEC_PER_MSEC);
        cr_expect_eq(probe_unwind_add(p, &table, &second), 0);
}

Test(rates, run_times_are_counted_on_demand) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        pid_t pid = spawn_busy(1);
        ProbeCounters c;

        cr_assert_eq(probe_statistics(p, true), 0);
        cr_assert_eq(probe_statistics(p, true), 0, "already on");
        cr_assert_eq(probe_watch(p, pid, PROBE_USE_ON_CPU), 0);
        sleep_usec(300 * USEC_PER_MSEC);
        probe_counters(p, &c);
        cr_expect_gt(c.bpf_run_count, 5);
        cr_expect_gt(c.bpf_run_ns / c.bpf_run_count, 100);
        cr_expect_eq(probe_statistics(p, false), 0);
        spawn_kill(pid);
}
