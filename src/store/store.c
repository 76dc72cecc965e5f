/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of tasks: what is written to it and read from it. */
#include "store/store.h"

#include "basic/file-io.h"
#include "store/pprof.h"
#include "store/store-index.h"
#include "store/task-record.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char *const part_names[_TASK_PART_MAX] = {
        [TASK_PART_RECORDED] = STORE_PROFILE_NAME,
        [TASK_PART_BEFORE] = STORE_BEFORE_NAME,
};

#define DIRECTORY_MODE 0700
#define FILE_MODE 0600

int store_new(const char *directory, const StoreConfig *config, Store **ret_store) {
        _cleanup_(store_freep) Store *s = NULL;
        _cleanup_(closep) int fd = -EBADF;
        int r;

        assert(directory);
        assert(ret_store);

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->tasks_fd = -EBADF;
        s->config = config ? *config : (StoreConfig){ .max_age_usec = USEC_INFINITY };

        r = mkdir_parents_at(AT_FDCWD, directory, DIRECTORY_MODE);
        if (r < 0)
                return r;

        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        if (mkdirat(fd, "tasks", DIRECTORY_MODE) < 0 && errno != EEXIST)
                return -errno;

        s->tasks_fd = openat(fd, "tasks", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (s->tasks_fd < 0)
                return -errno;

        r = store_index_load(s);
        if (r < 0)
                return r;

        while (s->n_entries > STORE_TASKS_MAX && store_delete(s, s->entries[0].task->id) >= 0)
                ;

        *ret_store = TAKE_PTR(s);
        return 0;
}

Store *store_free(Store *s) {
        if (!s)
                return NULL;

        store_index_done(s);
        safe_close(s->tasks_fd);
        free(s);
        return NULL;
}

void store_set_config(Store *s, const StoreConfig *config) {
        assert(s);
        assert(config);

        s->config = *config;
}

/* One more task is to come: the oldest that is over goes if there is no room. */
static int make_room(Store *s) {
        if (s->n_entries < STORE_TASKS_MAX)
                return 0;

        for (size_t i = 0; i < s->n_entries; i++)
                if (task_is_over(s->entries[i].task))
                        return store_delete(s, s->entries[i].task->id);

        return -EUSERS;
}

/* The directory of @id, made if need be. */
static int make_task(Store *s, const char *id) {
        int r;

        if (!store_index_find(s, id, NULL)) {
                r = make_room(s);
                if (r < 0)
                        return r;
        }

        if (mkdirat(s->tasks_fd, id, DIRECTORY_MODE) < 0 && errno != EEXIST)
                return -errno;

        return store_open_task(s, id);
}

int store_write_task(Store *s, const Task *t) {
        _cleanup_(task_freep) Task *copy = NULL;
        _cleanup_(freep) char *json = NULL;
        _cleanup_(closep) int fd = -EBADF;
        size_t length;
        int r, q;

        assert(s);
        assert(t);

        if (!task_id_is_valid(t->id))
                return -EINVAL;

        r = task_record_format(t, &json);
        if (r < 0)
                return r;
        length = strlen(json);

        /* What is kept in memory is what a restart would find. */
        r = task_record_parse(json, length, &copy, NULL);
        if (r < 0)
                return r;

        fd = make_task(s, t->id);
        if (fd == -EUSERS)
                return fd;

        r = fd < 0 ? fd : write_file_atomic_at(fd, STORE_JSON_NAME, json, length, FILE_MODE, FILE_SYNC_NO);
        if (r < 0 && fd >= 0) /* fails unless it is new and empty */
                (void) unlinkat(s->tasks_fd, t->id, AT_REMOVEDIR);

        q = store_index_put(s, copy, fd < 0 ? 0 : store_directory_bytes(fd));
        if (q < 0)
                return q;

        /* from here @t may be freed: it can be the entry's own */
        store_index_find(s, copy->id, NULL)->unwritten = r < 0;
        TAKE_PTR(copy);
        return r;
}

int store_write_profile(
                Store *s, const Task *t, TaskPart part, const Profile *profile, const Symbols *symbols) {
        _cleanup_(closep) int fd = -EBADF;
        _cleanup_(freep) void *data = NULL;
        size_t length;
        int r;

        assert(s);
        assert(t);
        assert(part >= 0 && part < _TASK_PART_MAX);

        if (!store_index_find(s, t->id, NULL)) {
                r = store_write_task(s, t);
                if (r < 0)
                        return r;
        }

        r = pprof_encode(t, part, profile, symbols, &data, &length);
        if (r < 0)
                return r;

        fd = store_open_task(s, t->id);
        if (fd < 0)
                return fd;

        r = write_file_atomic_at(fd, part_names[part], data, length, FILE_MODE, FILE_SYNC_NO);
        store_index_set_bytes(s, store_index_find(s, t->id, NULL), store_directory_bytes(fd));
        return r;
}

int store_for_each(Store *s, StoreTaskFn fn, void *userdata) {
        assert(s);
        assert(fn);

        for (size_t i = s->n_entries; i > 0; i--)
                fn(s->entries[i - 1].task, userdata);

        return 0;
}

/* The directory of a task that is in the index. */
static int open_known_task(const Store *s, const char *id) {
        if (!store_index_find(s, id, NULL))
                return -ENOENT;

        return store_open_task(s, id);
}

/* Whether only the memory has the record of @id as it is now: then *ret_json is that. */
static int read_unwritten(const Store *s, const char *id, char **ret_json) {
        const StoreEntry *e = store_index_find(s, id, NULL);

        if (!e || !e->unwritten)
                return 0;

        return task_record_format(e->task, ret_json) < 0 ? -ENOMEM : 1;
}

int store_find(Store *s, const char *id, Task **ret_task) {
        _cleanup_(freep) char *json = NULL;
        _cleanup_(closep) int fd = -EBADF;
        int r;

        assert(s);
        assert(id);
        assert(ret_task);

        r = read_unwritten(s, id, &json);
        if (r < 0)
                return r;
        if (r > 0)
                return task_record_parse(json, strlen(json), ret_task, NULL);

        fd = open_known_task(s, id);
        if (fd < 0)
                return fd;

        return store_read_task(fd, id, ret_task);
}

/* The one id that begins (or ends) with @text: its position; -ENOENT, -ENOTUNIQ. */
static int find_part(const Store *s, const char *text, bool at_end) {
        size_t n = strlen(text);
        int found = -ENOENT;

        if (n == 0 || n >= TASK_ID_MAX)
                return -ENOENT;

        for (size_t i = 0; i < s->n_entries; i++) {
                const char *id = s->entries[i].task->id;
                size_t length = strlen(id);

                if (n > length || memcmp(at_end ? id + length - n : id, text, n) != 0)
                        continue;
                if (found >= 0)
                        return -ENOTUNIQ;
                found = (int) i;
        }

        return found;
}

int store_resolve_id(Store *s, const char *text, char ret_id[static TASK_ID_MAX]) {
        int r;

        assert(s);
        assert(text);

        if (strcmp(text, "latest") == 0)
                r = s->n_entries > 0 ? (int) s->n_entries - 1 : -ENOENT;
        else {
                r = find_part(s, text, /* at_end= */ false);
                if (r == -ENOENT)
                        r = find_part(s, text, /* at_end= */ true);
        }
        if (r < 0)
                return r;

        memcpy(ret_id, s->entries[r].task->id, TASK_ID_MAX);
        return 0;
}

int store_read_json(Store *s, const char *id, char **ret_json) {
        _cleanup_(closep) int fd = -EBADF;
        int r;

        assert(s);
        assert(id);
        assert(ret_json);

        r = read_unwritten(s, id, ret_json);
        if (r != 0)
                return r < 0 ? r : 0;

        fd = open_known_task(s, id);
        if (fd < 0)
                return fd;

        return read_full_file_at(fd, STORE_JSON_NAME, TASK_RECORD_SIZE_MAX, ret_json, NULL);
}

int store_annotate_oap(Store *s, const char *id, ProfileKind kind, const char *oap_id, const char *refused) {
        _cleanup_(task_freep) Task *t = NULL;
        _cleanup_(freep) char *json = NULL;
        int r;

        assert(s);
        assert(id);

        r = store_read_json(s, id, &json);
        if (r >= 0)
                r = task_record_parse(json, strlen(json), &t, NULL);
        if (r < 0)
                return r;
        if (strcmp(t->id, id) != 0)
                return -EBADMSG;

        r = task_set_oap(t, kind, oap_id, refused);
        if (r <= 0)
                return r;

        r = store_write_task(s, t);
        return r < 0 ? r : 1;
}

int store_open_profile(Store *s, const char *id, TaskPart part) {
        _cleanup_(closep) int fd = -EBADF, profile_fd = -EBADF;
        struct stat st;

        assert(s);
        assert(id);
        assert(part >= 0 && part < _TASK_PART_MAX);

        fd = open_known_task(s, id);
        if (fd < 0)
                return fd;

        profile_fd = openat(fd, part_names[part], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (profile_fd < 0)
                return -errno;

        if (fstat(profile_fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;

        return TAKE_FD(profile_fd);
}

uint64_t store_usage_bytes(const Store *s) {
        return s->bytes;
}

size_t store_n_tasks(const Store *s) {
        return s->n_entries;
}
