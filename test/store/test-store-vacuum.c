/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-symbols.h"
#include "store/store-fixture.h"

TestSuite(store_vacuum, .timeout = 60, .init = make_directory, .fini = remove_directory);

Test(store_vacuum, interrupted_tasks_become_failed_and_keep_what_they_have) {
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

Test(store_vacuum, vacuum_deletes_the_oldest_until_the_use_fits) {
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

Test(store_vacuum, vacuum_spares_what_is_wanted_and_what_runs) {
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

Test(store_vacuum, vacuum_deletes_what_is_too_old) {
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

Test(store_vacuum, a_disk_filled_by_others_leaves_the_newest_evidence) {
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

Test(store_vacuum, new_bounds_hold_at_the_next_vacuum) {
        const StoreConfig tight = { .max_use_bytes = 1,
                                    .keep_free_bytes = 1,
                                    .max_age_usec = USEC_INFINITY };
        _cleanup_(store_freep) Store *s = make_large_store(&generous, 2, 4096);

        cr_expect_eq(store_vacuum(s, REALTIME, NULL), 0);
        store_set_config(s, &tight);
        cr_expect_eq(store_vacuum(s, REALTIME, NULL), 2);
        cr_expect_eq(store_usage_bytes(s), 0);
}

Test(store_vacuum, one_task_that_cannot_be_deleted_does_not_protect_the_others) {
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
