/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "basic/file-io.h"
#include "fake/fake-symbols.h"
#include "store/pprof.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define REALTIME (UINT64_C(1795230605) * USEC_PER_SEC) /* 2026-11-21T03:10:05Z */

static char directory[] = "/tmp/test-store-XXXXXX";
static char base[sizeof(directory) + 16];
static int dir_fd = -EBADF; /* of the directory that holds the one of the store */

static const StoreConfig generous = {
        .max_use_bytes = UINT64_C(1) << 40,
        .keep_free_bytes = 1,
        .max_age_usec = USEC_INFINITY,
};

static void make_directory(void) {
        cr_assert_not_null(mkdtemp(directory));
        (void) snprintf(base, sizeof(base), "%s/var/cprof", directory);
        dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(dir_fd, 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static void remove_directory(void) {
        safe_close(dir_fd);
        (void) nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(store, .timeout = 60, .init = make_directory, .fini = remove_directory);

static Store *make_store(const StoreConfig *config) {
        Store *s = NULL;

        cr_assert_eq(store_new(base, config, &s), 0);
        return s;
}

/* Started @minute minutes after REALTIME. */
static Task *make_task(unsigned minute, TaskState state) {
        TaskInstant at = { .realtime_usec = REALTIME + minute * USEC_PER_MINUTE };
        Task *t = NULL;

        cr_assert_eq(task_new(PROFILE_KIND_ON_CPU, at.realtime_usec, 0x9f3c, &t), 0);
        t->unit = strdup("nginx.service");
        t->process = strdup("");
        cr_assert(t->unit && t->process);
        if (state >= TASK_STATE_RUNNING)
                cr_assert_eq(task_set_state(t, TASK_STATE_RUNNING, NULL, at), 0);
        if (state > TASK_STATE_RUNNING)
                cr_assert_eq(task_set_state(t, state, "duration reached", at), 0);
        return t;
}

static void write_task(Store *s, unsigned minute, TaskState state) {
        _cleanup_(task_freep) Task *t = make_task(minute, state);

        cr_assert_eq(store_write_task(s, t), 0);
}

static const char *id_of(unsigned minute) {
        static char id[TASK_ID_MAX];
        _cleanup_(task_freep) Task *t = make_task(minute, TASK_STATE_PENDING);

        memcpy(id, t->id, sizeof(id));
        return id;
}

/* A file in the directory of a task, made behind the back of the store. */
static void plant(const char *id, const char *name, const char *text) {
        _cleanup_(closep) int fd = -EBADF;
        char path[256];

        (void) snprintf(path, sizeof(path), "var/cprof/tasks/%s", id);
        cr_assert_eq(mkdir_parents_at(dir_fd, path, 0700), 0);
        (void) snprintf(path, sizeof(path), "var/cprof/tasks/%s/%s", id, name);
        fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        cr_assert_eq(write_full_fd(fd, text, strlen(text)), 0);
}

static bool exists(const char *id, const char *name) {
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

static void add_to_list(const Task *t, void *userdata) {
        List *l = userdata;

        cr_assert_lt(l->n, ELEMENTSOF(l->ids));
        memcpy(l->ids[l->n], t->id, TASK_ID_MAX);
        l->states[l->n] = t->state;
        (void) snprintf(l->reasons[l->n], sizeof(l->reasons[0]), "%s", t->reason ? t->reason : "");
        l->n++;
}

static List list(Store *s) {
        List l = {};

        cr_assert_eq(store_for_each(s, add_to_list, &l), 0);
        return l;
}

Test(store, tasks_are_found_again_newest_first_also_after_a_restart) {
        for (unsigned restart = 0; restart < 2; restart++) {
                _cleanup_(store_freep) Store *s = make_store(&generous);
                _cleanup_(task_freep) Task *t = NULL;
                List l;

                if (restart == 0) {
                        write_task(s, 2, TASK_STATE_FINISHED);
                        write_task(s, 1, TASK_STATE_STOPPED);
                        write_task(s, 3, TASK_STATE_RUNNING);
                        write_task(s, 3, TASK_STATE_FAILED); /* again: replaces */
                }

                l = list(s);
                cr_assert_eq(l.n, 3);
                cr_expect_str_eq(l.ids[0], id_of(3));
                cr_expect_str_eq(l.ids[1], id_of(2));
                cr_expect_str_eq(l.ids[2], id_of(1));
                cr_expect_eq(l.states[0], TASK_STATE_FAILED);
                cr_expect_eq(l.states[2], TASK_STATE_STOPPED);

                cr_assert_eq(store_find(s, id_of(2), &t), 0);
                cr_expect_str_eq(t->unit, "nginx.service");
                cr_expect_str_eq(t->reason, "duration reached");
                cr_expect_eq(t->started.realtime_usec, REALTIME + 2 * USEC_PER_MINUTE);
        }
}

Test(store, what_is_not_there_is_enoent) {
        _cleanup_(store_freep) Store *s = make_store(&generous);
        char id[TASK_ID_MAX], *json = NULL;
        Task *t = NULL;

        cr_expect_eq(store_find(s, id_of(1), &t), -ENOENT);
        cr_expect_eq(store_find(s, "../..", &t), -ENOENT);
        cr_expect_eq(store_read_json(s, id_of(1), &json), -ENOENT);
        cr_expect_eq(store_open_profile(s, id_of(1)), -ENOENT);
        cr_expect_eq(store_delete(s, id_of(1)), -ENOENT);
        cr_expect_eq(store_delete(s, ".."), -ENOENT);
        cr_expect_eq(store_resolve_id(s, "latest", id), -ENOENT);

        write_task(s, 1, TASK_STATE_RUNNING);
        cr_expect_eq(store_open_profile(s, id_of(1)), -ENOENT, "a task without a profile");
}

Test(store, a_bad_id_is_no_file_name) {
        _cleanup_(store_freep) Store *s = make_store(&generous);
        _cleanup_(task_freep) Task *t = make_task(1, TASK_STATE_RUNNING);

        strcpy(t->id, "../x");
        cr_expect_eq(store_write_task(s, t), -EINVAL);
        cr_expect_eq(store_n_tasks(s), 0);
}

Test(store, evidence_is_for_its_owner_only) {
        _cleanup_(store_freep) Store *s = NULL;
        static const struct {
                const char *path;
                mode_t mode;
        } table[] = {
                { "var/cprof", 0700 },
                { "var/cprof/tasks", 0700 },
                { "var/cprof/tasks/20261121T031105-9f3c", 0700 },
                { "var/cprof/tasks/20261121T031105-9f3c/task.json", 0600 },
        };

        (void) umask(0);
        s = make_store(&generous);
        write_task(s, 1, TASK_STATE_RUNNING);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                struct stat st;

                cr_assert_eq(fstatat(dir_fd, table[i].path, &st, 0), 0, "%s", table[i].path);
                cr_expect_eq(st.st_mode & 07777, table[i].mode, "%s", table[i].path);
        }
}

Test(store, ids_can_be_shortened) {
        _cleanup_(store_freep) Store *s = make_store(&generous);
        static const struct {
                const char *text;
                int error;
                unsigned minute;
        } table[] = {
                { "20261121T031105-9f3c", 0, 1 },
                { "20261121T0311", 0, 1 },
                { "20261121T03", -ENOTUNIQ, 0 },
                { "9f3c", -ENOTUNIQ, 0 },
                { "105-9f3c", 0, 1 },
                { "2005-9f3c", 0, 10 },
                { "latest", 0, 60 },
                { "20261121T04", 0, 60 },
                { "", -ENOENT, 0 },
                { "late", -ENOENT, 0 },
                { "20261121T031105-9f3c0", -ENOENT, 0 },
                { "9f3", -ENOENT, 0 },
                { "0000000000000000000000000000000000000000000", -ENOENT, 0 },
        };

        write_task(s, 1, TASK_STATE_FINISHED);
        write_task(s, 10, TASK_STATE_FINISHED);
        write_task(s, 60, TASK_STATE_FINISHED);

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char id[TASK_ID_MAX] = "";

                cr_expect_eq(store_resolve_id(s, table[i].text, id), table[i].error, "'%s'", table[i].text);
                cr_expect_str_eq(
                                id, table[i].error < 0 ? "" : id_of(table[i].minute), "'%s'", table[i].text);
        }
}

Test(store, a_damaged_record_is_a_failed_task) {
        _cleanup_(store_freep) Store *s = NULL;
        _cleanup_(task_freep) Task *t = NULL;
        List l;

        plant("20261121T031105-0001", "task.json", "{\n\"format\": 1,\n");
        plant("20261121T031105-0002", "profile.pb.gz", "x"); /* no task.json */
        plant("20261121T031105-0003",
              "task.json",
              "{\"format\": 1, \"id\": \"20261121T031105-0004\", \"kind\": \"on-cpu\", \"state\": \"finished\"}");

        s = make_store(&generous);
        l = list(s);
        cr_assert_eq(l.n, 3);
        cr_expect_str_eq(l.ids[2], "20261121T031105-0001");
        cr_expect_eq(l.states[2], TASK_STATE_FAILED);
        cr_expect_eq(strncmp(l.reasons[2], "task.json is damaged: task.json:", 32), 0, "%s", l.reasons[2]);
        cr_expect_str_eq(l.reasons[1], "task.json is damaged: No such file or directory");
        cr_expect_str_eq(l.reasons[0], "task.json is damaged: it names another task");

        cr_assert_eq(store_find(s, "20261121T031105-0001", &t), 0);
        cr_expect_eq(t->started.realtime_usec, REALTIME + USEC_PER_MINUTE, "as its name says");
        cr_expect_str_eq(t->unit, "");
        cr_expect_eq(store_delete(s, "20261121T031105-0001"), 0);
        cr_expect_not(exists("20261121T031105-0001", ""));
}

Test(store, left_overs_go_and_what_is_foreign_stays) {
        _cleanup_(store_freep) Store *s = NULL;

        plant("20261121T031105-0001", ".#profile.pb.gz.tmp", "half");
        plant("20261121T031105-0002", ".#task.json.tmp", "half");
        plant("20261121T031105-0002", "notes.txt", "mine");
        plant("lost+found", "x", "y");
        plant("20261121T031105-xyzw", "task.json", "{}");

        s = make_store(&generous);
        cr_expect_not(exists("20261121T031105-0001", ""), "nothing was in it");
        cr_expect_not(exists("20261121T031105-0002", ".#task.json.tmp"));
        cr_expect(exists("20261121T031105-0002", "notes.txt"));
        cr_expect(exists("lost+found", "x"));
        cr_expect(exists("20261121T031105-xyzw", "task.json"));
        cr_expect_eq(store_n_tasks(s), 1);
}

Test(store, links_are_not_followed) {
        _cleanup_(store_freep) Store *s = NULL;

        plant("elsewhere", "task.json", "{}");
        cr_assert_eq(symlinkat("elsewhere", dir_fd, "var/cprof/tasks/20261121T031105-0001"), 0);
        s = make_store(&generous);
        cr_expect_eq(store_n_tasks(s), 0);
}

Test(store, the_text_of_a_record_can_be_read) {
        _cleanup_(store_freep) Store *s = make_store(&generous);
        _cleanup_(freep) char *json = NULL;

        write_task(s, 1, TASK_STATE_FINISHED);
        cr_assert_eq(store_read_json(s, id_of(1), &json), 0);
        cr_expect_not_null(strstr(json, "\"unit\": \"nginx.service\""));
}

static Profile *make_profile(ModuleTable *modules, unsigned n_stacks) {
        Profile *p = NULL;

        cr_assert_eq(profile_new(modules, 10101010, &p), 0);
        for (unsigned i = 0; i < n_stacks; i++) {
                const Frame frames[] = { FRAME(
                                PROFILE_MODULE_UNKNOWN, (i * UINT64_C(0x9e3779b97f4a7c15)) >> 20) };

                cr_assert_eq(profile_add(p, "t", frames, 1, 0, 1 + i % 7), 1);
        }

        return p;
}

Test(store, a_profile_is_kept_beside_its_task) {
        _cleanup_(store_freep) Store *s = make_store(&generous);
        _cleanup_(module_table_freep) ModuleTable *modules = NULL;
        _cleanup_(task_freep) Task *t = make_task(1, TASK_STATE_RUNNING);
        _cleanup_(profile_freep) Profile *p = NULL;
        _cleanup_(closep) int fd = -EBADF, out = -EBADF;
        const Symbols symbols = {};
        uint64_t before;
        char buf[64];

        cr_assert_eq(module_table_new(&modules), 0);
        p = make_profile(modules, 1);
        cr_assert_eq(store_write_profile(s, t, p, &symbols), 0, "makes the task as well");
        cr_expect(exists(t->id, "task.json"));
        before = store_usage_bytes(s);
        cr_expect_gt(before, 0);

        fd = store_open_profile(s, t->id);
        cr_assert_geq(fd, 0);
        cr_expect_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        out = openat(dir_fd, "folded", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_geq(out, 0);
        cr_assert_eq(pprof_convert_folded(fd, out), 0);
        cr_assert_eq(pread(out, buf, sizeof(buf), 0), 18);
        cr_expect_eq(memcmp(buf, "t;somewhere+0x1 1\n", 18), 0);

        cr_assert_eq(store_delete(s, t->id), 0);
        cr_expect_eq(store_usage_bytes(s), 0);
        cr_expect_eq(store_open_profile(s, t->id), -ENOENT);
        cr_expect_not(exists(t->id, ""));
}

/* In a process of its own: files cannot grow beyond a few hundred bytes, as on a disk that is nearly full.
 */
static int write_on_full_disk(Store *s, const Task *t, const Profile *p) {
        const struct rlimit limit = { .rlim_cur = 200, .rlim_max = 200 };
        const Symbols symbols = {};
        int status;
        pid_t pid;

        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) < 0)
                        _exit(1);
                _exit(-(p ? store_write_profile(s, t, p, &symbols) : store_write_task(s, t)));
        }

        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status));
        return -WEXITSTATUS(status);
}

