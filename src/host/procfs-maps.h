/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"

#include <stddef.h>

/* One line of /proc/PID/maps. @path points into the parsed line and is not terminated there. */
typedef struct MapsLine {
        uint64_t start, end, offset;
        bool executable;
        uint32_t dev_major, dev_minor;
        uint64_t inode;
        const char *path; /* "", "[vdso]", "/usr/bin/x (deleted)" */
        size_t path_length;
} MapsLine;

#define MAPS_LINES_MAX 200000U /* lines looked at in one process; more is -E2BIG */
#define MAPS_TEXT_MAX (64U * 1024 * 1024)

/* Pure: parses one line (no '\n'). Returns -EBADMSG for what is none. */
int maps_line_parse(const char *line, size_t length, MapsLine *ret);

/* Calls @fn for each executable mapping, ascending by address. -ESRCH when the process is gone or has no
 * memory. */
int procfs_for_each_exec_mapping(
                const Host *h, pid_t pid, int (*fn)(const MapsLine *line, void *userdata), void *userdata);
