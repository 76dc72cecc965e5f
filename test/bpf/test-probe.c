/* SPDX-License-Identifier: Apache-2.0 */
/* The probe against the running kernel: the task iterator tells what /proc tells, and samples carry our
 * process numbers. */
#include "bpf/spawn.h"

#include "host/procfs-pid.h"
#include "probe/probe.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

TestSuite(probe, .timeout = 120);

typedef struct Seen {
        pid_t pid;
        struct cprof_task leader;
        uint64_t cpu_ns; /* all threads */
        unsigned n_tasks, n_all;
} Seen;

static void on_task(const struct cprof_task *t, void *userdata) {
        Seen *s = userdata;

        s->n_all++;
        if ((pid_t) t->pid != s->pid)
                return;

        s->n_tasks++;
        s->cpu_ns += t->cpu_ns;
        if (t->tid == t->pid)
                s->leader = *t;
}

static Seen look(Probe *p, pid_t pid) {
        Seen s = { .pid = pid };

        cr_assert_eq(probe_tasks_read(p, on_task, &s), 0);
        return s;
}

/* Everything works on every kernel from 5.10 on, but for what a newer one brought. */
static bool is_expected(ProbeFeature f) {
        switch (f) {
        case PROBE_FEATURE_THREAD_DUMP: /* sleepable iterators over tasks, and bpf_copy_from_user_task() */
                return kernel_is_at_least(5, 18);
        case PROBE_FEATURE_HTTP: /* pointers as arguments of global functions, bpf_task_pt_regs() */
        case PROBE_FEATURE_HTTP_TLS:
                return kernel_is_at_least(5, 15);
        default:
                return true;
        }
}

static Probe *new_probe(const ProbeConfig *config) {
        const char *reason = NULL;
        Probe *p = NULL;

        cr_assert_eq(probe_new(config, &p), 0);
        for (ProbeFeature f = 0; f < _PROBE_FEATURE_MAX; f++)
                if (is_expected(f))
                        cr_assert_eq(probe_feature(p, f, &reason),
                                     0,
                                     "%s: %s",
                                     probe_feature_to_string(f),
                                     reason);

        return p;
}

Test(probe, each_feature_works_or_says_why_not) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});

        for (ProbeFeature f = 0; f < _PROBE_FEATURE_MAX; f++) {
                const char *reason = NULL;
                int r = probe_feature(p, f, &reason);

                fprintf(stderr, "# feature %s: %s\n", probe_feature_to_string(f), r == 0 ? "ok" : reason);
                cr_expect_eq(r < 0, !is_expected(f));
                if (r < 0)
                        cr_expect(reason &&
                                                  (strstr(reason, "failed: ") ||
                                                   strstr(reason, "needs a newer kernel")),
                                  "a step, or what is needed");
        }
}

Test(probe, iterator_agrees_with_proc) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        _cleanup_(host_freep) Host *host = NULL;
        pid_t pid = spawn_idle(5);
        uint64_t clock_ns;
        ProcStat st;
        Seen s;

        cr_assert_eq(host_new("/", &host), 0);
        for (unsigned i = 0; i < 100 && look(p, pid).n_tasks < 5; i++)
                sleep_usec(50 * USEC_PER_MSEC);
        sleep_usec(200 * USEC_PER_MSEC); /* until all wait */
        s = look(p, pid);

        cr_assert_eq(procfs_read_stat(host, pid, &st), 0);
        cr_expect_eq(s.n_tasks, 5);
        cr_expect_eq(s.leader.n_threads, st.n_threads);
        cr_expect_eq(s.leader.start_ns / 10000000, st.start_ticks);

        cr_assert_eq(host->process_cpu_ns(pid, &clock_ns), 0);
        cr_expect_lt(clock_ns - s.cpu_ns - s.leader.dead_ns, 5000000, "more than 5 ms apart");
        spawn_kill(pid);
}

