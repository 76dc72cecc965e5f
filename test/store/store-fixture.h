/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/file-io.h"
#include "store/store.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

/* A store in a directory of its own, for the tests of store/. */
#define REALTIME (UINT64_C(1795230605) * USEC_PER_SEC) /* 2026-11-21T03:10:05Z */

static char directory[] = "/tmp/test-store-XXXXXX";
static char base[sizeof(directory) + 16];
static int dir_fd = -EBADF; /* of the directory that holds the one of the store */

static const StoreConfig generous = {
        .max_use_bytes = UINT64_C(1) << 40,
        .keep_free_bytes = 1,
        .max_age_usec = USEC_INFINITY,
};

static inline void make_directory(void) {
        cr_assert_not_null(mkdtemp(directory));
        (void) snprintf(base, sizeof(base), "%s/var/cprof", directory);
        dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(dir_fd, 0);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static inline void remove_directory(void) {
        safe_close(dir_fd);
        (void) nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline Store *make_store(const StoreConfig *config) {
        Store *s = NULL;

        cr_assert_eq(store_new(base, config, &s), 0);
        return s;
}

/* Started @minute minutes after REALTIME. */
static inline Task *make_task(unsigned minute, TaskState state) {
        TaskInstant at = { .realtime_usec = REALTIME + minute * USEC_PER_MINUTE };
        Task *t = NULL;

        cr_assert_eq(task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), at.realtime_usec, 0x9f3c, &t), 0);
        t->unit = strdup("nginx.service");
        t->process = strdup("");
        cr_assert(t->unit && t->process);
        if (state >= TASK_STATE_RUNNING)
                cr_assert_eq(task_set_state(t, TASK_STATE_RUNNING, NULL, at), 0);
        if (state > TASK_STATE_RUNNING)
                cr_assert_eq(task_set_state(t, state, "duration reached", at), 0);
        return t;
}

static inline void write_task(Store *s, unsigned minute, TaskState state) {
        _cleanup_(task_freep) Task *t = make_task(minute, state);

        cr_assert_eq(store_write_task(s, t), 0);
}

static inline const char *id_of(unsigned minute) {
        static char id[TASK_ID_MAX];
        _cleanup_(task_freep) Task *t = make_task(minute, TASK_STATE_PENDING);

        memcpy(id, t->id, sizeof(id));
        return id;
}

/* A file in the directory of a task, made behind the back of the store. */
static inline void plant(const char *id, const char *name, const char *text) {
        _cleanup_(closep) int fd = -EBADF;
        char path[256];

        (void) snprintf(path, sizeof(path), "var/cprof/tasks/%s", id);
        cr_assert_eq(mkdir_parents_at(dir_fd, path, 0700), 0);
        (void) snprintf(path, sizeof(path), "var/cprof/tasks/%s/%s", id, name);
        fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        cr_assert_eq(write_full_fd(fd, text, strlen(text)), 0);
}

static inline bool exists(const char *id, const char *name) {
        char path[256];

        (void) snprintf(path, sizeof(path), "var/cprof/tasks/%s/%s", id, name);
        return faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

typedef struct List {
        char ids[32][TASK_ID_MAX];
        TaskState states[32];
        char reasons[32][128];
        size_t n;
} List;

static inline void add_to_list(const Task *t, void *userdata) {
        List *l = userdata;

        cr_assert_lt(l->n, ELEMENTSOF(l->ids));
        memcpy(l->ids[l->n], t->id, TASK_ID_MAX);
        l->states[l->n] = t->state;
        (void) snprintf(l->reasons[l->n], sizeof(l->reasons[0]), "%s", t->reason ? t->reason : "");
        l->n++;
}

static inline List list(Store *s) {
        List l = {};

        cr_assert_eq(store_for_each(s, add_to_list, &l), 0);
        return l;
}
