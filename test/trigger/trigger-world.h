/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "trigger/trigger.h"

#include "fake/fake-subjects.h"

#include <criterion/criterion.h>

#define STARTED_MAX 512U
#define RULES                                                                \
        "[Trigger]\nMetric=process-cpu\nThreshold=80%\nPeriod=5s\nCount=2\n" \
        "[Trigger]\nMetric=system-load\nThreshold=4\nPeriod=5s\nCount=2\n"   \
        "[Trigger]\nMetric=system-load\nThreshold=8\nPeriod=5s\nCount=2\n"

enum { CPU_RULE, LOAD_RULE, LOAD_RULE_HIGHER };

/* A trigger whose operations answer as told and note what was started. */
typedef struct World {
        Cooldown *cooldown;
        Trigger *trigger;
        Unit unit;
        Process processes[8];
        Policy *policy, *other; /* 1 min of recording, 10 min of silence; 2 and 5 */

        int start_result;
        const Process *dead;
        bool unit_is_running; /* set by the start of a unit's task */
        bool all_are_running;
        ProfileKinds running; /* for any subject */

        TriggerRequest started[STARTED_MAX];
        size_t n_started;
} World;

static inline bool world_is_running(Subject subject, ProfileKind kind, void *userdata) {
        World *w = userdata;

        return w->all_are_running || w->unit_is_running || (w->running & PROFILE_KIND_BIT(kind));
}

static inline bool world_is_alive(const Process *p, void *userdata) {
        World *w = userdata;

        return p != w->dead;
}

static inline int world_start(const TriggerRequest *request, void *userdata) {
        World *w = userdata;

        cr_assert_lt(w->n_started, STARTED_MAX);
        w->started[w->n_started++] = *request;
        if (request->subject.unit && w->start_result >= 0)
                w->unit_is_running = true;

        return w->start_result;
}

static const char *const names[] = { "w", "w#2", "w#3", "w#4", "w#5", "w#6", "w#7", "w#8" };

static inline World *world_new(void) {
        World *w = calloc(1, sizeof(*w));
        const TriggerOps ops = {
                .is_running = world_is_running,
                .is_alive = world_is_alive,
                .start = world_start,
                .userdata = w,
        };

        cr_assert_not_null(w);
        w->unit = fake_unit("a.service", NULL);
        for (size_t i = 0; i < ELEMENTSOF(w->processes); i++)
                w->processes[i] = fake_process((pid_t) i + 1, names[i], &w->unit);
        w->policy = fake_policy("one", "[Policy]\nUnit=*\nDuration=1min\nSilence=10min\n" RULES);
        w->other = fake_policy("two", "[Policy]\nUnit=*\nDuration=2min\nSilence=5min\n" RULES);
        cr_assert_eq(cooldown_new(&w->cooldown), 0);
        cr_assert_eq(trigger_new(w->cooldown, &ops, &w->trigger), 0);
        return w;
}

static inline World *world_free(World *w) {
        trigger_free(w->trigger);
        cooldown_free(w->cooldown);
        policy_unref(w->policy);
        policy_unref(w->other);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(World *, world_free)

static inline void world_begin(World *w, unsigned second) {
        w->n_started = 0;
        trigger_begin(w->trigger, second * USEC_PER_SEC);
}

static inline void world_add(World *w, Subject subject, Policy *policy, size_t rule) {
        const Cause cause = {
                .policy = policy,
                .trigger = policy->triggers + rule,
                .subject = subject,
                .hits = 3,
                .value = 90,
                .peak = 95,
        };

        trigger_add(w->trigger, &cause);
}

static inline void world_add_process(World *w, size_t i, Policy *policy, size_t rule) {
        world_add(w, (Subject){ .process = w->processes + i }, policy, rule);
}

/* One cause of one process in one second; returns the number of tasks started. */
static inline unsigned world_second(World *w, unsigned second, size_t i, Policy *policy) {
        world_begin(w, second);
        world_add_process(w, i, policy, CPU_RULE);
        return trigger_commit(w->trigger);
}
