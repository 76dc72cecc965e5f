/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "config.h"

#include "basic/file-io.h"
#include "basic/strv.h"
#include "cprof-config.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* Files of settings below a directory of their own. */
#define MAIN_FILE "/etc/cprof/cprofd.conf"
#define ETC_DROPINS "/etc/cprof/cprofd.conf.d/"
#define RUN_DROPINS "/run/cprof/cprofd.conf.d/"
#define VENDOR_DROPINS CPROF_VENDOR_DIR "/cprofd.conf.d/"

static char root[] = "/tmp/test-config-XXXXXX";

static inline void init(void) {
        cr_assert_not_null(mkdtemp(root));
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static inline void done(void) {
        (void) nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path below the root, with its directories. */
static inline const char *make_path(const char *path) {
        static char full[PATH_MAX];
        char *slash;

        cr_assert_lt(snprintf(full, sizeof(full), "%s%s", root, path), (int) sizeof(full));
        slash = strrchr(full, '/');
        *slash = '\0';
        cr_assert_geq(mkdir_parents_at(AT_FDCWD, full, 0755), 0);
        *slash = '/';
        return full;
}

static inline void put_n(const char *path, const char *text, size_t length) {
        _cleanup_(closep) int fd = open(make_path(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        cr_assert_geq(fd, 0, "%s", path);
        cr_assert_geq(write_full_fd(fd, text, length), 0);
}

static inline void put(const char *path, const char *text) {
        put_n(path, text, strlen(text));
}

/* Each of the NULL-terminated @expected stands below the root. */
static inline void expect_load(Config *ret_config, const char *const *expected) {
        _cleanup_(strv_freep) char **problems = NULL;
        size_t n;

        cr_assert_eq(config_load(root, ret_config, &problems), 0);
        n = strv_length(problems);
        for (size_t i = 0; i < n && expected[i]; i++) {
                cr_assert_eq(strncmp(problems[i], root, strlen(root)), 0, "%s", problems[i]);
                cr_expect_str_eq(problems[i] + strlen(root), expected[i]);
        }
        cr_expect_eq(n,
                     strv_length((char *const *) expected),
                     "%zu problems, the last is %s",
                     n,
                     n > 0 ? problems[n - 1] : "");
}

#define LOAD(c, ...) expect_load(c, (const char *const[8]){ __VA_ARGS__ })
