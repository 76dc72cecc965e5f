/* SPDX-License-Identifier: Apache-2.0 */
#include "bench-policies-eval.h"

#include "fake/fake-subjects.h"
#include "policy/watch-set.h"

#include <string.h>
#include <utlist.h>

#define SUBJECTS 1000U
#define PROCESSES_PER_UNIT 5U
#define SECONDS 600U
#define SECONDS_WARM 100U /* until all windows are full */
#define POLICIES_MANY 1000U

typedef struct World {
        Monitor monitor;
        WatchSet *set;
        Unit root, units[SUBJECTS];
        Process processes[SUBJECTS * PROCESSES_PER_UNIT];
        char unit_names[SUBJECTS][32];
        Policy *policies[POLICIES_MANY];
        size_t n_policies, n_causes;
} World;

static void must(int r) {
        if (r < 0) {
                (void) fprintf(stderr, "bench-policies: %s\n", strerror(-r));
                exit(EXIT_FAILURE);
        }
}

static World *world_new(void) {
        World *w = calloc(1, sizeof(*w));

        if (!w)
                must(-ENOMEM);

        w->root = fake_unit("-.slice", NULL);
        monitor_init(&w->monitor, NULL, NULL);
        w->monitor.load1 = 0.7;

        for (unsigned i = 0; i < SUBJECTS; i++) {
                Unit *u = w->units + i;

                (void) snprintf(w->unit_names[i], sizeof(w->unit_names[i]), "app-%u.service", i);
                *u = fake_unit(w->unit_names[i], &w->root);
        }

        for (unsigned i = 0; i < ELEMENTSOF(w->processes); i++) {
                Process *p = w->processes + i;
                Unit *u = w->units + i % SUBJECTS;

                *p = fake_process((pid_t) i + 1, "app", u);
                p->n_threads = 1 + i % 7;
                DL_APPEND2(u->processes, p, unit_prev, unit_next);
        }

        must(watch_set_new(&w->monitor, &w->set));
        return w;
}

static void world_free(World *w) {
        watch_set_free(w->set);
        for (size_t i = 0; i < w->n_policies; i++)
                policy_unref(w->policies[i]);
        free(w);
}

static void world_add_policy(World *w, const char *name, const char *text) {
        Policy *p = fake_policy(name, text);

        w->policies[w->n_policies++] = p;
        must(watch_set_add_policy(w->set, p));
}

/* One second later; CPU use wanders between 0 and 60 percent, and one in a hundred is over the threshold. */
static void world_run(World *w, unsigned second) {
        usec_t now_usec = second * USEC_PER_SEC;

        for (unsigned i = 0; i < SUBJECTS; i++) {
                uint64_t percent = i % 100 == 99 ? 95 : (i * 7 + second * 13) % 60;
                Process *p = w->processes + i;
                Unit *u = w->units + i;

                p->before = u->before = p->now;
                p->now.at_usec = now_usec;
                p->now.cpu_ns += percent * NSEC_PER_SEC / 100;
                u->now = p->now;
        }
}

static void on_cause(const Cause *cause, void *userdata) {
        World *w = userdata;

        w->n_causes++;
}

static double world_median_tick_usec(World *w) {
        double usec[SECONDS];

        for (unsigned second = 0; second < SECONDS_WARM + SECONDS; second++) {
                double start;

                world_run(w, second + 1);
                start = bench_now_ms();
                watch_set_tick(w->set, (second + 1) * USEC_PER_SEC, on_cause, w);
                if (second >= SECONDS_WARM)
                        usec[second - SECONDS_WARM] = (bench_now_ms() - start) * 1000;
        }

        if (w->n_causes == 0)
                must(-ENODATA); /* a bench of nothing */

        return bench_median(usec, SECONDS);
}

