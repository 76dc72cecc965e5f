/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/profile-kind.h"
#include "basic/time-util.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keeps recording within a share of the host, step by step: fewer on-CPU samples, then only longer waits
 * off-CPU, then a task less. Decides only; the caller applies and tells it. Pure: no clock. */

#define BUDGET_PERCENT_DEFAULT 1.0
#define BUDGET_PERCENT_MIN 0.1
#define BUDGET_PERCENT_MAX 100.0

#define GOVERNOR_PATIENCE 2U /* seconds over the budget in a row before something is done */
#define GOVERNOR_THIN_MAX 8U /* of that many samples one is taken */
#define GOVERNOR_TEXT_MAX 192U

/* One task in the second that ended. */
typedef struct GovernorTask {
        bool oncpu, offcpu;             /* what it records; both is possible */
        uint64_t n_samples, n_switches; /* in that second */
        double budget_percent;          /* its own, of the host; 0 = none but that of all */
} GovernorTask;

typedef struct GovernorInput {
        uint64_t wall_nsec; /* how long that second was */
        unsigned n_cpus;
        uint64_t daemon_nsec; /* CPU time of cprofd for recording */
        uint64_t oncpu_nsec;  /* run time of the programs in the kernel */
        uint64_t offcpu_nsec;
        double budget_percent; /* of all together */
        const GovernorTask *tasks;
        size_t n_tasks;
} GovernorInput;

typedef enum GovernorStep {
        GOVERNOR_STEP_NONE,
        GOVERNOR_STEP_THIN,      /* take one on-CPU sample of @thin */
        GOVERNOR_STEP_THRESHOLD, /* stacks of waits of at least @threshold_nsec only */
        GOVERNOR_STEP_STOP,      /* end @task */
} GovernorStep;

typedef struct GovernorAction {
        GovernorStep step;
        unsigned thin;
        uint64_t threshold_nsec;
        size_t task;                  /* index into the input's */
        char text[GOVERNOR_TEXT_MAX]; /* what was done and why, a sentence part */
} GovernorAction;

/* All zeroes is the initial state and that of governor_reset(). */
typedef struct Governor {
        unsigned n_thin, n_threshold; /* steps taken */
        unsigned n_over;              /* seconds over the budget in a row */
} Governor;

/* When no task runs any more. Within one, nothing is taken back: a profile does not change its rate to and
 * fro. */
void governor_reset(Governor *g);

unsigned governor_thin(const Governor *g); /* one sample of so many; 1 = all */
uint64_t governor_threshold_nsec(const Governor *g);

/* Once a second while tasks run. Returns whether there is something to do. A lever of which the kind makes
 * less than a quarter of the cost is left alone. */
bool governor_step(Governor *g, const GovernorInput *in, GovernorAction *ret);

/* What recording took, in percent of the host; of one task by its share of what was recorded, with
 * cprofd's own part divided as that of the kernel is. */
double governor_total_percent(const GovernorInput *in);
double governor_task_percent(const GovernorInput *in, size_t task);
