/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/time-util.h"

#include <stdbool.h>
#include <stddef.h>

/* One metric of one subject over time: a ring of one-second slots. Slot N is [N s, N+1 s) of
 * CLOCK_MONOTONIC. Time moves the window, data does not. Pure value logic: no I/O, no clock. */
typedef struct Window Window;

#define WINDOW_LENGTH_SEC_MAX 600U

/* @length_sec is the longest period any policy asks for, 1…WINDOW_LENGTH_SEC_MAX. -ERANGE for a bad one,
 * -ENOMEM. */
int window_new(unsigned length_sec, Window **ret_window);
Window *window_free(Window *w);
DEFINE_CLEANUP(Window *, window_free)

unsigned window_length(const Window *w);

/* Makes it longer or shorter; the newest slots are kept. */
int window_resize(Window **w, unsigned length_sec);

/* Records @value for the slot that holds @at_usec; the last value within a slot wins; NAN = no value.
 * Returns 1 if recorded, 0 if the slot is older than the window or @at_usec lies before the newest slot by
 * more than its length. */
int window_add(Window *w, usec_t at_usec, double value);

typedef struct WindowHits {
        unsigned hits; /* slots with value >= threshold among the last @period_sec up to the slot of now */
        double latest; /* of the newest matching slot, NAN for none */
        double peak;   /* highest matching value, NAN for none */
} WindowHits;

/* @slot_usec lies in the newest slot looked at (evaluate passes the slot that just closed). */
WindowHits window_hits(const Window *w, usec_t slot_usec, unsigned period_sec, double threshold);

/* The last @n slots up to that of @slot_usec, oldest first, NAN where there is no value. */
void window_values(const Window *w, usec_t slot_usec, unsigned n, double *ret_values);
