/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/watch-set.h"

/* Of the subjects for which a policy's rules on the whole host hold in one second, those that use most CPU.
 */

#define BUSIEST_SUBJECTS_MAX 3U
#define BUSIEST_CAUSES_MAX 16U     /* rules of one policy that can hold together; more are dropped */
#define BUSIEST_POLICIES_MAX 1024U /* at once; more are dropped */

typedef struct BusiestSubject {
        double cpu_percent;
        Cause causes[BUSIEST_CAUSES_MAX]; /* all of the same policy and subject */
        size_t n_causes;
} BusiestSubject;

typedef struct BusiestOfPolicy {
        const Policy *policy;                          /* borrowed, for this second */
        BusiestSubject subjects[BUSIEST_SUBJECTS_MAX]; /* most CPU first */
        size_t n_subjects;
} BusiestOfPolicy;

/* Zero-initialise. */
typedef struct Busiest {
        BusiestOfPolicy *policies;
        size_t n_policies, n_allocated;
        size_t last; /* found last: causes come subject by subject, so that policies recur in the same order
                      */
} Busiest;

void busiest_done(Busiest *b);
void busiest_clear(Busiest *b);

/* A subject without CPU use (0 or NAN) is none of them. Ties go to the one that came first. -E2BIG, -ENOMEM.
 */
int busiest_add(Busiest *b, const Cause *cause, double cpu_percent);
