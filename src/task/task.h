/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/profile-kind.h"
#include "target/target.h"
#include "task/profile.h"

typedef enum TaskState {
        TASK_STATE_PENDING,
        TASK_STATE_RUNNING,
        TASK_STATE_FINISHED, /* ran its whole time, or its target ended */
        TASK_STATE_FAILED,   /* could not run or was interrupted; what was recorded is kept */
        TASK_STATE_STOPPED,  /* by request */
        _TASK_STATE_MAX,
        _TASK_STATE_INVALID = -EINVAL,
} TaskState;
const char *task_state_to_string(TaskState s);
int task_state_from_string(const char *name);

#define TASK_ID_MAX 32U /* with NUL; "20261121T031005-9f3c": start in UTC and four random hex digits */
bool task_id_is_valid(const char *id);

/* Why a task was started: a copy, the policy may be gone later. */
typedef struct TaskCause {
        char *policy;
        char *metric; /* metric_to_string() */
        char *rule;   /* policy_trigger_format() */
        double threshold, value, peak;
        unsigned period_sec, count, hits;
        char *process; /* name of the process it was seen on, "" for a unit */
        pid_t pid;     /* 0 for a unit */
} TaskCause;

/* Frees the texts of @n causes and the array; NULL with 0 is fine. */
void task_causes_free(TaskCause *causes, size_t n);

/* One point in time on both clocks. Zero = not yet. */
typedef struct TaskInstant {
        usec_t monotonic_usec;
        usec_t realtime_usec;
} TaskInstant;

/* What was lost or went wrong while sampling; each by its name. */
typedef struct TaskLosses {
        uint64_t n_ring_full;        /* samples the kernel could not hand over, of any task at that time */
        uint64_t n_no_user_stack;    /* samples with the kernel's part only, or without a stack */
        uint64_t n_unknown_frames;   /* frames in no known mapping */
        uint64_t n_python_mismatch;  /* samples whose native and Python frames did not fit each other */
        uint64_t n_over_cap;         /* samples of stacks beyond PROFILE_STACKS_MAX */
        uint64_t n_processes_missed; /* of the unit, not sampled because too many were already; the worst
                                        tick */
} TaskLosses;

typedef struct Task {
        char id[TASK_ID_MAX];
        ProfileKind kind;
        TaskState state;
        char *reason; /* why it ended, a sentence part: "duration reached", "unit has no processes left" */

        char *unit;          /* unit name */
        char *process;       /* name within the unit, "" for the whole unit */
        ProcessKey key;      /* pid 0 for the whole unit */
        char *exe;           /* of the process, may be NULL */
        char *invocation_id; /* of the unit, may be NULL */

        TaskCause *causes; /* none for a manual run */
        size_t n_causes;

        usec_t duration_usec; /* planned */
        usec_t silence_usec;
        TaskInstant slot_end; /* of the decisive second; zero for a manual run */
        TaskInstant decided, started, ended;
        TaskInstant first_sample, last_sample;

        uint64_t n_samples;
        uint64_t sample_period_nsec; /* the time one sample stands for; 0 = not known */
        TaskLosses losses;
        char *hottest; /* filled by symbolizing: up to three functions "name 61%, …"; may be NULL */

        Profile *profile; /* NULL before the start and after it was written and released */
} Task;

Task *task_free(Task *t);
DEFINE_CLEANUP(Task *, task_free)
/* @realtime_usec and @random16 make the ID. */
int task_new(ProfileKind kind, usec_t realtime_usec, uint16_t random16, Task **ret_task);

/* pending → running → finished|failed|stopped, pending → failed|stopped. -EINVAL for another step. @reason
 * is copied (needed for ends); on -ENOMEM the step is done and the reason is missing. Sets started or ended
 * to @now. */
int task_set_state(Task *t, TaskState state, const char *reason, TaskInstant now);
static inline bool task_is_over(const Task *t) {
        return t->state >= TASK_STATE_FINISHED;
}