Test(store, a_full_disk_leaves_what_was_there) {
        _cleanup_(store_freep) Store *s = make_store(&generous);
        _cleanup_(module_table_freep) ModuleTable *modules = NULL;
        _cleanup_(task_freep) Task *t = make_task(1, TASK_STATE_RUNNING),
                                   *other = make_task(2, TASK_STATE_RUNNING);
        _cleanup_(profile_freep) Profile *small = NULL, *large = NULL;
        _cleanup_(freep) char *before = NULL, *after = NULL;
        _cleanup_(closep) int fd = -EBADF;
        const Symbols symbols = {};
        struct stat st, st_after;

        cr_assert_eq(module_table_new(&modules), 0);
        small = make_profile(modules, 1);
        large = make_profile(modules, 1000);
        cr_assert_eq(store_write_profile(s, t, small, &symbols), 0);
        cr_assert_eq(store_read_json(s, t->id, &before), 0);
        fd = store_open_profile(s, t->id);
        cr_assert_geq(fd, 0);
        cr_assert_eq(fstat(fd, &st), 0);

        cr_expect_eq(write_on_full_disk(s, t, large), -EFBIG);
        cr_expect_eq(write_on_full_disk(s, t, NULL), -EFBIG);
        cr_expect_eq(write_on_full_disk(s, other, NULL), -EFBIG);

        cr_assert_eq(store_read_json(s, t->id, &after), 0);
        cr_expect_str_eq(after, before);
        fd = safe_close(fd);
        fd = store_open_profile(s, t->id);
        cr_assert_geq(fd, 0);
        cr_assert_eq(fstat(fd, &st_after), 0);
        cr_expect_eq(st_after.st_ino, st.st_ino);
        cr_expect_eq(st_after.st_size, st.st_size);
        cr_expect_not(exists(t->id, ".#profile.pb.gz.tmp"));
        cr_expect_not(exists(t->id, ".#task.json.tmp"));
        cr_expect_not(exists(other->id, ""), "no empty directory stays");
}

