/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-abi.h"

#include "task/process-cache.h"
#include "task/profile.h"

/* Addresses of one sample turned into modules and offsets, once for all that record it. */

typedef struct ResolvedStack {
        ResolvedFrame user[RESOLVED_FRAMES_MAX];
        Frame kernel[CPROF_STACK_MAX]; /* the same in every profile */
        unsigned n_kernel, n_user;
        unsigned n_python;  /* of n_user: functions of an interpreter */
        bool python_misfit; /* native and Python frames did not fit each other */
} ResolvedStack;

#define STACK_FRAMES_MAX (CPROF_STACK_MAX + RESOLVED_FRAMES_MAX)
_Static_assert(STACK_FRAMES_MAX <= PROFILE_FRAMES_MAX, "a sample fits a profile");

/* Fills @s, whatever it held; its references are given back by stack_release(). */
void stack_resolve(
                ResolvedStack *s,
                ProcessCache *cache,
                ProcessEntry *e,
                const struct cprof_sample *sample,
                usec_t now_usec);
void stack_release(ResolvedStack *s);

/* Its frames as those of @p, STACK_FRAMES_MAX at most. Returns how many, at least one; adds those in no
 * known module to *n_unknown. */
unsigned stack_frames(const ResolvedStack *s, Profile *p, Frame *ret_frames, uint64_t *n_unknown);

/* Adds it to @p as @n samples and the number of its frames in no known module to *n_unknown. Returns as
 * profile_add(). */
int stack_add(const ResolvedStack *s, Profile *p, const char *thread_name, uint64_t n, uint64_t *n_unknown);
