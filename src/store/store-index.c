/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store-index.h"

#include "basic/file-io.h"
#include "basic/strbuf.h"
#include "store/task-record.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Names of directories read at start; a cap for the memory, more than that were not made by us. */
#define NAMES_MAX (8 * STORE_TASKS_MAX)

typedef struct TaskName {
        char id[TASK_ID_MAX];
} TaskName;

StoreEntry *store_index_find(const Store *s, const char *id, size_t *ret_position) {
        size_t low = 0, high = s->n_entries;
        bool found;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(s->entries[middle].task->id, id) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }

        if (ret_position)
                *ret_position = low;

        found = low < s->n_entries && strcmp(s->entries[low].task->id, id) == 0;
        return found ? s->entries + low : NULL;
}

void store_index_set_bytes(Store *s, StoreEntry *e, uint64_t bytes) {
        s->bytes += bytes - e->bytes;
        e->bytes = bytes;
}

int store_index_put(Store *s, Task *t, uint64_t bytes) {
        StoreEntry *e;
        size_t position;

        e = store_index_find(s, t->id, &position);
        if (e) {
                task_free(e->task);
                e->task = t;
                store_index_set_bytes(s, e, bytes);
                return 0;
        }

        if (s->n_entries >= s->n_allocated) {
                size_t n = s->n_allocated > 0 ? s->n_allocated * 2 : 64;

                e = realloc(s->entries, n * sizeof(*e));
                if (!e)
                        return -ENOMEM;
                s->entries = e;
                s->n_allocated = n;
        }

        e = s->entries + position;
        memmove(e + 1, e, (s->n_entries - position) * sizeof(*e));
        *e = (StoreEntry){ .task = t, .bytes = bytes };
        s->n_entries++;
        s->bytes += bytes;
        return 0;
}

void store_index_remove(Store *s, size_t position) {
        StoreEntry *e = s->entries + position;

        assert(position < s->n_entries);

        task_free(e->task);
        s->bytes -= e->bytes;
        s->n_entries--;
        memmove(e, e + 1, (s->n_entries - position) * sizeof(*e));
}

void store_index_done(Store *s) {
        for (size_t i = 0; i < s->n_entries; i++)
                task_free(s->entries[i].task);
        free(s->entries);
        s->entries = NULL;
        s->n_entries = s->n_allocated = 0;
}

