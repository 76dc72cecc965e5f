/* SPDX-License-Identifier: Apache-2.0 */
/* The members of task.json that are plain fields. */
#include "store/task-record.h"

const TaskRecordField task_record_texts[] = {
        { "reason", offsetof(Task, reason) },
        { "unit", offsetof(Task, unit) },
        { "process", offsetof(Task, process) },
        { "exe", offsetof(Task, exe) },
        { "invocation_id", offsetof(Task, invocation_id) },
        { "hottest", offsetof(Task, hottest) },
        { "left_out", offsetof(Task, left_out) },
        { "kernel_path", offsetof(Task, kernel_path) },
        { "thinned", offsetof(Task, thinned) },
        {},
};

const TaskRecordField task_record_numbers[] = {
        { "start_ticks", offsetof(Task, key.start_ticks) },
        { "duration_usec", offsetof(Task, duration_usec) },
        { "silence_usec", offsetof(Task, silence_usec) },
        { "slot_end_monotonic_usec", offsetof(Task, slot_end.monotonic_usec) },
        { "slot_end_realtime_usec", offsetof(Task, slot_end.realtime_usec) },
        { "decided_monotonic_usec", offsetof(Task, decided.monotonic_usec) },
        { "decided_realtime_usec", offsetof(Task, decided.realtime_usec) },
        { "started_monotonic_usec", offsetof(Task, started.monotonic_usec) },
        { "started_realtime_usec", offsetof(Task, started.realtime_usec) },
        { "ended_monotonic_usec", offsetof(Task, ended.monotonic_usec) },
        { "ended_realtime_usec", offsetof(Task, ended.realtime_usec) },
        { "first_sample_monotonic_usec", offsetof(Task, first_sample.monotonic_usec) },
        { "first_sample_realtime_usec", offsetof(Task, first_sample.realtime_usec) },
        { "last_sample_monotonic_usec", offsetof(Task, last_sample.monotonic_usec) },
        { "last_sample_realtime_usec", offsetof(Task, last_sample.realtime_usec) },
        { "n_samples", offsetof(Task, n_samples) },
        { "sample_period_nsec", offsetof(Task, sample_period_nsec) },
        {},
};

static const TaskRecordField losses[] = {
        { "ring_full", offsetof(Task, losses.n_ring_full) },
        { "no_user_stack", offsetof(Task, losses.n_no_user_stack) },
        { "unknown_frames", offsetof(Task, losses.n_unknown_frames) },
        { "python_mismatch", offsetof(Task, losses.n_python_mismatch) },
        { "over_cap", offsetof(Task, losses.n_over_cap) },
        { "processes_missed", offsetof(Task, losses.n_processes_missed) },
        { "offcpu_table_full", offsetof(Task, losses.n_offcpu_table_full) },
        {},
};

static const TaskRecordField quality[] = {
        { "stacks_user", offsetof(Task, quality.n_stacks_user) },
        { "frames", offsetof(Task, quality.n_frames) },
        { "frames_named", offsetof(Task, quality.n_frames_named) },
        { "python_frames", offsetof(Task, quality.n_python_frames) },
        {},
};

static const TaskRecordField ends[] = {
        { "root", offsetof(Task, quality.ends[CPROF_END_ROOT]) },
        { "frame_pointer", offsetof(Task, quality.ends[CPROF_END_FRAME_POINTER]) },
        { "no_mapping", offsetof(Task, quality.ends[CPROF_END_NO_MAPPING]) },
        { "no_row", offsetof(Task, quality.ends[CPROF_END_NO_ROW]) },
        { "unsupported", offsetof(Task, quality.ends[CPROF_END_UNSUPPORTED]) },
        { "register", offsetof(Task, quality.ends[CPROF_END_REGISTER]) },
        { "unreadable", offsetof(Task, quality.ends[CPROF_END_UNREADABLE]) },
        { "backwards", offsetof(Task, quality.ends[CPROF_END_BACKWARDS]) },
        { "truncated", offsetof(Task, quality.ends[CPROF_END_TRUNCATED]) },
        { "helper", offsetof(Task, quality.ends[CPROF_END_HELPER]) },
        { "none", offsetof(Task, quality.ends[CPROF_END_NONE]) },
        {},
};
_Static_assert(ELEMENTSOF(ends) == CPROF_END_MAX + 1, "each end has a name");

static const TaskRecordField cost[] = {
        { "daemon_cpu_nsec", offsetof(Task, cost.daemon_cpu_nsec) },
        { "bpf_nsec", offsetof(Task, cost.bpf_nsec) },
        { "wall_nsec", offsetof(Task, cost.wall_nsec) },
        { "cpus", offsetof(Task, cost.n_cpus) },
        { "host_share_ppm", offsetof(Task, cost.host_share_ppm) },
        {},
};

static const TaskRecordField offcpu[] = {
        { "switches", offsetof(Task, offcpu.n_switches) },
        { "nsec", offsetof(Task, offcpu.offcpu_nsec) },
        { "sleep_nsec", offsetof(Task, offcpu.sleep_nsec) },
        { "disk_nsec", offsetof(Task, offcpu.disk_nsec) },
        { "max_nsec", offsetof(Task, offcpu.max_nsec) },
        { "run_queue", offsetof(Task, offcpu.n_run_queue) },
        { "run_queue_nsec", offsetof(Task, offcpu.run_queue_nsec) },
        { "rate_limited", offsetof(Task, offcpu.n_rate_limited) },
        {},
};

static const TaskRecordField before[] = {
        { "samples", offsetof(Task, n_before_samples) },
        { "sample_period_nsec", offsetof(Task, before_period_nsec) },
        { "first_sample_monotonic_usec", offsetof(Task, before_first_sample.monotonic_usec) },
        { "first_sample_realtime_usec", offsetof(Task, before_first_sample.realtime_usec) },
        {},
};

const TaskRecordGroup task_record_groups[] = {
        { "losses", losses },
        { "quality", quality },
        { "ends", ends },
        { "cost", cost },
        { "offcpu", offcpu },
        { "before", before },
        {},
};

const TaskRecordField task_record_cause_texts[] = {
        { "policy", offsetof(TaskCause, policy) },
        { "metric", offsetof(TaskCause, metric) },
        { "rule", offsetof(TaskCause, rule) },
        { "process", offsetof(TaskCause, process) },
        {},
};

const TaskRecordField task_record_cause_uris[] = {
        { "uri", offsetof(TaskCause, uri) },
        { "uri_regex", offsetof(TaskCause, uri_regex) },
        {},
};

const TaskRecordField task_record_oap_texts[] = {
        { "id", offsetof(TaskOap, id) },
        { "refused", offsetof(TaskOap, refused) },
        {},
};

const TaskRecordField task_record_cause_reals[] = {
        { "threshold", offsetof(TaskCause, threshold) },
        { "value", offsetof(TaskCause, value) },
        { "peak", offsetof(TaskCause, peak) },
        {},
};

const TaskRecordField task_record_cause_numbers[] = {
        { "period_sec", offsetof(TaskCause, period_sec) },
        { "count", offsetof(TaskCause, count) },
        { "hits", offsetof(TaskCause, hits) },
        {},
};