static void bench_units(Bench *b) {
        World *w = world_new();

        world_add_policy(
                        w,
                        "units",
                        "[Policy]\nUnit=app-*.service\nScope=unit\n"
                        "[Trigger]\nWhen=process-cpu >= 80% for 10 of 60s\n"
                        "[Trigger]\nWhen=process-cpu >= 300% for 3 of 10s\n"
                        "[Trigger]\nWhen=process-thread-count >= 500 for 5 of 10s\n"
                        "[Trigger]\nWhen=system-load >= 8 for 30 of 60s\n");
        for (unsigned i = 0; i < SUBJECTS; i++)
                must(watch_set_add_unit(w->set, w->units + i));

        bench_figure(b,
                     "tick of 1000 units x 4 rules",
                     world_median_tick_usec(w),
                     "us",
                     2000,
                     /* goal_is_max= */ true,
                     "1000 units of 5 processes, windows of 10 to 60 s, 1 in 100 over its threshold");
        world_free(w);
}

static void bench_processes(Bench *b) {
        World *w = world_new();

        world_add_policy(w, "a", "[Policy]\nUnit=*\n[Trigger]\nWhen=process-cpu >= 80% for 10 of 60s\n");
        world_add_policy(
                        w,
                        "b",
                        "[Policy]\nUnit=*\n[Trigger]\nWhen=process-thread-count >= 500 for 5 of 10s\n");
        world_add_policy(w, "c", "[Policy]\nUnit=*\n[Trigger]\nWhen=system-load >= 8 for 30 of 60s\n");
        for (unsigned i = 0; i < SUBJECTS; i++)
                must(watch_set_add_process(w->set, w->processes + i));

        bench_figure(b,
                     "tick of 1000 processes x 3 rules",
                     world_median_tick_usec(w),
                     "us",
                     150,
                     /* goal_is_max= */ true,
                     "1000 processes, three policies of one rule, windows of 10 to 60 s, "
                     "1 in 100 over its threshold");
        world_free(w);
}

/* 1 in 100 answers slowly. */
static double response_time(Metric metric, Subject subject, const UriRule *uri, void *userdata) {
        return subject.process->key.pid % 100 == 0 ? 400 : uri->text[1];
}

static void bench_requests(Bench *b) {
        World *w = world_new();

        watch_set_set_source(w->set, response_time, w);
        world_add_policy(
                        w,
                        "a",
                        "[Policy]\nUnit=*\n[Trigger]\n"
                        "When=http-avg-response-time >= 250ms for 10 of 60s on /orders /pay /cart\n");
        for (unsigned i = 0; i < SUBJECTS; i++)
                must(watch_set_add_process(w->set, w->processes + i));

        bench_figure(b,
                     "tick of 1000 processes x 3 paths",
                     world_median_tick_usec(w),
                     "us",
                     150,
                     /* goal_is_max= */ true,
                     "1000 processes, a window of 60 s for each path, 1 in 100 over its threshold; without "
                     "reading the values");
        world_free(w);
}

/* What a burst of forks costs on a host with many policies. */
static void bench_matching(Bench *b) {
        World *w = world_new();
        double start;

        for (unsigned i = 0; i < POLICIES_MANY; i++) {
                char name[32], text[256];

                (void) snprintf(name, sizeof(name), "p%u", i);
                (void) snprintf(text,
                                sizeof(text),
                                "[Policy]\nUnit=app-%u.service app-%u@*.service\n"
                                "Exe=/usr/bin/* /opt/app-%u/bin/*\n"
                                "[Trigger]\nWhen=process-thread-count >= 500 for 5 of 10s\n",
                                i,
                                i,
                                i);
                world_add_policy(w, name, text);
        }

        start = bench_now_ms();
        for (unsigned i = 0; i < SUBJECTS; i++) {
                w->processes[i].exe = (char *) "/usr/bin/app";
                must(watch_set_add_process(w->set, w->processes + i));
        }
        bench_figure(b,
                     "new process with 1000 policies",
                     (bench_now_ms() - start) * 1000 / SUBJECTS,
                     "us",
                     BENCH_NO_GOAL,
                     /* goal_is_max= */ true,
                     "1000 processes, each of another unit and matched by one of 1000 policies");
        if (watch_set_n_rules(w->set) != SUBJECTS)
                must(-ENODATA);
        world_free(w);
}

void bench_policies_eval(Bench *b) {
        bench_units(b);
        bench_processes(b);
        bench_requests(b);
        bench_matching(b);
}
