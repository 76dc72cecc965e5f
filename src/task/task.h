/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/profile-kind.h"
#include "cprof-abi.h"
#include "target/target.h"
#include "task/profile.h"

typedef enum TaskState {
        TASK_STATE_PENDING,
        TASK_STATE_RUNNING,
        TASK_STATE_FINISHED, /* ran its whole time, or its target ended */
        TASK_STATE_FAILED,   /* could not run or was interrupted; what was recorded is kept */
        TASK_STATE_STOPPED,  /* by request, or because recording cost too much */
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
        char *metric;    /* metric_to_string() */
        char *rule;      /* policy_trigger_format() */
        char *uri;       /* of HTTP metrics: which requests, a path … */
        char *uri_regex; /* … or a regular expression; both NULL: all of them */
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
        uint64_t n_ring_full;         /* samples the kernel could not hand over, of any task at that time */
        uint64_t n_no_user_stack;     /* samples with the kernel's part only, or without a stack */
        uint64_t n_unknown_frames;    /* frames in no known mapping */
        uint64_t n_python_mismatch;   /* samples whose native and Python frames did not fit each other */
        uint64_t n_over_cap;          /* samples of stacks beyond PROFILE_STACKS_MAX */
        uint64_t n_processes_missed;  /* of the unit, not sampled because too many were already; the worst
                                         tick */
        uint64_t n_offcpu_table_full; /* waits that were not counted */
} TaskLosses;

/* How good the stacks are. */
typedef struct TaskQuality {
        uint64_t n_stacks_user;       /* stacks taken that have a user part */
        uint64_t ends[CPROF_END_MAX]; /* of all stacks taken: how the walk ended, by enum cprof_unwind_end */
        uint64_t n_frames;            /* as often as they were seen; filled by symbolizing */
        uint64_t n_frames_named;      /* ditto */
        uint64_t n_python_frames;     /* functions of the interpreted program */
} TaskQuality;

/* What recording cost, from the start to the end of the task; other work of cprofd in that time is in it. */
typedef struct TaskCost {
        uint64_t daemon_cpu_nsec; /* CPU time of cprofd */
        uint64_t bpf_nsec;        /* run time of its programs in the kernel; 0 = not measured */
        uint64_t wall_nsec;
        uint64_t n_cpus;
        uint64_t host_share_ppm; /* of all CPUs of the host, both together */
} TaskCost;

/* What the threads waited, whether or not their stacks were taken. */
typedef struct TaskOffcpu {
        uint64_t n_switches, offcpu_nsec;     /* blocked */
        uint64_t sleep_nsec, disk_nsec;       /* of that, by state; the rest: stopped, traced */
        uint64_t max_nsec;                    /* the longest wait */
        uint64_t n_run_queue, run_queue_nsec; /* ready to run, waiting for a CPU */
        uint64_t n_rate_limited;              /* of n_switches: without a stack */
} TaskOffcpu;

/* What SkyWalking's OAP knows of one kind of a task. Both NULL: it was not told, or has not answered. */
typedef struct TaskOap {
        char *id;      /* OAP's own of it */
        char *refused; /* why it will never have one, a sentence part */
} TaskOap;

/* A task has one profile of what it recorded, and may have one of the time before it was started. */
typedef enum TaskPart {
        TASK_PART_RECORDED,
        TASK_PART_BEFORE,
        _TASK_PART_MAX,
} TaskPart;

typedef struct Task {
        char id[TASK_ID_MAX];
        ProfileKinds kinds; /* recorded; if it could not start: asked for */
        char *left_out;     /* kinds that were asked for but not recorded, and why; NULL = none */
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
        TaskQuality quality;
        TaskCost cost;
        TaskOffcpu offcpu;
        char *kernel_path; /* how the kernel walked stacks: "eh-frame", "frame-pointers"; NULL = not known */
        char *thinned;     /* what was changed to keep the cost in bounds, a sentence; NULL = nothing */
        char *hottest;     /* filled by symbolizing: up to three functions "name 61%, …"; may be NULL */

        TaskOap oap[_PROFILE_KIND_MAX];

        Profile *profile; /* NULL before the start and after it was written and released */

        /* What the recorder has of the time before: samples at a rate of their own. */
        Profile *before; /* NULL = nothing */
        uint64_t n_before_samples, before_period_nsec;
        TaskInstant before_first_sample;
} Task;

Task *task_free(Task *t);
DEFINE_CLEANUP(Task *, task_free)
/* @realtime_usec and @random16 make the ID. */
int task_new(ProfileKinds kinds, usec_t realtime_usec, uint16_t random16, Task **ret_task);

/* pending → running → finished|failed|stopped, pending → failed|stopped. -EINVAL for another step. @reason
 * is copied (needed for ends); on -ENOMEM the step is done and the reason is missing. Sets started or ended
 * to @now. */
int task_set_state(Task *t, TaskState state, const char *reason, TaskInstant now);
static inline bool task_is_over(const Task *t) {
        return t->state >= TASK_STATE_FINISHED;
}

/* One of @id and @refused; copied. Returns 1, or 0 when that was known already; -ENOMEM: as before. */
int task_set_oap(Task *t, ProfileKind kind, const char *id, const char *refused);

/* "root", "no-mapping", …; NULL beyond CPROF_END_MAX. */
const char *task_end_to_string(unsigned end);

/* Of the stacks with a user part, how many are known to reach the outermost function: 0…100. Negative: there
 * are none. */
double task_quality_complete_percent(const Task *t);
/* Of the frames, how many have a name. Negative: there are none. */
double task_quality_named_percent(const Task *t);
/* Of the host's CPU time. Negative: not measured. */
double task_cost_percent(const Task *t);