Test(store, interrupted_tasks_become_failed_and_keep_what_they_have) {
        struct timespec times[2] = { { .tv_sec = 1795230700, .tv_nsec = 5000 },
                                     { .tv_sec = 1795230700, .tv_nsec = 5000 } };
        char path[256];

        {
                _cleanup_(store_freep) Store *s = make_store(&generous);

                write_task(s, 1, TASK_STATE_RUNNING);
                write_task(s, 2, TASK_STATE_PENDING);
                write_task(s, 3, TASK_STATE_FINISHED);
        }
        plant(id_of(1), "profile.pb.gz", "partial");
        (void) snprintf(path, sizeof(path), "var/cprof/tasks/%s/profile.pb.gz", id_of(1));
        cr_assert_eq(utimensat(dir_fd, path, times, 0), 0);
        (void) snprintf(path, sizeof(path), "var/cprof/tasks/%s/task.json", id_of(1));
        times[0].tv_sec -= 10;
        times[1].tv_sec -= 10;
        cr_assert_eq(utimensat(dir_fd, path, times, 0), 0);

        for (unsigned restart = 0; restart < 2; restart++) {
                _cleanup_(store_freep) Store *s = make_store(&generous);
                _cleanup_(task_freep) Task *t = NULL;
                List l;

                cr_expect_eq(store_end_interrupted(s, "cprofd was killed"), restart == 0 ? 2 : 0);
                l = list(s);
                cr_assert_eq(l.n, 3);
                cr_expect_eq(l.states[0], TASK_STATE_FINISHED);
                cr_expect_str_eq(l.reasons[0], "duration reached");
                cr_expect_eq(l.states[1], TASK_STATE_FAILED);
                cr_expect_eq(l.states[2], TASK_STATE_FAILED);
                cr_expect_str_eq(l.reasons[2], "cprofd was killed");

                cr_assert_eq(store_find(s, id_of(1), &t), 0);
                cr_expect_eq(t->ended.realtime_usec, UINT64_C(1795230700) * USEC_PER_SEC + 5, "last write");
                cr_expect_eq(t->ended.monotonic_usec, 0);
                cr_expect(exists(id_of(1), "profile.pb.gz"));
        }
}

