/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/file-io.h"
#include "store/pprof.h"

#include <criterion/criterion.h>
#include <sys/mman.h>

/* A file in memory with @data. */
static inline int make_file(const void *data, size_t length) {
        int fd = memfd_create("pprof", MFD_CLOEXEC);

        cr_assert_geq(fd, 0);
        cr_assert_eq(write_full_fd(fd, data, length), 0);
        return fd;
}

/* The folded stacks of a pprof file. */
static inline int convert_value(const void *data, size_t length, PprofValue value, char **ret_folded) {
        _cleanup_(closep) int in = make_file(data, length), out = make_file("", 0);
        int r;

        r = pprof_convert_folded(in, out, value);
        if (r < 0)
                return r;

        cr_assert_eq(lseek(out, 0, SEEK_SET), 0);
        cr_assert_eq(read_full_fd(out, 64U << 20, ret_folded, NULL), 0);
        return r;
}

static inline int convert(const void *data, size_t length, char **ret_folded) {
        return convert_value(data, length, PPROF_VALUE_DEFAULT, ret_folded);
}