Test(probe, iterator_sees_exec_and_exit) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        pid_t pid = spawn_idle(1);
        uint32_t exec_id = look(p, pid).leader.exec_id;

        spawn_kill(pid);
        cr_expect_eq(look(p, pid).n_tasks, 0);

        pid = spawn_workload(1);
        sleep_usec(200 * USEC_PER_MSEC);
        cr_expect_eq(look(p, pid).leader.exec_id, exec_id + 1);
        spawn_kill(pid);
}

Test(probe, a_zombie_is_over) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);

        sleep_usec(50 * USEC_PER_MSEC);
        cr_expect_eq(look(p, pid).n_tasks, 0);
        (void) waitpid(pid, NULL, 0);
}

Test(probe, kernel_threads_are_left_out) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});

        cr_expect_eq(look(p, 2).n_tasks, 0);
        cr_expect_gt(look(p, 2).n_all, 0);
}

typedef struct Samples {
        pid_t pid;
        unsigned n, n_main, n_worker, n_foreign, n_without_user, n_in_kernel;
        uint64_t first_ns, last_ns;
} Samples;

static void on_sample(const struct cprof_sample *s, void *userdata) {
        Samples *all = userdata;

        all->n++;
        if ((pid_t) s->pid != all->pid)
                all->n_foreign++;
        if (strncmp(s->comm, "worker-1", sizeof(s->comm)) == 0)
                all->n_worker++;
        else
                all->n_main++;
        if (s->n_kernel > 0)
                all->n_in_kernel++;
        if (s->n_user == 0)
                all->n_without_user++;
        if (all->first_ns == 0)
                all->first_ns = s->at_ns;
        all->last_ns = s->at_ns;
}

static Samples sample(Probe *p, pid_t pid, usec_t usec) {
        Samples s = { .pid = pid };

        cr_assert_eq(probe_arm(p, PROBE_USE_ON_CPU), 0);
        cr_assert_eq(probe_watch(p, pid, PROBE_USE_ON_CPU), 0);
        sleep_usec(usec);
        probe_unwatch(p, pid, PROBE_USE_ON_CPU);
        cr_assert_geq(probe_drain(p, on_sample, &s), 0);
        return s;
}

Test(probe, a_busy_process_is_sampled_at_the_rate_and_nobody_else) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        pid_t pid = spawn_busy(1), other = spawn_busy(1);
        Samples s = sample(p, pid, 2 * USEC_PER_SEC);

        /* two busy processes on at least one CPU: no less than a good part of half the rate, no more than
         * the rate */
        cr_expect_geq(s.n, 80);
        cr_expect_leq(s.n, 205);
        cr_expect_eq(s.n_foreign, 0);
        cr_expect_eq(s.n_without_user, 0);
        spawn_kill(pid);
        spawn_kill(other);
}

Test(probe, time_in_the_kernel_has_both_stacks) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        pid_t in_kernel = spawn_in_kernel(), in_user = spawn_busy(1);
        Samples s = sample(p, in_kernel, USEC_PER_SEC);

        cr_expect_gt(s.n, 20);
        cr_expect_gt(s.n_in_kernel, s.n * 9 / 10);
        cr_expect_eq(s.n_without_user, 0);

        s = sample(p, in_user, USEC_PER_SEC);
        cr_expect_gt(s.n, 20);
        cr_expect_lt(s.n_in_kernel, s.n / 10 + 3);
        spawn_kill(in_kernel);
        spawn_kill(in_user);
}

Test(probe, disarmed_events_cost_nothing_and_deliver_nothing) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        pid_t pid = spawn_busy(1);
        Samples s;

        (void) sample(p, pid, 100 * USEC_PER_MSEC);
        s = (Samples){ .pid = pid };
        sleep_usec(300 * USEC_PER_MSEC);
        cr_expect_eq(probe_drain(p, on_sample, &s), 0);
        spawn_kill(pid);
}