/* Makes a task take @bytes on disk. */
static void enlarge(const char *id, off_t bytes) {
        _cleanup_(closep) int fd = -EBADF;
        char path[256];

        plant(id, "profile.pb.gz", "");
        (void) snprintf(path, sizeof(path), "var/cprof/tasks/%s/profile.pb.gz", id);
        fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
        cr_assert_geq(fd, 0);
        cr_assert_eq(posix_fallocate(fd, 0, bytes), 0);
}

#define MIB ((off_t) 1024 * 1024)

static Store *make_large_store(const StoreConfig *config, unsigned n_tasks, off_t bytes) {
        {
                _cleanup_(store_freep) Store *s = make_store(&generous);

                for (unsigned i = 0; i < n_tasks; i++) {
                        write_task(s, i, TASK_STATE_FINISHED);
                        enlarge(id_of(i), bytes);
                }
        }

        return make_store(config);
}

Test(store, vacuum_deletes_the_oldest_until_the_use_fits) {
        const StoreConfig config = { .max_use_bytes = 7 * MIB,
                                     .keep_free_bytes = 1,
                                     .max_age_usec = USEC_INFINITY };
        _cleanup_(store_freep) Store *s = make_large_store(&config, 5, 2 * MIB);

        cr_expect_geq(store_usage_bytes(s), 10 * MIB);
        cr_expect_eq(store_vacuum(s, REALTIME, NULL), 2);
        cr_expect_eq(store_n_tasks(s), 3);
        cr_expect_not(exists(id_of(0), ""));
        cr_expect_not(exists(id_of(1), ""));
        cr_expect(exists(id_of(2), "profile.pb.gz"));
        cr_expect_leq(store_usage_bytes(s), 7 * MIB);
        cr_expect_eq(store_vacuum(s, REALTIME, NULL), 0, "now it fits");
}

