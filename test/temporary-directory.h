/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

/* A directory of the test's own, gone with all that is in it when the test is done with it. */
typedef struct TemporaryDirectory {
        char path[64];
        int fd; /* of the directory */
} TemporaryDirectory;

/* Below @parent: "/tmp", or "/dev/shm" where a disk would be waited for. */
static inline void temporary_directory_init(TemporaryDirectory *d, const char *parent) {
        (void) snprintf(d->path, sizeof(d->path), "%s/cprof-test-XXXXXX", parent);
        cr_assert_not_null(mkdtemp(d->path));
        d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(d->fd, 0);
}

static inline void temporary_directory_done(TemporaryDirectory *d) {
        char command[128];

        (void) safe_close(d->fd);
        (void) snprintf(command, sizeof(command), "rm -rf '%s'", d->path);
        cr_expect_eq(system(command), 0);
}