Test(probe, samples_carry_the_thread_name) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        pid_t pid = spawn_busy(2);
        Samples s;

        sleep_usec(50 * USEC_PER_MSEC);
        s = sample(p, pid, USEC_PER_SEC);
        cr_expect_gt(s.n_main, 20);
        cr_expect_gt(s.n_worker, 20);
        spawn_kill(pid);
}

Test(probe, a_process_in_a_nested_namespace_has_our_number) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        pid_t pid = spawn_busy_in_namespace();
        Samples s = sample(p, pid, 500 * USEC_PER_MSEC);

        cr_expect_eq(look(p, pid).n_tasks, 1);
        cr_expect_gt(s.n, 10);
        cr_expect_eq(s.n_foreign, 0);
        spawn_kill(pid);
}

/* The daemon itself in a PID namespace: it must see its children under the numbers that it uses. */
static int run_nested(void) {
        _cleanup_(probe_freep) Probe *p = NULL;
        Samples s;
        pid_t pid;

        if (mount("proc", "/proc", "proc", 0, NULL) < 0)
                return 2;
        if (probe_new(&(ProbeConfig){}, &p) < 0 || probe_arm(p, PROBE_USE_ON_CPU) < 0)
                return 3;

        pid = spawn_busy(1);
        s = (Samples){ .pid = pid };
        if (probe_watch(p, pid, PROBE_USE_ON_CPU) < 0)
                return 4;

        sleep_usec(500 * USEC_PER_MSEC);
        (void) probe_drain(p, on_sample, &s);

        Seen seen = { .pid = pid };
        if (probe_tasks_read(p, on_task, &seen) < 0 || seen.n_tasks != 1)
                return 5;

        return s.n > 10 && s.n_foreign == 0 && pid < 10 ? 0 : 6;
}

Test(probe, a_daemon_inside_a_namespace_uses_its_numbers) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 ||
                    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                        _exit(1);
                pid = fork();
                if (pid == 0)
                        _exit(run_nested());
                (void) waitpid(pid, &status, 0);
                _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
        }

        (void) waitpid(pid, &status, 0);
        cr_assert(WIFEXITED(status));
        cr_expect_eq(WEXITSTATUS(status), 0);
}

Test(probe, a_full_ring_is_counted) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){ .oncpu_hz = 1000, .ring_bytes = 4096 });
        pid_t pid = spawn_busy(1);
        Samples s = sample(p, pid, USEC_PER_SEC);
        ProbeCounters c;

        probe_counters(p, &c);
        cr_expect_gt(s.n, 5);
        cr_expect_eq(c.n_samples, s.n);
        cr_expect_gt(c.n_ring_full, 100);
        spawn_kill(pid);
}

Test(probe, a_full_table_is_refused) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){ .watched_max = 2 });

        cr_expect_eq(probe_watch(p, 1, PROBE_USE_ON_CPU), 0);
        cr_expect_eq(probe_watch(p, 2, PROBE_USE_ON_CPU), 0);
        cr_expect_eq(probe_watch(p, 2, PROBE_USE_ON_CPU), 0, "twice is one");
        cr_expect_eq(probe_watch(p, 3, PROBE_USE_ON_CPU), -ENOSPC);
        probe_unwatch(p, 1, PROBE_USE_ON_CPU);
        cr_expect_eq(probe_watch(p, 3, PROBE_USE_ON_CPU), 0);
}

Test(probe, counters_survive_disarming) {
        _cleanup_(probe_freep) Probe *p = new_probe(&(ProbeConfig){});
        pid_t pid = spawn_busy(1);
        Samples s = sample(p, pid, 300 * USEC_PER_MSEC);
        ProbeCounters c;

        probe_disarm(p, PROBE_USE_ON_CPU);
        probe_counters(p, &c);
        cr_expect_eq(c.n_samples, s.n);
        spawn_kill(pid);
}
