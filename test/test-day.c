/* SPDX-License-Identifier: Apache-2.0 */
/* A whole day of seconds through windows, rules, triggers and silence, compared with a model that knows
 * nothing of rings, running counts or requests: for each second it counts again, from plain arrays. */
#include "fake/fake-subjects.h"
#include "trigger/trigger.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <time.h>

TestSuite(test_day, .timeout = 60);

#define DAY_SEC 86400U
#define BOOT_SEC 1000U /* second 0 of the day on the monotonic clock */
#define N_PROCESSES 5U
#define N_RULES 3U
#define N_BUSIEST 3U
#define STARTS_MAX 20000U

/* No process, and no task may start. */
#define DEAD_FROM_SEC 30000U
#define DEAD_TO_SEC 31000U /* then its successor is there, under the same name */
#define DEAD_PROCESS (N_PROCESSES - 1)
#define BUSY_FROM_SEC 50000U
#define BUSY_TO_SEC 52000U

typedef struct Start {
        unsigned second, process, duration_sec, silence_sec, n_causes;
} Start;

typedef struct Starts {
        Start starts[STARTS_MAX];
        size_t n;
} Starts;

static const struct {
        const char *name, *text;
        Metric metric;
        double threshold;
        unsigned period, count, duration_sec, silence_sec;
} rules[N_RULES] = {
        { "cpu",
          "[Policy]\nUnit=*\nDuration=1min\nSilence=20min\n"
          "[Trigger]\nMetric=process-cpu\nThreshold=80%\nPeriod=10s\nCount=5\n",
          METRIC_PROCESS_CPU,
          80,
          10,
          5,
          60,
          1200 },
        { "load",
          "[Policy]\nUnit=*\nDuration=2min\nSilence=30min\n"
          "[Trigger]\nMetric=system-load\nThreshold=4\nPeriod=30s\nCount=12\n",
          METRIC_SYSTEM_LOAD,
          4,
          30,
          12,
          120,
          1800 },
        { "threads",
          "[Policy]\nUnit=*\nDuration=10min\nSilence=5min\n"
          "[Trigger]\nMetric=process-thread-count\nThreshold=50\nPeriod=60s\nCount=20\n",
          METRIC_PROCESS_THREAD_COUNT,
          50,
          60,
          20,
          600,
          300 },
};

/* NAN where there is no value. */
static double values[DAY_SEC][N_PROCESSES][_METRIC_MAX];

static bool process_exists(unsigned process, unsigned second) {
        return process != DEAD_PROCESS || second < DEAD_FROM_SEC || second >= DEAD_TO_SEC;
}

/* Its first second, in which it has no values. */
static bool process_is_fresh(unsigned process, unsigned second) {
        return second == 0 || (process == DEAD_PROCESS && second == DEAD_TO_SEC);
}

/* Calm with bursts of seconds to minutes, now and then a missing value. @bursts is one per series: the
 * second it ends. */
static double next_value(uint64_t *state, unsigned second, unsigned *burst_end, double calm, double high) {
        double fraction = fake_random_below(state, 1000000) / 1e6;

        if (second >= *burst_end && fake_random_below(state, 900) == 0)
                *burst_end = second + 1 + fake_random_below(state, 500);
        if (fake_random_below(state, 500) == 0)
                return NAN;
        if (second < *burst_end && fake_random_below(state, 4) > 0)
                return high * (0.8 + fraction / 2);

        return calm * fraction;
}

static void make_values(void) {
        unsigned burst_ends[N_PROCESSES][_METRIC_MAX] = {}, load_burst_end = 0;
        uint64_t state = UINT64_C(0x5eed);

        for (unsigned second = 0; second < DAY_SEC; second++) {
                double load = next_value(&state, second, &load_burst_end, 3.9, 5);

                for (unsigned i = 0; i < N_PROCESSES; i++) {
                        double *v = values[second][i];
                        unsigned *ends = burst_ends[i];

                        v[METRIC_PROCESS_CPU] =
                                        next_value(&state, second, ends + METRIC_PROCESS_CPU, 60, 100);
                        v[METRIC_PROCESS_THREAD_COUNT] = rint(next_value(
                                        &state, second, ends + METRIC_PROCESS_THREAD_COUNT, 40, 60));
                        v[METRIC_SYSTEM_LOAD] = load;
                        if (process_exists(i, second) && !process_is_fresh(i, second))
                                continue;
                        for (unsigned m = 0; m < _METRIC_MAX; m++)
                                v[m] = NAN;
                }
        }
}

