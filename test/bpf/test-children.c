/* SPDX-License-Identifier: Apache-2.0 */
/* A unit whose work is done by children that live for milliseconds. */
#include "bpf/recording.h"
#include "bpf/spawn.h"

#include "host/clock.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

TestSuite(children, .timeout = 60);

#define SAMPLES_HZ 997 /* many, so that chance does not decide */
#define LOOP_NAME "short-lived"
#define CHILD_USEC (20 * USEC_PER_MSEC)
#define TASK_USEC (4 * USEC_PER_SEC)

static usec_t cpu_usec(int who) {
        struct rusage u;

        (void) getrusage(who, &u);
        return (usec_t) u.ru_utime.tv_sec * USEC_PER_SEC + (usec_t) u.ru_utime.tv_usec +
                        (usec_t) u.ru_stime.tv_sec * USEC_PER_SEC + (usec_t) u.ru_stime.tv_usec;
}

/* One child after the other: each works for 20 ms and is gone. @used_usec: CPU time of all. */
static void loop(volatile usec_t *used_usec, void (*work)(void)) {
        (void) prctl(PR_SET_NAME, LOOP_NAME);
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

        for (;;) {
                pid_t pid = fork();

                if (pid == 0) {
                        work();
                        _exit(0);
                }
                (void) waitpid(pid, NULL, 0);
                *used_usec = cpu_usec(RUSAGE_CHILDREN) + cpu_usec(RUSAGE_SELF);
        }
}

static void burn(void) {
        while (cpu_usec(RUSAGE_SELF) < CHILD_USEC)
                for (volatile unsigned i = 0; i < 10000; i++)
                        ;
}

#define ATTEMPTS 3U

static Task *
record_unit(Recording *b, pid_t pid, const volatile usec_t *used_usec, usec_t *ret_before_usec) {
        TaskRequest request = { .kinds = PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), .duration_usec = TASK_USEC };
        usec_t second_usec = clock_monotonic_usec();
        Process *p;
        Task *task;

        cr_assert_eq(target_set_refresh(b->targets, second_usec), 0);
        p = target_set_find_process(b->targets, pid);
        cr_assert_not_null(p);
        request.subject.unit = p->unit;
        cr_assert_eq(task_manager_start(b->tasks, &request, clock_monotonic_usec(), &task), 0);
        *ret_before_usec = *used_usec;

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

/* Samples of the loop and of its children, which have its name until they run a program of @name, and how
 * many of their frames are known. */
static uint64_t count_samples(const Profile *profile, const char *name, uint64_t *ret_known) {
        uint64_t n = 0, known = 0;
        ProfileStack *s, *next;

        HASH_ITER(hh, profile_stacks(profile), s, next) {
                const char *thread = profile_thread_name(profile, s->thread);

                if (strcmp(thread, name) != 0 && strcmp(thread, LOOP_NAME) != 0)
                        continue;
                n += s->n_samples;
                if (frame_module(s->frames[s->n_kernel < s->n_frames ? s->n_kernel : 0]) !=
                    PROFILE_MODULE_UNKNOWN)
                        known += s->n_samples;
        }

        *ret_known = known;
        return n;
}

/* One go. Whether nine tenths of the time of the children have samples with a name, and not more than there
 * was. */
static bool try(void (*work)(void), const char *name) {
        volatile usec_t *used_usec;
        usec_t before_usec, all_usec;
        TaskManagerCounters c;
        uint64_t n, n_known;
        double share;
        Recording b;
        pid_t pid;
        Task *t;

        used_usec = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        cr_assert_neq(used_usec, MAP_FAILED);
        recording_open(&b, &(RecordingConfig){ .hz = SAMPLES_HZ, .with_tables = true });

        pid = fork();
        if (pid == 0)
                loop(used_usec, work);
        sleep_usec(100 * USEC_PER_MSEC);

        t = record_unit(&b, pid, used_usec, &before_usec);
        all_usec = *used_usec - before_usec;
        spawn_kill(pid);

        task_manager_counters(b.tasks, &c);
        cr_expect_gt(c.unwind.n_tables, 0);
        cr_expect_eq(c.unwind.n_modules_failed, 0);

        n = count_samples(t->profile, name, &n_known);
        share = (double) n * (double) t->sample_period_nsec / 1000 / (double) all_usec;
        cr_log_info("%.1f %% of the time has samples, %.1f %% of these a known place",
                    100 * share,
                    n > 0 ? 100.0 * (double) n_known / (double) n : 0);
        recording_close(&b);
        return share >= 0.9 && share <= 1.1 && n_known >= n * 9 / 10;
}

/* Other work on the machine takes samples away from children that live so shortly. */
static void check(void (*work)(void), const char *name) {
        bool good = false;

        for (unsigned i = 0; i < ATTEMPTS && !good; i++)
                good = try(work, name);

        cr_expect(good);
}

Test(children, that_live_for_20_ms_are_sampled_and_named) {
        check(burn, LOOP_NAME);
}

#define SHELL_NAME "cprof-test-sh" /* other shells may run as well */

static char shell_path[64];

static void run_shell(void) {
        (void) execl(shell_path, SHELL_NAME, "-c", "i=0; while [ $i -lt 12000 ]; do i=$((i+1)); done", NULL);
        _exit(1);
}

Test(children, that_ran_another_program_are_sampled_and_named) {
        char directory[] = "/tmp/test-children-XXXXXX";

        cr_assert_not_null(mkdtemp(directory));
        (void) snprintf(shell_path, sizeof(shell_path), "%s/" SHELL_NAME, directory);
        cr_assert_eq(symlink("/bin/sh", shell_path), 0);

        check(run_shell, SHELL_NAME);

        (void) unlink(shell_path);
        (void) rmdir(directory);
}
