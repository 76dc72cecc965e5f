/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/folded.h"
#include "ctl/json-out.h"

/* What a task found: the functions that ran, and those that waited. */
typedef struct TaskTop {
        Folded *on_cpu, *waits; /* NULL: not recorded */
} TaskTop;

/* Complains itself, as the next one does. */
int task_top_read(Ctl *c, const json_t *task, TaskTop *ret);
void task_top_done(TaskTop *t);

/* The @max first of each. */
int task_top_print(const Ctl *c, const TaskTop *t, size_t max);
/* Adds them to @task as "top" and "waits". */
int task_top_to_json(const TaskTop *t, size_t max, json_t *task);
