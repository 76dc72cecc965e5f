/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-symbols.h"
#include "store/pprof.h"
#include "store/store-fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

TestSuite(store, .timeout = 60, .init = make_directory, .fini = remove_directory);

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
        cr_expect_eq(store_open_profile(s, id_of(1), TASK_PART_RECORDED), -ENOENT);
        cr_expect_eq(store_delete(s, id_of(1)), -ENOENT);
        cr_expect_eq(store_delete(s, ".."), -ENOENT);
        cr_expect_eq(store_resolve_id(s, "latest", id), -ENOENT);

        write_task(s, 1, TASK_STATE_RUNNING);
        cr_expect_eq(store_open_profile(s, id_of(1), TASK_PART_RECORDED),
                     -ENOENT,
                     "a task without a profile");
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
        cr_assert_eq(store_write_profile(s, t, TASK_PART_RECORDED, p, &symbols),
                     0,
                     "makes the task as well");
        cr_expect(exists(t->id, "task.json"));
        before = store_usage_bytes(s);
        cr_expect_gt(before, 0);

        fd = store_open_profile(s, t->id, TASK_PART_RECORDED);
        cr_assert_geq(fd, 0);
        cr_expect_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        out = openat(dir_fd, "folded", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_geq(out, 0);
        cr_assert_eq(pprof_convert_folded(fd, out, PPROF_VALUE_DEFAULT), 0);
        cr_assert_eq(pread(out, buf, sizeof(buf), 0), 18);
        cr_expect_eq(memcmp(buf, "t;somewhere+0x1 1\n", 18), 0);

        cr_assert_eq(store_delete(s, t->id), 0);
        cr_expect_eq(store_usage_bytes(s), 0);
        cr_expect_eq(store_open_profile(s, t->id, TASK_PART_RECORDED), -ENOENT);
        cr_expect_not(exists(t->id, ""));
}

/* In a process of its own: files cannot grow beyond a few hundred bytes, as on a disk that is nearly full.
 */
Test(store, the_time_before_has_a_file_of_its_own) {
        _cleanup_(store_freep) Store *s = make_store(&generous);
        _cleanup_(module_table_freep) ModuleTable *modules = NULL;
        _cleanup_(task_freep) Task *t = make_task(1, TASK_STATE_RUNNING);
        _cleanup_(profile_freep) Profile *p = NULL;
        _cleanup_(closep) int fd = -EBADF;
        const Symbols symbols = {};
        uint64_t usage;

        cr_assert_eq(module_table_new(&modules), 0);
        p = make_profile(modules, 1);
        cr_assert_eq(store_write_profile(s, t, TASK_PART_BEFORE, p, &symbols), 0);
        cr_expect(exists(t->id, "before.pb.gz"));
        cr_expect_eq(store_open_profile(s, t->id, TASK_PART_RECORDED), -ENOENT);
        fd = store_open_profile(s, t->id, TASK_PART_BEFORE);
        cr_expect_geq(fd, 0);

        usage = store_usage_bytes(s);
        cr_assert_eq(store_write_profile(s, t, TASK_PART_RECORDED, p, &symbols), 0);
        cr_expect_gt(store_usage_bytes(s), usage, "both count");
        cr_assert_eq(store_delete(s, t->id), 0);
        cr_expect_eq(store_usage_bytes(s), 0);
        cr_expect_not(exists(t->id, "before.pb.gz"));
}

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
                _exit(-(p ? store_write_profile(s, t, TASK_PART_RECORDED, p, &symbols)
                          : store_write_task(s, t)));
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
        cr_assert_eq(store_write_profile(s, t, TASK_PART_RECORDED, small, &symbols), 0);
        cr_assert_eq(store_read_json(s, t->id, &before), 0);
        fd = store_open_profile(s, t->id, TASK_PART_RECORDED);
        cr_assert_geq(fd, 0);
        cr_assert_eq(fstat(fd, &st), 0);

        cr_expect_eq(write_on_full_disk(s, t, large), -EFBIG);
        cr_expect_eq(write_on_full_disk(s, t, NULL), -EFBIG);
        cr_expect_eq(write_on_full_disk(s, other, NULL), -EFBIG);

        cr_assert_eq(store_read_json(s, t->id, &after), 0);
        cr_expect_str_eq(after, before);
        fd = safe_close(fd);
        fd = store_open_profile(s, t->id, TASK_PART_RECORDED);
        cr_assert_geq(fd, 0);
        cr_assert_eq(fstat(fd, &st_after), 0);
        cr_expect_eq(st_after.st_ino, st.st_ino);
        cr_expect_eq(st_after.st_size, st.st_size);
        cr_expect_not(exists(t->id, ".#profile.pb.gz.tmp"));
        cr_expect_not(exists(t->id, ".#task.json.tmp"));
        cr_expect_not(exists(other->id, ""), "no empty directory stays");
}

/* What is in the way makes writing fail as a full disk does, for root as well. */
Test(store, a_task_whose_end_cannot_be_written_is_over_all_the_same) {
        _cleanup_(store_freep) Store *s = make_store(&generous);
        _cleanup_(task_freep) Task *ended = make_task(1, TASK_STATE_FINISHED), *found = NULL;
        _cleanup_(freep) char *json = NULL, *path = NULL;

        write_task(s, 1, TASK_STATE_RUNNING);
        cr_assert_geq(asprintf(&path, "var/cprof/tasks/%s/task.json", ended->id), 0);
        cr_assert_eq(unlinkat(dir_fd, path, 0), 0);
        cr_assert_eq(mkdirat(dir_fd, path, 0700), 0);

        cr_expect_lt(store_write_task(s, ended), 0);
        cr_expect_eq(list(s).states[0], TASK_STATE_FINISHED);
        cr_assert_eq(store_find(s, ended->id, &found), 0);
        cr_expect_eq(found->state, TASK_STATE_FINISHED);
        cr_assert_eq(store_read_json(s, ended->id, &json), 0);
        cr_expect(strstr(json, "finished"));

        cr_assert_eq(unlinkat(dir_fd, path, AT_REMOVEDIR), 0);
        cr_expect_eq(store_write_task(s, ended), 0);
        free(json);
        cr_assert_eq(store_read_json(s, ended->id, &json), 0);
        cr_expect(strstr(json, "finished"));
        cr_expect(exists(ended->id, "task.json"));
}

Test(store, a_directory_that_cannot_be_used_is_an_error) {
        Store *s = NULL;

        plant("x", "y", "");
        (void) snprintf(base, sizeof(base), "%s/var/file", directory);
        safe_close(openat(dir_fd, "var/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        cr_expect_eq(store_new(base, &generous, &s), -ENOTDIR);
        cr_expect_null(s);
}
