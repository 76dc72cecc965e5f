/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

/* The fixture program and its stripped forms, which the build makes. */

/* It is linked to run at 4 MiB, and the code is at the same place in the file: the linker's default. */
#define SUBJECT_BASE UINT64_C(0x400000)

static inline const char *subject_path(const char *name, char buffer[static PATH_MAX]) {
        (void) snprintf(buffer, PATH_MAX, "%s/%s", getenv("CPROF_SUBJECTS"), name);
        return buffer;
}

static inline int open_subject(const char *name) {
        char path[PATH_MAX];
        int fd;

        fd = open(subject_path(name, path), O_RDONLY | O_CLOEXEC);
        cr_assert(fd >= 0, "%s is missing", path);
        return fd;
}

/* Address of a symbol by nm(1): another reader of the same file. */
static inline uint64_t nm_address(const char *name) {
        char line[512], path[PATH_MAX];
        _cleanup_(fclosep) FILE *f = NULL;
        uint64_t found = 0;

        f = fopen(subject_path("subject.nm", path), "re");
        cr_assert(f);

        while (fgets(line, sizeof(line), f)) {
                char type, symbol[256];
                uint64_t address;

                if (sscanf(line, "%" SCNx64 " %c %255s", &address, &type, symbol) == 3 &&
                    strcmp(symbol, name) == 0)
                        found = address;
        }

        cr_assert(found > 0, "nm knows no '%s'", name);
        return found;
}

/* Where an address of this process is: the path of the file, the offset in it, and
 * the bytes that are mapped from there on. */
static inline void
locate(const void *code, char ret_path[static PATH_MAX], uint64_t *ret_offset, size_t *ret_size) {
        _cleanup_(fclosep) FILE *f = fopen("/proc/self/maps", "re");
        uint64_t address = (uint64_t) (uintptr_t) code;
        char line[PATH_MAX + 128];

        cr_assert(f);
        while (fgets(line, sizeof(line), f)) {
                uint64_t start, end, offset;

                ret_path[0] = '\0';
                if (sscanf(line,
                           "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %4095s",
                           &start,
                           &end,
                           &offset,
                           ret_path) >= 3 &&
                    address >= start && address < end) {
                        *ret_offset = offset + (address - start);
                        *ret_size = end - address;
                        return;
                }
        }

        cr_assert_fail("%p is not mapped", code);
}