/* The model. */

static bool rule_holds(unsigned rule, unsigned process, unsigned second) {
        unsigned hits = 0;

        if (!process_exists(process, second))
                return false;

        for (unsigned age = 0; age < rules[rule].period && age <= second; age++) {
                /* Another process before: its seconds count for nothing. */
                if (!process_exists(process, second - age))
                        break;
                hits += values[second - age][process][rules[rule].metric] >= rules[rule].threshold;
        }

        return hits >= rules[rule].count;
}

/* How many of those for which the load rule holds in that second use more CPU than @process. */
static unsigned n_busier(unsigned process, unsigned second, unsigned load_rule) {
        unsigned n = 0;

        for (unsigned i = 0; i < N_PROCESSES; i++)
                n += values[second][i][METRIC_PROCESS_CPU] > values[second][process][METRIC_PROCESS_CPU] &&
                                rule_holds(load_rule, i, second);

        return n;
}

static bool rule_counts(unsigned rule, unsigned process, unsigned second) {
        if (!rule_holds(rule, process, second))
                return false;
        if (rules[rule].metric != METRIC_SYSTEM_LOAD)
                return true;

        return values[second][process][METRIC_PROCESS_CPU] > 0 &&
                        n_busier(process, second, rule) < N_BUSIEST;
}

static void run_model(Starts *ret) {
        unsigned silent_until[N_PROCESSES] = {}, running_until[N_PROCESSES] = {};

        for (unsigned second = 0; second < DAY_SEC; second++)
                for (unsigned i = 0; i < N_PROCESSES; i++) {
                        Start start = { .second = second, .process = i };

                        for (unsigned rule = 0; rule < N_RULES; rule++) {
                                if (!rule_counts(rule, i, second))
                                        continue;
                                start.n_causes++;
                                start.duration_sec = MAX_OF(start.duration_sec, rules[rule].duration_sec);
                                start.silence_sec = MAX_OF(start.silence_sec, rules[rule].silence_sec);
                        }

                        if (start.n_causes == 0 || second < silent_until[i] || second < running_until[i])
                                continue;
                        if (second >= BUSY_FROM_SEC && second < BUSY_TO_SEC)
                                continue;

                        silent_until[i] = second + start.silence_sec;
                        running_until[i] = second + start.duration_sec;
                        cr_assert_lt(ret->n, STARTS_MAX);
                        ret->starts[ret->n++] = start;
                }
}

/* The real thing. */

typedef struct World {
        Monitor monitor;
        Cooldown *cooldown;
        Trigger *trigger;
        WatchSet *set;
        Unit unit;
        Process processes[N_PROCESSES];
        unsigned running_until[N_PROCESSES];
        unsigned second; /* of the day, the one that just closed */
        Starts *starts;
} World;

static unsigned index_of(const World *w, const Process *p) {
        return (unsigned) (p - w->processes);
}

static double world_value(Metric metric, Subject subject, const UriRule *uri, void *userdata) {
        World *w = userdata;

        return values[w->second][index_of(w, subject.process)][metric];
}

static bool world_is_running(Subject subject, ProfileKind kind, void *userdata) {
        World *w = userdata;

        return w->second < w->running_until[index_of(w, subject.process)];
}

static bool world_is_alive(const Process *p, void *userdata) {
        return true;
}

static int world_start(const TriggerRequest *q, void *userdata) {
        World *w = userdata;
        unsigned i = index_of(w, q->subject.process);

        if (w->second >= BUSY_FROM_SEC && w->second < BUSY_TO_SEC)
                return -EBUSY;

        cr_assert_lt(w->starts->n, STARTS_MAX);
        w->starts->starts[w->starts->n++] = (Start){
                .second = w->second,
                .process = i,
                .duration_sec = (unsigned) (q->duration_usec / USEC_PER_SEC),
                .silence_sec = (unsigned) (q->silence_usec / USEC_PER_SEC),
                .n_causes = (unsigned) q->n_causes,
        };
        w->running_until[i] = w->second + (unsigned) (q->duration_usec / USEC_PER_SEC);
        return 0;
}

static void world_on_cause(const Cause *cause, void *userdata) {
        World *w = userdata;

        trigger_add(w->trigger, cause);
}

