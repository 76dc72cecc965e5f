/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/ctl-bus.h"
#include "ctl/view.h"

#include <jansson.h>

/* One row of GetWindows; borrowed from the reply. */
typedef struct WindowRow {
        const char *policy, *process, *metric, *unit_of_metric, *status, *reason, *task;
        const char *uri; /* "/path", "~regex", "" for none */
        unsigned pid;    /* 0 = the unit */
        double threshold;
        unsigned period_sec, count, hits;
        const double *values; /* oldest first, NAN for none */
        size_t n_values;
        usec_t silence_left_usec;
        size_t order; /* in the reply */
} WindowRow;

/* Reads the reply of GetWindows; *@ret_rows is freed by free(). */
int window_rows_read(sd_bus_message *reply, WindowRow **ret_rows, size_t *ret_n);

/* NULL: out of memory. */
json_t *window_rows_to_json(const WindowRow *rows, size_t n);

/* One line each below a heading per policy, or two where one is too short; sorts @rows. Bars are at most
 * @bar_columns wide. Complains itself. */
int window_rows_print(const Ctl *c, const char *unit, WindowRow *rows, size_t n, unsigned bar_columns);

/* " on /path", " matching regex", "" of a row; to be freed. NULL: out of memory. */
char *window_row_uri_text(const WindowRow *w);