int store_open_task(const Store *s, const char *id) {
        int fd;

        fd = openat(s->tasks_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* A stream of its own over the directory, from its beginning. */
static DIR *open_stream(int dir_fd) {
        _cleanup_(closep) int fd = -EBADF;
        DIR *d;

        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return NULL;

        d = fdopendir(fd);
        if (d)
                TAKE_FD(fd);

        return d;
}

uint64_t store_directory_bytes(int dir_fd) {
        _cleanup_(closedirp) DIR *d = NULL;
        struct dirent *de;
        uint64_t sum = 0;
        struct stat st;

        if (fstat(dir_fd, &st) >= 0)
                sum += (uint64_t) st.st_blocks * 512; /* stat(2): units of 512 bytes */

        d = open_stream(dir_fd);
        while (d && (de = readdir(d)))
                if (de->d_type != DT_DIR && fstatat(dir_fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                        sum += (uint64_t) st.st_blocks * 512;

        return sum;
}

/* What write_file_atomic_at() leaves behind when the power fails. */
static void remove_temporary_files(int dir_fd) {
        _cleanup_(closedirp) DIR *d = NULL;
        struct dirent *de;

        d = open_stream(dir_fd);
        while (d && (de = readdir(d))) {
                size_t n = strlen(de->d_name);

                if (strncmp(de->d_name, ".#", 2) == 0 && n > 6 && strcmp(de->d_name + n - 4, ".tmp") == 0)
                        (void) unlinkat(dir_fd, de->d_name, 0);
        }
}

/* Stands for a task of which only the directory says something. @message may be NULL. */
static int make_damaged_task(const char *id, const char *message, int error, Task **ret_task) {
        _cleanup_(task_freep) Task *t = NULL;
        _cleanup_(strbuf_done) StrBuf b = {};
        struct tm tm = {};
        char *text;
        int r;

        r = task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), 0, 0, &t);
        if (r < 0)
                return r;

        memcpy(t->id, id, strlen(id) + 1);
        if (strptime(id, "%Y%m%dT%H%M%S", &tm))
                t->started.realtime_usec = (usec_t) MAX_OF(timegm(&tm), (time_t) 0) * USEC_PER_SEC;
        t->state = TASK_STATE_FAILED;

        strbuf_add(&b, "task.json is damaged: ");
        strbuf_add(&b, message ? message : strerror(-error));
        r = strbuf_finish(&b, &text);
        if (r < 0)
                return r;
        t->reason = text;

        t->unit = strdup("");
        t->process = strdup("");
        if (!t->unit || !t->process)
                return -ENOMEM;

        *ret_task = TAKE_PTR(t);
        return 0;
}

int store_read_task(int dir_fd, const char *id, Task **ret_task) {
        _cleanup_(freep) char *json = NULL, *message = NULL;
        _cleanup_(task_freep) Task *t = NULL;
        size_t length;
        int r;

        r = read_full_file_at(dir_fd, STORE_JSON_NAME, TASK_RECORD_SIZE_MAX, &json, &length);
        if (r >= 0)
                r = task_record_parse(json, length, &t, &message);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return make_damaged_task(id, message, r, ret_task);
        if (strcmp(t->id, id) != 0)
                return make_damaged_task(id, "it names another task", 0, ret_task);

        *ret_task = TAKE_PTR(t);
        return 0;
}

static int load_task(Store *s, const char *id) {
        _cleanup_(task_freep) Task *t = NULL;
        _cleanup_(closep) int fd = -EBADF;
        int r;

        fd = store_open_task(s, id);
        if (fd < 0)
                return 0; /* a file or link of that name: foreign */

        remove_temporary_files(fd);
        if (unlinkat(s->tasks_fd, id, AT_REMOVEDIR) >= 0)
                return 0; /* was empty: interrupted before anything was written */

        r = store_read_task(fd, id, &t);
        if (r < 0)
                return r;

        r = store_index_put(s, t, store_directory_bytes(fd));
        if (r < 0)
                return r;

        TAKE_PTR(t);
        return 0;
}

static int read_names(Store *s, TaskName **ret_names, size_t *ret_n) {
        _cleanup_(freep) TaskName *names = NULL;
        _cleanup_(closedirp) DIR *d = NULL;
        size_t n = 0, n_allocated = 0;

        d = open_stream(s->tasks_fd);
        if (!d)
                return -errno;

        for (;;) {
                struct dirent *de;

                errno = 0;
                de = readdir(d);
                if (!de && errno != 0)
                        return -errno;
                if (!de || n >= NAMES_MAX)
                        break;
                if (!task_id_is_valid(de->d_name))
                        continue;

                if (n >= n_allocated) {
                        size_t size = n_allocated > 0 ? n_allocated * 2 : 64;
                        TaskName *p = realloc(names, size * sizeof(*p));

                        if (!p)
                                return -ENOMEM;
                        names = p;
                        n_allocated = size;
                }
                memcpy(names[n++].id, de->d_name, strlen(de->d_name) + 1);
        }

        *ret_names = TAKE_PTR(names);
        *ret_n = n;
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(((const TaskName *) a)->id, ((const TaskName *) b)->id);
}

int store_index_load(Store *s) {
        _cleanup_(freep) TaskName *names = NULL;
        size_t n;
        int r;

        r = read_names(s, &names, &n);
        if (r < 0)
                return r;

        if (n > 1)
                qsort(names, n, sizeof(*names), compare_names);

        for (size_t i = 0; i < n; i++) {
                r = load_task(s, names[i].id);
                if (r < 0)
                        return r;
        }

        return 0;
}
