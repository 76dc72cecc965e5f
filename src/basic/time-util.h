/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Microseconds; of CLOCK_MONOTONIC unless the name says realtime. Reading a clock is host/clock.h's
 * business. */
typedef uint64_t usec_t;

#define USEC_INFINITY UINT64_MAX
#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_SEC UINT64_C(1000000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY (24 * USEC_PER_HOUR)

#define TIMESPAN_TEXT_MAX 64

/* Parses a time span as systemd.time(7) writes it: "90", "10min", "1h 30min", "250ms"; a bare number is
 * seconds. Units: us, ms, s/sec, m/min, h/hr, d. Returns -EINVAL for bad text, -ERANGE for one above a
 * century. */
int timespan_parse(const char *text, usec_t *ret_usec);

/* Writes @usec in the same syntax, largest unit first, without loss down to 1 us ("1min 30s"). Returns @buf.
 */
const char *timespan_format(usec_t usec, char buf[static TIMESPAN_TEXT_MAX]);

#define TIMESTAMP_TEXT_MAX 40

/* ISO 8601 in UTC with microseconds, "2026-11-21T03:10:05.123456Z". @realtime_usec is since the epoch. */
const char *timestamp_format(usec_t realtime_usec, char buf[static TIMESTAMP_TEXT_MAX]);
