/* SPDX-License-Identifier: Apache-2.0 */
/* A unit whose work is done by children that live for milliseconds. */
#include "bpf/spawn.h"

#include "daemon-unwind.h"
#include "host/clock.h"
#include "task/task-manager.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

TestSuite(children, .timeout = 60);

#define CHILD_USEC (20 * USEC_PER_MSEC)
#define TASK_USEC (3 * USEC_PER_SEC)

typedef struct Bench {
        Host *host;
        Probe *probe;
        TargetSet *targets;
        ModuleTable *modules;
        TaskManager *tasks;
        Task *ended;
} Bench;

static void on_ended(Task *t, void *userdata) {
        Bench *b = userdata;

        b->ended = t;
}

static void on_process_removed(Process *p, void *userdata) {
        Bench *b = userdata;

        if (b->tasks)
                task_manager_process_removed(b->tasks, p, clock_monotonic_usec());
}

static void bench_open(Bench *b) {
        const TargetEvents events = { .process_removed = on_process_removed, .userdata = b };
        const TaskEvents task_events = { .ended = on_ended, .userdata = b };
        const TaskManagerConfig config = {
                .running_max = 4,
                .oncpu_hz = 99,
                .unwind = &daemon_unwind_source,
        };
        int r;

        cr_assert_eq(host_new("/", &b->host), 0);
        cr_assert_eq(probe_new(&(ProbeConfig){}, &b->probe), 0);
        cr_assert_eq(target_set_new(b->host, b->probe, &events, &b->targets), 0);
        cr_assert_eq(module_table_new(&b->modules), 0);
        r = task_manager_new(b->host, b->probe, b->targets, b->modules, &config, &task_events, &b->tasks);
        cr_assert_eq(r, 0);
}

static void bench_close(Bench *b) {
        task_free(b->ended);
        task_manager_free(b->tasks);
        target_set_free(b->targets);
        module_table_free(b->modules);
        probe_free(b->probe);
        host_free(b->host);
}

static usec_t cpu_usec(int who) {
        struct rusage u;

        (void) getrusage(who, &u);
        return (usec_t) u.ru_utime.tv_sec * USEC_PER_SEC + (usec_t) u.ru_utime.tv_usec +
                        (usec_t) u.ru_stime.tv_sec * USEC_PER_SEC + (usec_t) u.ru_stime.tv_usec;
}

/* One child after the other: each works for 20 ms and is gone. SIGTERM: tells the CPU time of all. */
static volatile sig_atomic_t told_to_stop;

static void on_sigterm(int sig) {
        told_to_stop = 1;
}

static void loop(int fd, void (*work)(void)) {
        usec_t used_usec;

        (void) prctl(PR_SET_NAME, "short-lived");
        (void) signal(SIGTERM, on_sigterm);

        while (!told_to_stop) {
                pid_t pid = fork();

                if (pid == 0) {
                        work();
                        _exit(0);
                }
                while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }

        used_usec = cpu_usec(RUSAGE_CHILDREN) + cpu_usec(RUSAGE_SELF);
        _exit(write(fd, &used_usec, sizeof(used_usec)) != sizeof(used_usec));
}

static void burn(void) {
        while (cpu_usec(RUSAGE_SELF) < CHILD_USEC)
                for (volatile unsigned i = 0; i < 10000; i++)
                        ;
}

static Task *record_unit(Bench *b, pid_t pid) {
        TaskRequest request = { .kinds = PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), .duration_usec = TASK_USEC };
        usec_t second_usec = clock_monotonic_usec();
        Process *p;
        Task *task;

        cr_assert_eq(target_set_refresh(b->targets, second_usec), 0);
        p = target_set_find_process(b->targets, pid);
        cr_assert_not_null(p);
        request.subject.unit = p->unit;
        cr_assert_eq(task_manager_start(b->tasks, &request, clock_monotonic_usec(), &task), 0);

        while (!b->ended) {
                usec_t now_usec;

                sleep_usec(50 * USEC_PER_MSEC);
                if (task_manager_has_pending_preparation(b->tasks))
                        task_manager_prepare_pending(b->tasks, 5 * USEC_PER_MSEC);

                now_usec = clock_monotonic_usec();
                if (now_usec < second_usec + USEC_PER_SEC) {
                        if (now_usec % (250 * USEC_PER_MSEC) < 60 * USEC_PER_MSEC)
                                task_manager_drain(b->tasks, now_usec);
                        continue;
                }

                second_usec = now_usec;
                cr_assert_eq(target_set_refresh(b->targets, now_usec), 0);
                task_manager_tick(b->tasks, now_usec);
        }

        return b->ended;
}

/* Samples of threads of that name, and how many of their frames are known. */
static uint64_t count_samples(const Profile *profile, const char *name, uint64_t *ret_known) {
        uint64_t n = 0, known = 0;
        ProfileStack *s, *next;

        HASH_ITER(hh, profile_stacks(profile), s, next) {
                if (strcmp(profile_thread_name(profile, s->thread), name) != 0)
                        continue;
                n += s->n_samples;
                if (frame_module(s->frames[s->n_kernel < s->n_frames ? s->n_kernel : 0]) !=
                    PROFILE_MODULE_UNKNOWN)
                        known += s->n_samples;
        }

        *ret_known = known;
        return n;
}

static void check(void (*work)(void), const char *name) {
        usec_t before_usec = 0, used_usec = 0;
        uint64_t n, n_known;
        int fds[2], status;
        double share;
        Bench b = {};
        pid_t pid;
        Task *t;

        cr_assert_eq(pipe(fds), 0);
        bench_open(&b);

        pid = fork();
        if (pid == 0)
                loop(fds[1], work);
        sleep_usec(100 * USEC_PER_MSEC);
        before_usec = 100 * USEC_PER_MSEC;

        t = record_unit(&b, pid);
        (void) kill(pid, SIGTERM);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(read(fds[0], &used_usec, sizeof(used_usec)), (ssize_t) sizeof(used_usec));

        n = count_samples(t->profile, name, &n_known);
        share = (double) n * (double) t->sample_period_nsec / 1000 / (double) (used_usec - before_usec);
        cr_log_warn("%.1f %% of the time has samples, %.1f %% of these a known place",
                    100 * share,
                    n > 0 ? 100.0 * (double) n_known / (double) n : 0);
        cr_expect_geq(share, 0.9);
        cr_expect_geq(n_known, n * 9 / 10);

        bench_close(&b);
}

Test(children, that_live_for_20_ms_are_sampled_and_named) {
        check(burn, "short-lived");
}
