/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/task.h"

#include <stddef.h>

#define TASK_RECORD_SIZE_MAX (1024U * 1024)

/* task.json, format 1. Times are microseconds: "*_monotonic_usec" of CLOCK_MONOTONIC, "*_realtime_usec" since the epoch. */
int task_record_format(const Task *t, char **ret_json);

/* Reads it back (without the profile). Bounded and strict about types; unknown members are ignored. -EBADMSG with a
 * message "task.json:LINE: …". */
int task_record_parse(const char *json, size_t length, Task **ret_task, char **reterr_message);
