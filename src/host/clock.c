/* SPDX-License-Identifier: Apache-2.0 */
#include "host/clock.h"

#include <time.h>

static usec_t clock_usec(clockid_t id) {
        struct timespec ts;

        (void) clock_gettime(id, &ts); /* these two clocks always exist */
        return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / NSEC_PER_USEC;
}

usec_t clock_monotonic_usec(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

usec_t clock_realtime_usec(void) {
        return clock_usec(CLOCK_REALTIME);
}

uint64_t clock_thread_cpu_nsec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts); /* exists since Linux 2.6.12 */
        return (uint64_t) ts.tv_sec * NSEC_PER_SEC + (uint64_t) ts.tv_nsec;
}

usec_t clock_monotonic_to_realtime(usec_t monotonic_usec) {
        return clock_realtime_usec() - clock_monotonic_usec() + monotonic_usec;
}
