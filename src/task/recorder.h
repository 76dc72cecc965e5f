/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/resolve.h"

/* The flight recorder: samples of watched processes at a low rate, those of the last seconds, so that a task
 * can show what was before its trigger. Processes that died meanwhile are in it: they are often the
 * evidence. No clock, no I/O. */
typedef struct Recorder Recorder;

#define RECORDER_HZ_DEFAULT 19U
#define RECORDER_HZ_MAX 100U
#define RECORDER_SEC_DEFAULT 30U
#define RECORDER_SEC_MAX 600U
#define RECORDER_BYTES_DEFAULT (16U * 1024 * 1024)
#define RECORDER_STACKS_DEFAULT 65536U

/* One sample is recorded in so many of the sampler's at @oncpu_hz, so that about @recorder_hz are; 0 = none:
 * off. At least every single one: it can't be faster than the sampler. */
unsigned recorder_every(unsigned oncpu_hz, unsigned recorder_hz);
/* The time that one of those samples stands for. */
uint64_t recorder_period_nsec(unsigned oncpu_hz, unsigned every);

typedef struct RecorderLimits {
        size_t entries_max; /* samples, 24 bytes each */
        size_t stacks_max;  /* unique ones */
        size_t bytes_max;   /* of both and of the names, without their hash tables */
} RecorderLimits;

/* As many entries as @n_cpus busy CPUs make in the window, and the defaults for the rest. */
RecorderLimits recorder_limits(usec_t window_usec, uint64_t period_nsec, unsigned n_cpus);

/* @modules is borrowed and outlives it. */
int recorder_new(
                ModuleTable *modules,
                usec_t window_usec,
                uint64_t period_nsec,
                const RecorderLimits *limits,
                Recorder **ret_recorder);
Recorder *recorder_free(Recorder *r);
DEFINE_CLEANUP(Recorder *, recorder_free)

typedef struct RecorderSample {
        ProcessKey process;
        const Unit *unit;        /* it belongs to now; its name and those above it are copied */
        const char *thread_name; /* CPROF_COMM_LEN at most, need not be terminated */
        usec_t at_usec;
} RecorderSample;

/* The oldest entries make room when a limit is reached (counted). Samples may come a little out of order.
 * -ENOMEM: not recorded (counted as well). */
int recorder_add(Recorder *r, const RecorderSample *sample, const ResolvedStack *stack);

/* Forgets what is older than the window. Call it once a second or so: an idle host keeps nothing. */
void recorder_expire(Recorder *r, usec_t now_usec);
void recorder_forget_all(Recorder *r);

/* Whose entries are meant: all that is given must hold. */
typedef struct RecorderFilter {
        ProcessKey process; /* pid 0: any */
        const char *unit;   /* it or a unit below it; NULL: any */
} RecorderFilter;

/* What was recorded in [from, to), as a profile with the recorder's period; one without samples if there was
 * nothing. The recorder keeps it all. *ret_first_usec (may be NULL) is when the first of them was, 0: none.
 */
int recorder_extract(
                Recorder *r,
                const RecorderFilter *filter,
                usec_t from_usec,
                usec_t to_usec,
                Profile **ret_profile,
                usec_t *ret_first_usec);

usec_t recorder_window_usec(const Recorder *r);
uint64_t recorder_period(const Recorder *r); /* ns */
size_t recorder_n_entries(const Recorder *r);
size_t recorder_n_stacks(const Recorder *r);
size_t recorder_n_processes(const Recorder *r); /* with entries, dead or alive */
size_t recorder_bytes(const Recorder *r);
uint64_t recorder_n_evicted(const Recorder *r); /* entries that went before their time, ever */
uint64_t recorder_n_dropped(const Recorder *r); /* samples not recorded, ever */
