/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/ctl.h"

/* How values look to a person: colours, times, numbers. */

typedef enum Colour {
        COLOUR_NORMAL,
        COLOUR_BOLD,
        COLOUR_DIM,
        COLOUR_RED,
        COLOUR_GREEN,
        COLOUR_YELLOW,
        _COLOUR_MAX,
} Colour;

/* The escape sequence, or "" where colours are off. */
const char *colour_on(const Ctl *c, Colour colour);

/* Fills .tty, .colour, .utf8 and .columns from the environment. */
void ctl_look_at_terminal(Ctl *c);

#define VIEW_TEXT_MAX 64

/* "9.9ms", "12s", "1min 30s": to be read, not to be parsed. "infinity" for USEC_INFINITY. Returns @buf. */
const char *view_span(usec_t usec, char buf[static VIEW_TEXT_MAX]);
/* "Sat 2026-11-21 03:10:05 UTC" in the local time zone; "-" for 0. */
const char *view_time(usec_t realtime_usec, char buf[static VIEW_TEXT_MAX]);
/* "97.5%", "12", "-" for NAN: at most two digits behind the point. */
const char *view_value(double value, const char *unit, char buf[static VIEW_TEXT_MAX]);

/* The colour that a status of a rule, a task or a policy has. */
Colour view_state_colour(const char *state);

/* "1 policy listed." on a terminal or in a pipe, unless --no-legend. */
void view_legend(const Ctl *c, size_t n, const char *singular, const char *plural);

/* Columns that @text takes on the terminal. */
size_t view_width(const char *text);