Test(store, vacuum_spares_what_is_wanted_and_what_runs) {
        const StoreConfig config = { .max_use_bytes = 1,
                                     .keep_free_bytes = 1,
                                     .max_age_usec = USEC_INFINITY };
        const char *const keep[] = { "20261121T031105-9f3c", NULL };
        _cleanup_(store_freep) Store *s = make_large_store(&config, 4, 4096);

        write_task(s, 2, TASK_STATE_RUNNING);
        cr_expect_eq(store_vacuum(s, REALTIME, keep), 2);
        cr_expect_not(exists(id_of(0), ""));
        cr_expect(exists(id_of(1), "task.json"));
        cr_expect(exists(id_of(2), "task.json"));
        cr_expect_not(exists(id_of(3), ""));
}

Test(store, vacuum_deletes_what_is_too_old) {
        const StoreConfig config = {
                .max_use_bytes = UINT64_C(1) << 40,
                .keep_free_bytes = 1,
                .max_age_usec = 10 * USEC_PER_MINUTE,
        };
        _cleanup_(store_freep) Store *s = make_large_store(&config, 3, 4096);

        cr_expect_eq(store_vacuum(s, REALTIME + 10 * USEC_PER_MINUTE, NULL), 0);
        cr_expect_eq(store_vacuum(s, REALTIME + 11 * USEC_PER_MINUTE + 1, NULL), 2);
        cr_expect(exists(id_of(2), "task.json"));
        cr_expect_eq(store_vacuum(s, 0, NULL), 0, "a clock that was set back");
}

