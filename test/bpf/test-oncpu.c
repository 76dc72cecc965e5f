/* SPDX-License-Identifier: Apache-2.0 */
/* From a running program to named shares: probe, task, symbol together. */
#include "bpf/recording.h"
#include "bpf/spawn.h"

#include "host/clock.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(oncpu, .timeout = 120);

static const RecordingConfig config = { .hz = 99 };

/* Percent of samples with @function on top among those in user space. */
static double share(const Profile *profile, const Symbols *symbols, const char *function) {
        uint64_t hits = 0, all = 0;
        ProfileStack *s, *next;

        HASH_ITER(hh, profile_stacks(profile), s, next) {
                if (s->n_kernel > 0 || s->n_frames == 0)
                        continue;
                all += s->n_samples;
                if (strcmp(symbols_name(symbols, s->frames[0]).name, function) == 0)
                        hits += s->n_samples;
        }

        return 100.0 * (double) hits / (double) all;
}

Test(oncpu, known_shares_come_out_within_three_points) {
        static const struct {
                const char *function;
                double percent;
        } known[] = { { "resize_images", 60 }, { "render_template", 30 }, { "parse_headers", 10 } };
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        pid_t pid = spawn_workload(2);
        Recording b;
        Task *t;

        recording_open(&b, &config);
        sleep_usec(100 * USEC_PER_MSEC);
        t = recording_run(&b, pid, PROFILE_KIND_ON_CPU, 8 * USEC_PER_SEC);

        cr_assert_eq(t->state, TASK_STATE_FINISHED, "%s", t->reason);
        cr_expect_gt(t->n_samples, 400, "the machine may have one CPU, and other work");
        cr_expect_eq(t->losses.n_ring_full, 0);

        symbols = recording_names(&b);
        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                double percent = share(t->profile, symbols, known[i].function);

                cr_expect(fabs(percent - known[i].percent) <= 3,
                          "%s: %.1f %%, expected %.0f %%",
                          known[i].function,
                          percent,
                          known[i].percent);
        }

        spawn_kill(pid);
        recording_close(&b);
}

Test(oncpu, callers_are_named_up_to_main) {
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        uint64_t with_caller = 0, all = 0;
        pid_t pid = spawn_workload(1);
        ProfileStack *s, *next;
        Recording b;
        Task *t;

        recording_open(&b, &config);
        sleep_usec(100 * USEC_PER_MSEC);
        t = recording_run(&b, pid, PROFILE_KIND_ON_CPU, 2 * USEC_PER_SEC);
        symbols = recording_names(&b);

        HASH_ITER(hh, profile_stacks(t->profile), s, next) {
                bool request = false, outermost = false;

                for (unsigned i = s->n_kernel; i < s->n_frames; i++) {
                        request |= strcmp(symbols_name(symbols, s->frames[i]).name, "handle_request") == 0;
                        outermost |= strcmp(symbols_name(symbols, s->frames[i]).name, "main") == 0;
                }
                all += s->n_samples;
                if (request && outermost)
                        with_caller += s->n_samples;
        }

        cr_expect_gt((double) with_caller, 0.95 * (double) all);
        spawn_kill(pid);
        recording_close(&b);
}

Test(oncpu, threads_are_told_apart_by_name) {
        uint64_t n_worker = 0, n_main = 0;
        pid_t pid = spawn_workload(2);
        ProfileStack *s, *next;
        Recording b;
        Task *t;

        recording_open(&b, &config);
        sleep_usec(100 * USEC_PER_MSEC);
        t = recording_run(&b, pid, PROFILE_KIND_ON_CPU, 2 * USEC_PER_SEC);

        HASH_ITER(hh, profile_stacks(t->profile), s, next) {
                const char *name = profile_thread_name(t->profile, s->thread);

                if (strcmp(name, "worker-1") == 0)
                        n_worker += s->n_samples;
                else if (strcmp(name, "workload") == 0)
                        n_main += s->n_samples;
        }

        cr_expect_eq(n_main + n_worker, t->n_samples);
        cr_expect_gt(n_worker, t->n_samples / 5);
        cr_expect_gt(n_main, t->n_samples / 5);
        spawn_kill(pid);
        recording_close(&b);
}

Test(oncpu, a_process_that_exits_ends_its_task_with_its_data) {
        pid_t pid = spawn_workload(1);
        TaskRequest request = { .kinds = PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU),
                                .duration_usec = USEC_PER_MINUTE };
        Recording b;
        Task *task;

        recording_open(&b, &config);
        sleep_usec(100 * USEC_PER_MSEC);
        cr_assert_eq(target_set_refresh(b.targets, clock_monotonic_usec()), 0);
        request.subject.process = target_set_find_process(b.targets, pid);
        cr_assert_eq(task_manager_start(b.tasks, &request, clock_monotonic_usec(), &task), 0);

        sleep_usec(500 * USEC_PER_MSEC);
        spawn_kill(pid);
        cr_assert_eq(target_set_refresh(b.targets, clock_monotonic_usec()), 0);
        task_manager_tick(b.tasks, clock_monotonic_usec());

        cr_assert_not_null(b.ended);
        cr_expect_eq(b.ended->state, TASK_STATE_FINISHED);
        cr_expect_gt(b.ended->n_samples, 5, "samples still in the ring belong to it");
        recording_close(&b);
}
