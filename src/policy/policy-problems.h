/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stddef.h>

/* A bounded list of messages: what a reload has to complain about. Zero-initialise. */
typedef struct PolicyProblems {
        char **messages; /* NULL-terminated; NULL while empty */
        size_t n;
        size_t n_more; /* beyond POLICY_PROBLEMS_MAX, only counted */
} PolicyProblems;

#define POLICY_PROBLEMS_MAX 1024U

void policy_problems_done(PolicyProblems *p);

int policy_problems_add(PolicyProblems *p, const char *format, ...) _printf_(2, 3);

/* Adds a last line for those only counted. To be called once. */
int policy_problems_finish(PolicyProblems *p);
