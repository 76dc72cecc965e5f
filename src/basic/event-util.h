/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Priorities of the sources on the one sd-event loop, most urgent first: nothing may delay the sampling
 * second. */
enum {
        EVENT_PRIORITY_SIGNAL = -200,
        EVENT_PRIORITY_TICK = -100, /* the one-second pipeline */
        EVENT_PRIORITY_DRAIN = -50, /* ring buffers of running tasks */
        EVENT_PRIORITY_BUS = 0,
        EVENT_PRIORITY_OAP = 20, /* what OAP answered, what it is to be told */
        EVENT_PRIORITY_RELOAD = 50,
        EVENT_PRIORITY_IDLE = 100, /* symbolizing, writing, retention */
};
