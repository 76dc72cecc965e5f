/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/json-out.h"

typedef enum TaskWaitFlags {
        TASK_WAIT_STOP = 1 << 0, /* the first Ctrl-C stops the task instead of leaving it alone */
} TaskWaitFlags;

/* Waits until the task is over, with a progress line on a terminal (standard error), and hands its last
 * record over. -EINTR when a person wanted no more waiting. Complains itself about all else. */
int task_wait(Ctl *c, const char *id, TaskWaitFlags flags, json_t **ret_task);

/* The exit status that the end of a task stands for: EXIT_FAILURE for "failed". */
int task_exit_status(const json_t *task);

/* "Task ID finished (duration reached): 1188 samples of nginx.service." on standard error. */
void task_print_end(const json_t *task);
