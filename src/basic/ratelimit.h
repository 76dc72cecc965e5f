/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/time-util.h"

#include <stdbool.h>

/* At most @burst events within @interval_usec, counted from the first of them. Pure: time is a parameter. */
typedef struct RateLimit {
        usec_t interval_usec;
        unsigned burst;

        usec_t begin_usec;
        unsigned n_passed;
        unsigned n_suppressed; /* since the last event that passed */
} RateLimit;

static inline bool ratelimit_below(RateLimit *l, usec_t now_usec) {
        if (l->n_passed == 0 || now_usec - l->begin_usec >= l->interval_usec) {
                l->begin_usec = now_usec;
                l->n_passed = 0;
        }

        if (l->n_passed >= l->burst) {
                l->n_suppressed++;
                return false;
        }

        l->n_passed++;
        l->n_suppressed = 0;
        return true;
}
