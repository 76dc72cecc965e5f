/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/symbolizer.h"
#include "task/task.h"

#include <stddef.h>

/* Fields of message Profile, proto/pprof.proto */
enum {
        PPROF_FIELD_SAMPLE_TYPE = 1,
        PPROF_FIELD_SAMPLE = 2,
        PPROF_FIELD_MAPPING = 3,
        PPROF_FIELD_LOCATION = 4,
        PPROF_FIELD_FUNCTION = 5,
        PPROF_FIELD_STRING_TABLE = 6,
};

/* The pprof format (profile.proto of github.com/google/pprof), gzip-compressed: sample types "samples"
 * (count) and "cpu" (nanoseconds) of an on-CPU task, "switches" (count) and "offcpu" (nanoseconds) of an
 * off-CPU task, all four of one that is both; the time before has the first two. The default is "cpu", else
 * "offcpu". Labels "thread" and, where threads waited, "state"; mappings with build ids, locations by frame,
 * functions by name. @profile is that of the part. *ret_data is to be freed. */
int pprof_encode(
                const Task *t,
                TaskPart part,
                const Profile *profile,
                const Symbols *symbols,
                void **ret_data,
                size_t *ret_length);

#define PPROF_COMPRESSED_MAX (256U * 1024 * 1024)
#define PPROF_UNPACKED_MAX (512U * 1024 * 1024)

/* Which value of the samples folded stacks have. */
typedef enum PprofValue {
        PPROF_VALUE_DEFAULT, /* samples; if there are none, waits in microseconds */
        PPROF_VALUE_OFFCPU,  /* waits in microseconds, -ENODATA for a file without */
        PPROF_VALUE_WAITS,   /* ditto, with the state as the innermost frame: "[sleep]" */
        _PPROF_VALUE_MAX,
        _PPROF_VALUE_INVALID = -EINVAL,
} PprofValue;
const char *pprof_value_to_string(PprofValue v); /* "default", "offcpu", "waits" */
int pprof_value_from_string(const char *name);

/* Reads such a file from @in_fd (from its beginning, by pread(2): -ESPIPE for a pipe) and writes it to
 * @out_fd as folded stacks: "thread;outermost;…;innermost COUNT\n" with ';' in names replaced by ':', kernel
 * frames ending in "_[k]". Equal stacks may come more than once. -EBADMSG for what is no such file, -EFBIG
 * beyond the bounds, else what write(2) says, -EPIPE if the caller ignores SIGPIPE. Meant to run in a
 * process of its own. */
int pprof_convert_folded(int in_fd, int out_fd, PprofValue value);
