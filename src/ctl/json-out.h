/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/ctl.h"

#include <jansson.h>

/* Prints @value as --json asks for. Returns 0 or -ENOMEM (also for NULL: building failed), having
 * complained. */
int json_out(const Ctl *c, const json_t *value);

/* A number, or null for what JSON has no number for. */
json_t *json_number_or_null(double value);

/* A list of strings; NULL is an empty one. */
json_t *json_strings(char *const *strings);

/* Member by path, "cause.policy": members that are not there are NULL. Borrowed. */
const json_t *json_at(const json_t *object, const char *path);
/* Of the members themselves with a stand-in for what is absent or of another type. */
const char *json_text_at(const json_t *object, const char *path, const char *otherwise);
uint64_t json_u64_at(const json_t *object, const char *path);
double json_real_at(const json_t *object, const char *path);
