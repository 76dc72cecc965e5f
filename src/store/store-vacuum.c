/* SPDX-License-Identifier: Apache-2.0 */
/* How tasks leave the store, and what becomes of those that a crash interrupted. */
#include "store/store-index.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#define DEFAULT_MAX_BYTES                                                                \
        (UINT64_C(1024) * 1024 * 1024) /* of MaxUse= and KeepFree= when they are not set \
                                        */

/* Removes the files of a task, task.json last: what is interrupted is still a task, and goes the next time.
 */
static int remove_files(int dir_fd) {
        _cleanup_(closedirp) DIR *d = NULL;
        struct dirent *de;
        int fd;

        fd = dup(dir_fd);
        if (fd < 0)
                return -errno;

        d = fdopendir(fd);
        if (!d) {
                safe_close(fd);
                return -errno;
        }

        while ((de = readdir(d)))
                if (strcmp(de->d_name, STORE_JSON_NAME) != 0 && strcmp(de->d_name, ".") != 0 &&
                    strcmp(de->d_name, "..") != 0 && unlinkat(dir_fd, de->d_name, 0) < 0 && errno != ENOENT)
                        return -errno;

        return unlinkat(dir_fd, STORE_JSON_NAME, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int store_delete(Store *s, const char *id) {
        _cleanup_(closep) int fd = -EBADF;
        char name[TASK_ID_MAX];
        StoreEntry *e;
        size_t position;
        int r;

        assert(s);
        assert(id);

        e = store_index_find(s, id, &position);
        if (!e)
                return -ENOENT;
        memcpy(name, e->task->id, sizeof(name)); /* @id may be that of the entry */

        fd = store_open_task(s, name);
        if (fd >= 0) {
                r = remove_files(fd);
                if (r >= 0 && unlinkat(s->tasks_fd, name, AT_REMOVEDIR) < 0)
                        r = -errno;
                if (r < 0) {
                        store_index_set_bytes(s, e, store_directory_bytes(fd));
                        return r;
                }
        } else if (fd != -ENOENT) /* somebody else may have deleted it */
                return fd;

        store_index_remove(s, position);
        return 0;
}

/* When the files of a task were last written; 0 if there are none. */
static usec_t last_write_usec(const Store *s, const char *id) {
        static const char *const names[] = { STORE_JSON_NAME, STORE_PROFILE_NAME, STORE_BEFORE_NAME };
        _cleanup_(closep) int fd = -EBADF;
        usec_t last = 0;

        fd = store_open_task(s, id);
        for (size_t i = 0; fd >= 0 && i < ELEMENTSOF(names); i++) {
                struct stat st;
                usec_t at;

                if (fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtim.tv_sec < 0)
                        continue;

                at = (usec_t) st.st_mtim.tv_sec * USEC_PER_SEC + (usec_t) st.st_mtim.tv_nsec / NSEC_PER_USEC;
                last = MAX_OF(last, at);
        }

        return last;
}

int store_end_interrupted(Store *s, const char *reason) {
        int n = 0, r;

        assert(s);
        assert(reason);

        for (size_t i = 0; i < s->n_entries; i++) {
                Task *t = s->entries[i].task;
                TaskInstant ended = {}; /* the monotonic clock may have been that of another boot */

                if (task_is_over(t))
                        continue;

                ended.realtime_usec = MAX_OF(last_write_usec(s, t->id), t->started.realtime_usec);
                r = task_set_state(t, TASK_STATE_FAILED, reason, ended);
                if (r < 0)
                        return r;

                n++;
                (void) store_write_task(s, t); /* else again at the next start; replaces t */
        }

        return n;
}

typedef struct Limits {
        uint64_t max_use_bytes, keep_free_bytes;
        usec_t oldest_usec; /* start of the oldest task that may stay */
} Limits;

static uint64_t blocks_to_bytes(const struct statvfs *v, uint64_t n_blocks) {
        uint64_t bytes;

        return __builtin_mul_overflow(n_blocks, (uint64_t) v->f_frsize, &bytes) ? UINT64_MAX : bytes;
}

static void get_limits(const Store *s, usec_t realtime_usec, Limits *ret) {
        usec_t age = s->config.max_age_usec;
        struct statvfs v;
        uint64_t size = UINT64_MAX; /* unknown: the absolute parts of the defaults hold */

        if (fstatvfs(s->tasks_fd, &v) >= 0)
                size = blocks_to_bytes(&v, v.f_blocks);

        *ret = (Limits){
                .max_use_bytes = s->config.max_use_bytes ?: MIN_OF(size / 10, DEFAULT_MAX_BYTES),
                .keep_free_bytes = s->config.keep_free_bytes ?: MIN_OF(size / 100 * 15, DEFAULT_MAX_BYTES),
                .oldest_usec = age < realtime_usec ? realtime_usec - age : 0,
        };
}

static bool is_too_much(const Store *s, const Limits *limits) {
        struct statvfs v;

        if (s->bytes > limits->max_use_bytes || s->n_entries > STORE_TASKS_MAX)
                return true;
        if (s->bytes <= STORE_USE_MIN_BYTES || fstatvfs(s->tasks_fd, &v) < 0)
                return false;

        return blocks_to_bytes(&v, v.f_bavail) < limits->keep_free_bytes;
}

/* The start of a task as its id says, which is there even if task.json is damaged. */
static usec_t id_to_realtime(const char *id) {
        struct tm tm = {};

        return strptime(id, "%Y%m%dT%H%M%S", &tm) ? (usec_t) MAX_OF(timegm(&tm), (time_t) 0) * USEC_PER_SEC
                                                  : 0;
}

static bool must_stay(const Task *t, const char *const *keep_ids) {
        if (!task_is_over(t))
                return true;

        for (const char *const *id = keep_ids; id && *id; id++)
                if (strcmp(*id, t->id) == 0)
                        return true;

        return false;
}

int store_vacuum(Store *s, usec_t realtime_usec, const char *const *keep_ids) {
        int n = 0, error = 0, r;
        Limits limits;

        assert(s);

        get_limits(s, realtime_usec, &limits);

        /* from the oldest on, until one is neither too old nor too much; the rest is younger */
        for (size_t i = 0; i < s->n_entries;) {
                const Task *t = s->entries[i].task;

                if (!is_too_much(s, &limits) && id_to_realtime(t->id) >= limits.oldest_usec)
                        break;

                if (must_stay(t, keep_ids)) {
                        i++;
                        continue;
                }

                r = store_delete(s, t->id); /* the next one moves here */
                if (r >= 0) {
                        n++;
                        continue;
                }

                i++;
                if (error == 0)
                        error = r;
        }

        return n > 0 ? n : error;
}
