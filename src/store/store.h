/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/symbolizer.h"
#include "task/task.h"

/* Evidence on disk: DIR/tasks/ID/{task.json,profile.pb.gz,before.pb.gz}; every write atomic, the whole
 * bounded. */
typedef struct Store Store;

typedef struct StoreConfig {
        uint64_t max_use_bytes;   /* MaxUse=, 0 = a tenth of the file system, 1 GiB at most */
        uint64_t keep_free_bytes; /* KeepFree=, 0 = 15 % of the file system, 1 GiB at most */
        usec_t max_age_usec;      /* MaxAge=, USEC_INFINITY = none */
} StoreConfig;

/* The oldest ones beyond it go at start and when another one is written. */
#define STORE_TASKS_MAX 10000U

/* KeepFree= never takes the store below this: a disk that somebody else filled does not cost all evidence.
 */
#define STORE_USE_MIN_BYTES (16U * 1024 * 1024)

/* @directory is made if missing; left-overs of interrupted writes in it are removed, foreign files stay.
 * @config is copied, NULL for the defaults. Returns -errno when it cannot be used. */
int store_new(const char *directory, const StoreConfig *config, Store **ret_store);
Store *store_free(Store *s);
DEFINE_CLEANUP(Store *, store_free)
void store_set_config(Store *s, const StoreConfig *config); /* in force at the next store_vacuum() */

/* Writes task.json (and makes the task's directory). On failure an older one is as it was on disk, but all
 * that is read from the store until it is closed is the new one. -EINVAL for a bad id. */
int store_write_task(Store *s, const Task *t);
/* Writes profile.pb.gz or before.pb.gz, after task.json if there is none. -ENOSPC and the like leave an
 * older profile as it was. */
int store_write_profile(
                Store *s, const Task *t, TaskPart part, const Profile *profile, const Symbols *symbols);

/* Adds to task.json what OAP knows of a task, which may be over: one of @oap_id and @refused. Returns 1, or
 * 0 when it says that already; -ENOENT; -EBADMSG: task.json is damaged, and stays so. A task that still runs
 * is written again from its Task: task_set_oap() is for that one. */
int store_annotate_oap(Store *s, const char *id, ProfileKind kind, const char *oap_id, const char *refused);

/* What is kept of one task: task.json read back. Bounded, tolerant of damage (such tasks are listed as
 * failed, reason "task.json is damaged: …"). */
typedef void (*StoreTaskFn)(const Task *t, void *userdata);   /* must not change the store */
int store_for_each(Store *s, StoreTaskFn fn, void *userdata); /* newest first */
int store_find(Store *s, const char *id, Task **ret_task);    /* -ENOENT */
/* @text may be an id, its unique prefix or suffix, or "latest". -ENOENT, -ENOTUNIQ. */
int store_resolve_id(Store *s, const char *text, char ret_id[static TASK_ID_MAX]);

/* Text of task.json; -ENOENT. */
int store_read_json(Store *s, const char *id, char **ret_json);
/* The compressed pprof file, read-only; -ENOENT (also for a task without that profile). */
int store_open_profile(Store *s, const char *id, TaskPart part);

int store_delete(Store *s, const char *id);

/* At start: tasks on disk that are pending or running were interrupted; they become failed, reason @reason.
 * Returns their number. */
int store_end_interrupted(Store *s, const char *reason);

/* Deletes the oldest tasks until the bounds hold; tasks in @keep_ids (NULL-terminated, may be NULL) stay.
 * Returns the number deleted. */
int store_vacuum(Store *s, usec_t realtime_usec, const char *const *keep_ids);

/* Blocks on disk of all tasks. */
uint64_t store_usage_bytes(const Store *s);
size_t store_n_tasks(const Store *s);
