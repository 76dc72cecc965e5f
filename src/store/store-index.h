/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/store.h"

/* What is in the store, held in memory so that listing hundreds of tasks reads nothing. Internal to store/.
 */
#define STORE_JSON_NAME "task.json"
#define STORE_PROFILE_NAME "profile.pb.gz"
#define STORE_BEFORE_NAME "before.pb.gz"

typedef struct StoreEntry {
        Task *task;     /* as task.json has it, without a profile */
        uint64_t bytes; /* on disk */
        bool unwritten; /* task.json is older or missing: the disk was full */
} StoreEntry;

struct Store {
        StoreConfig config;
        int tasks_fd; /* DIR/tasks */

        StoreEntry *entries; /* by id, and so by time */
        size_t n_entries, n_allocated;
        uint64_t bytes; /* of all entries */
};

/* Reads all tasks, at start. */
int store_index_load(Store *s);
void store_index_done(Store *s);

/* Returns the entry of @id, or NULL. *ret_position (may be NULL) is where it is or belongs. */
StoreEntry *store_index_find(const Store *s, const char *id, size_t *ret_position);

/* Adds or replaces; @t is taken over on success. */
int store_index_put(Store *s, Task *t, uint64_t bytes);
void store_index_set_bytes(Store *s, StoreEntry *e, uint64_t bytes);
void store_index_remove(Store *s, size_t position);

/* Reads the task.json below @dir_fd; when it is damaged, makes a failed task that says so. -ENOMEM only. */
int store_read_task(int dir_fd, const char *id, Task **ret_task);

/* The directory of a task; -errno of openat(2). */
int store_open_task(const Store *s, const char *id);

/* Blocks of what is in it. */
uint64_t store_directory_bytes(int dir_fd);
