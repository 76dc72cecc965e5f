/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stddef.h>
#include <stdint.h>

/* Names of code that a runtime wrote at run time, from /tmp/perf-PID.map. The process writes that file
 * itself: nothing in it is true until checked, and it grows while we read. Memory is used again for
 * other code, so that of the lines that hold an address the last one is meant. */
typedef struct PerfMap PerfMap;

#define PERF_MAP_TEXT_MAX (64U << 20)           /* of a larger file the end is read, which is the newest */
#define PERF_MAP_LINES_MAX (2U * 1000U * 1000U) /* a file with more is not used */
#define PERF_MAP_CODES_MAX (512U * 1024U)       /* ditto: lines about the addresses that are asked for */
#define PERF_MAP_CODE_SIZE_MAX (64U << 20)      /* a piece of code above that is none */
#define PERF_MAP_NAME_MAX 2048U                 /* bytes of a name; what is longer is cut */

typedef struct PerfMapLine {
        uint64_t start, size;
        const char *name; /* not terminated */
        size_t name_length;
} PerfMapLine;

/* Pure: "7f3c40 1a0 LazyCompile:~f /x.js:12"; start and size are hexadecimal, with or
 * without "0x", the name is the rest. -EBADMSG. */
int perf_map_line_parse(const char *line, size_t length, PerfMapLine *ret);

/* Looks for the @n_addresses ascending @addresses. They and @fd are borrowed until perf_map_free().
 * Returns -EBADMSG if @fd is no regular file, -EFBIG, -ENOMEM. */
int perf_map_new(int fd, const uint64_t *addresses, size_t n_addresses, PerfMap **ret);
PerfMap *perf_map_free(PerfMap *m);
DEFINE_CLEANUP(PerfMap *, perf_map_free)

/* Returns 1 while there is more to do, 0 when done, -E2BIG, -ENOMEM or an error of pread(2). */
int perf_map_step(PerfMap *m);

/* After 0: the name of the code at @addresses[@i]. -ENOENT when there is
 * none, or the file was written anew since. */
int perf_map_name(const PerfMap *m, size_t i, char ret_name[static PERF_MAP_NAME_MAX + 1]);
