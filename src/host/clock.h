/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/time-util.h"

/* The only place that reads a clock. */
usec_t clock_monotonic_usec(void);
usec_t clock_realtime_usec(void);
uint64_t clock_thread_cpu_nsec(void); /* CPU time of the calling thread */

/* The wall-clock instant of a CLOCK_MONOTONIC one, by the difference of the clocks now. */
usec_t clock_monotonic_to_realtime(usec_t monotonic_usec);
