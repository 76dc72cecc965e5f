/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/task.h"

#include <stddef.h>

/* task.json, format 1: one JSON object. Times are microseconds: "*_monotonic_usec" of CLOCK_MONOTONIC,
 * "*_realtime_usec" since the epoch, 0 = not (yet) known.
 *
 *   format             1
 *   id                 name of the directory
 *   kinds              list of profile_kind_to_string(); a version before this one wrote "kind", a text
 *   state              task_state_to_string()
 *   started            ISO 8601 in UTC for people; not read back
 *   reason             why it ended; missing before
 *   unit, process      "" = the whole unit
 *   exe, invocation_id, hottest, kernel_path  missing when unknown
 *   left_out, thinned  sentences, see Task; missing when there is nothing to say
 *   pid, start_ticks   of the process, 0 for the whole unit
 *   duration_usec, silence_usec
 *   oap_tasks          list of { kind, id } or { kind, refused }: what SkyWalking's OAP calls it; missing
 * when it was not told {slot_end,decided,started,ended,first_sample,last_sample}_{monotonic,realtime}_usec
 *   n_samples, sample_period_nsec
 *   causes             list of { policy, metric, rule, threshold, value, peak, period_sec, count, hits,
 *                      process, pid } and of HTTP metrics { uri } or { uri_regex }, missing for all requests
 *   losses             { ring_full, no_user_stack, unknown_frames, over_cap, processes_missed,
 *                      offcpu_table_full }
 *   quality            { stacks_user, frames, frames_named, python_frames }
 *   ends               of the walks up user stacks { root, frame_pointer, no_mapping, … }
 *   cost               { daemon_cpu_nsec, bpf_nsec, wall_nsec, cpus, host_share_ppm }
 *   offcpu             { switches, nsec, sleep_nsec, disk_nsec, max_nsec, run_queue, run_queue_nsec,
 * rate_limited } before             of the recorder { samples, sample_period_nsec,
 * first_sample_{monotonic,realtime}_usec
 * }
 *
 * A missing object is one of zeros: not known.
 *
 * Whole numbers are 0…2⁶³-1; larger ones are written as the largest. */
#define TASK_RECORD_FORMAT 1
#define TASK_RECORD_SIZE_MAX (2U * 1024 * 1024)
#define TASK_RECORD_TEXT_MAX 4096U       /* bytes of one text: PATH_MAX; longer ones are cut */
#define TASK_RECORD_CAUSE_TEXT_MAX 1280U /* the same within a cause: a rule with CPROF_HTTP_URI_MAX */
#define TASK_RECORD_CAUSES_MAX 64U       /* further ones are not written */
#define TASK_RECORD_CAUSE_VALUE_MAX 1e15 /* far above any metric; not below 0 */

/* The members that are plain fields of a struct; lists end with name NULL. The writer and the reader share
 * them. */
typedef struct TaskRecordField {
        const char *name;
        size_t offset;
} TaskRecordField;

extern const TaskRecordField task_record_texts[];         /* char * in Task */
extern const TaskRecordField task_record_numbers[];       /* uint64_t in Task */
extern const TaskRecordField task_record_cause_texts[];   /* char * in TaskCause */
extern const TaskRecordField task_record_cause_uris[];    /* ditto, may be missing */
extern const TaskRecordField task_record_cause_reals[];   /* double in TaskCause */
extern const TaskRecordField task_record_cause_numbers[]; /* unsigned in TaskCause */

extern const TaskRecordField task_record_oap_texts[]; /* char * in TaskOap */

/* An object of numbers within the record. */
typedef struct TaskRecordGroup {
        const char *name;
        const TaskRecordField *fields; /* uint64_t in Task */
} TaskRecordGroup;

extern const TaskRecordGroup task_record_groups[]; /* ends with name NULL */

/* Texts are made valid UTF-8 without control characters. *ret_json is to be freed. -ENOMEM. */
int task_record_format(const Task *t, char **ret_json);

/* Reads it back (without the profile); unit, process and the texts of causes are never NULL then. Bounded
 * and strict about types; unknown members are ignored. -EBADMSG with a message "task.json:LINE: …", to be
 * freed; -ENOMEM.
 * @reterr_message may be NULL. */
int task_record_parse(const char *json, size_t length, Task **ret_task, char **reterr_message);
