/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/analysis.h"
#include "oap/oap-run.h"

/* A host on a simulated clock: processes that OAP knows, recordings of them, an OAP that has tasks, and what
 * it is told of each run. It has functions of oap-registry.c and oap-forward.c of its own. */

#define BED_PROCESSES 4U
#define BED_RECORDINGS_MAX 512U
#define BED_TASKS_MAX 512U
#define BED_TOLD_MAX 512U
#define BED_START_MS INT64_C(1795230605000)

/* A task that an operator asked OAP for, on one process. Times by OAP's clock. */
typedef struct BedTask {
        char task[32], process[16];
        const char *target, *trigger;
        int64_t update_ms, start_ms, duration_sec;
        bool is_unknown_process; /* of another host's, or of one that is gone */
} BedTask;

/* A task of ours. */
typedef struct BedRecording {
        Task *task;
        unsigned process;
        usec_t until_usec;
        Symbols *early;      /* names of a while ago */
        usec_t deliver_usec; /* when it is over and named; 0: it runs */
        uint64_t n_recorded[_PROFILE_KIND_MAX];
} BedRecording;

/* What OAP was told of one run. */
typedef struct BedTold {
        char task[32]; /* OAP's id, or ours of a task that was triggered */
        bool is_ours;
        OapTarget target;
        char process[32];
        pid_t pid;
        int64_t start_ms, last_ms;
        size_t n_flushes;
        Analysis analysis;
} BedTold;

typedef struct BedReport {
        char ours[TASK_ID_MAX];
        OapTarget target;
        char process[32];
        pid_t pid;
        int64_t at_ms;
        uint8_t *message;
        size_t size;
} BedReport;

typedef struct RunBed {
        usec_t now_usec;
        int64_t wall_ms;  /* added to the monotonic clock */
        int64_t ahead_ms; /* OAP's clock */
        uint64_t random;

        OapTransport *transport; /* the client's */
        OapClient *client;
        OapRuns *runs;
        bool is_silent;   /* OAP does not answer */
        bool is_broken;   /* it answers OK and nothing: its storage has trouble */
        int64_t since_ms; /* of the last query */
        char agent[64];   /* ditto */

        Process processes[BED_PROCESSES];
        Identity identities[BED_PROCESSES];
        bool is_gone[BED_PROCESSES];

        BedTask tasks[BED_TASKS_MAX];
        size_t n_tasks;

        BedRecording recordings[BED_RECORDINGS_MAX];
        size_t n_recordings;
        usec_t delay_usec; /* of the last data of a recording that is over */
        bool is_late;      /* data of those that run does not come */
        bool has_no_names; /* nor new names with it */
        int start_error;
        const char *start_message;
        unsigned n_starts, n_start_calls;
        usec_t started_usec; /* duration of the last one */

        BedTold told[BED_TOLD_MAX];
        size_t n_told;
        BedReport reports[64];
        size_t n_reports;
        int forward_error;
        bool is_counted_only; /* what is told is not looked at, and takes no memory */
        size_t n_counted;

        /* For each second and recording, before what it recorded is in: @n of that kind. */
        void (*recorded)(struct RunBed *b, unsigned process, ProfileKind kind, uint64_t n, void *userdata);
        void *userdata;
} RunBed;

RunBed *run_bed_new(void);
RunBed *run_bed_free(RunBed *b);
DEFINE_CLEANUP(RunBed *, run_bed_free)

int64_t run_bed_now_ms(const RunBed *b);
int64_t run_bed_oap_ms(const RunBed *b);

/* Of process 0, ON_CPU, now, to be changed by the caller. */
BedTask *run_bed_ask(RunBed *b, const char *task, int64_t duration_sec);

/* One second after the other: recordings record, end, are written each five seconds; runs are stepped, OAP
 * answers. */
void run_bed_advance(RunBed *b, unsigned sec);

/* Started here, by hand or by a cause. NULL when the process has one of that kind. */
BedRecording *run_bed_record(RunBed *b, unsigned process, ProfileKinds kinds, usec_t duration_usec);
void run_bed_stop(RunBed *b, BedRecording *recording, TaskState state);
BedRecording *run_bed_recording(RunBed *b, unsigned process, ProfileKind kind); /* that runs; NULL */

BedTold *
run_bed_told(RunBed *b, const char *task, const char *process, OapTarget target); /* NULL: nothing */
OapRunsStatus run_bed_status(const RunBed *b);
size_t run_bed_n_runs(const RunBed *b);