static void world_init(World *w, Starts *starts) {
        static const char *const names[N_PROCESSES] = { "w", "w#2", "w#3", "w#4", "w#5" };
        const TriggerOps ops = {
                .is_running = world_is_running,
                .is_alive = world_is_alive,
                .start = world_start,
                .userdata = w,
        };

        *w = (World){ .starts = starts, .unit = fake_unit("a.service", NULL) };
        monitor_init(&w->monitor, NULL, NULL);
        cr_assert_eq(cooldown_new(&w->cooldown), 0);
        cr_assert_eq(trigger_new(w->cooldown, &ops, &w->trigger), 0);
        cr_assert_eq(watch_set_new(&w->monitor, &w->set), 0);
        watch_set_set_source(w->set, world_value, w);

        for (unsigned i = 0; i < N_RULES; i++) {
                _cleanup_(policy_unrefp) Policy *p = fake_policy(rules[i].name, rules[i].text);

                cr_assert_eq(watch_set_add_policy(w->set, p), 0);
        }
        for (unsigned i = 0; i < N_PROCESSES; i++) {
                w->processes[i] = fake_process((pid_t) i + 1, names[i], &w->unit);
                cr_assert_eq(watch_set_add_process(w->set, w->processes + i), 0);
        }
}

static void world_done(World *w) {
        watch_set_free(w->set);
        trigger_free(w->trigger);
        cooldown_free(w->cooldown);
}

/* Who comes and goes in this second, and what the processes that are there have used. */
static void world_refresh(World *w) {
        Process *mortal = w->processes + DEAD_PROCESS;

        if (w->second == DEAD_FROM_SEC)
                watch_set_remove_process(w->set, mortal);
        if (w->second == DEAD_TO_SEC) {
                *mortal = fake_process(77, "w#5", &w->unit);
                cr_assert_eq(watch_set_add_process(w->set, mortal), 0);
        }

        for (unsigned i = 0; i < N_PROCESSES; i++) {
                double percent = values[w->second][i][METRIC_PROCESS_CPU];

                w->processes[i].fresh = process_is_fresh(i, w->second);
                if (isnan(percent))
                        w->processes[i].now = w->processes[i].before = (CpuSample){};
                else
                        fake_process_use_cpu(w->processes + i, percent);
        }
}

static void run_world(Starts *ret) {
        World w;

        world_init(&w, ret);
        for (w.second = 0; w.second < DAY_SEC; w.second++) {
                usec_t slot_end_usec = (BOOT_SEC + w.second + 1) * USEC_PER_SEC;

                world_refresh(&w);
                trigger_begin(w.trigger, slot_end_usec);
                watch_set_tick(w.set, slot_end_usec, world_on_cause, &w);
                (void) trigger_commit(w.trigger);
                cooldown_forget_expired(w.cooldown, slot_end_usec);
        }
        world_done(&w);
}

static int compare_starts(const void *a, const void *b) {
        const Start *x = a, *y = b;

        if (x->second != y->second)
                return x->second < y->second ? -1 : 1;

        return (x->process > y->process) - (x->process < y->process);
}

static double seconds_now(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

Test(test_day, the_tasks_of_a_day_are_those_of_the_model) {
        static Starts expected, starts;
        unsigned n_of_rule_mixes[N_RULES + 1] = {};
        double began;

        make_values();
        run_model(&expected);

        began = seconds_now();
        run_world(&starts);
        (void) fprintf(stderr,
                       "# a day of %u seconds took %.3f s, %zu tasks\n",
                       DAY_SEC,
                       seconds_now() - began,
                       starts.n);

        /* Within a second the order is the trigger's own business. */
        qsort(starts.starts, starts.n, sizeof(starts.starts[0]), compare_starts);
        for (size_t i = 0; i < MIN_OF(starts.n, expected.n); i++) {
                const Start *is = starts.starts + i, *should = expected.starts + i;

                cr_assert_eq(memcmp(is, should, sizeof(*is)),
                             0,
                             "start %zu: second %u process %u %us/%us %u causes, "
                             "not second %u process %u %us/%us %u causes",
                             i,
                             is->second,
                             is->process,
                             is->duration_sec,
                             is->silence_sec,
                             is->n_causes,
                             should->second,
                             should->process,
                             should->duration_sec,
                             should->silence_sec,
                             should->n_causes);
                n_of_rule_mixes[is->n_causes]++;
        }
        cr_expect_eq(starts.n, expected.n);

        /* A day in which nothing happens would prove nothing. */
        cr_expect_gt(expected.n, 100);
        cr_expect_gt(n_of_rule_mixes[1], 10);
        cr_expect_gt(n_of_rule_mixes[2], 10);
}