Test(store, a_disk_filled_by_others_leaves_the_newest_evidence) {
        const StoreConfig config = {
                .max_use_bytes = UINT64_C(1) << 40,
                .keep_free_bytes = UINT64_MAX,
                .max_age_usec = USEC_INFINITY,
        };
        _cleanup_(store_freep) Store *s = make_large_store(&config, 4, 7 * MIB);

        cr_expect_eq(store_vacuum(s, REALTIME, NULL), 2, "down to 16 MiB");
        cr_expect(exists(id_of(2), "profile.pb.gz"));
        cr_expect(exists(id_of(3), "profile.pb.gz"));
}

Test(store, new_bounds_hold_at_the_next_vacuum) {
        const StoreConfig tight = { .max_use_bytes = 1,
                                    .keep_free_bytes = 1,
                                    .max_age_usec = USEC_INFINITY };
        _cleanup_(store_freep) Store *s = make_large_store(&generous, 2, 4096);

        cr_expect_eq(store_vacuum(s, REALTIME, NULL), 0);
        store_set_config(s, &tight);
        cr_expect_eq(store_vacuum(s, REALTIME, NULL), 2);
        cr_expect_eq(store_usage_bytes(s), 0);
}

Test(store, one_task_that_cannot_be_deleted_does_not_protect_the_others) {
        const StoreConfig config = { .max_use_bytes = 1,
                                     .keep_free_bytes = 1,
                                     .max_age_usec = USEC_INFINITY };
        _cleanup_(store_freep) Store *s = make_large_store(&config, 3, 4096);

        cr_assert_eq(mkdirat(dir_fd, "var/cprof/tasks/20261121T031005-9f3c/mine", 0700), 0);
        cr_expect_eq(store_vacuum(s, REALTIME, NULL), 2);
        cr_expect(exists(id_of(0), "mine"));
        cr_expect(exists(id_of(0), "task.json"), "it stays a task");
        cr_expect_lt(store_vacuum(s, REALTIME, NULL), 0);
}

Test(store, a_directory_that_cannot_be_used_is_an_error) {
        Store *s = NULL;

        plant("x", "y", "");
        (void) snprintf(base, sizeof(base), "%s/var/file", directory);
        safe_close(openat(dir_fd, "var/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        cr_expect_eq(store_new(base, &generous, &s), -ENOTDIR);
        cr_expect_null(s);
}
