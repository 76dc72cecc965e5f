/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/folded.h"
#include "ctl/json-out.h"

#include "basic/profile-kind.h"
#include "basic/time-util.h"

/* Task records and profiles as the bus gives them. All of these complain themselves. */

/* The record of a task, which must be an object with an ID. @id may be "latest" or a part. */
int task_get(Ctl *c, const char *id, json_t **ret_task);

const char *task_id(const json_t *task);
/* "on-cpu off-cpu" in @buf; "?" for a record that does not say. */
const char *task_kinds_text(const json_t *task, char buf[static PROFILE_KINDS_TEXT_MAX]);
bool task_has_kind(const json_t *task, ProfileKind kind);
bool task_state_is_over(const char *state);

/* A descriptor of the profile, blocking, maybe a pipe. A task that has just ended is still being written:
 * that is waited for, @patience_usec at most. */
int task_open_profile(Ctl *c, const json_t *task, const char *format, usec_t patience_usec, int *ret_fd);

/* @format is a folded one: "folded" (what the task recorded), "before-folded" (what the recorder had of the
 * time before the trigger), "folded-offcpu" (microseconds blocked), "folded-waits" (the same, as
 * folded_waits() reads it). */
int task_read_profile(
                Ctl *c, const json_t *task, const char *format, usec_t patience_usec, Folded **ret_folded);

#define TASK_PATIENCE (5 * USEC_PER_SEC)

/* A human view of the record. */
void task_print(const Ctl *c, const json_t *task);
