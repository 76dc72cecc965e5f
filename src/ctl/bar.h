/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

/* How a bar is drawn. The sequences go around runs of seconds at or over the threshold; both "" for none. */
typedef struct BarStyle {
        bool utf8;
        const char *hot_on, *hot_off;
        size_t columns_max; /* ≥ 1; neighbouring seconds share a column, the highest of them showing, when
                               there are more */
} BarStyle;

/* One line of blocks, oldest value first, each as high as its value, where the top is the higher of the peak
 * and 1.25 times @threshold. NAN is a dot: no value. *ret_width is the number of columns. -ENOMEM. */
int bar_draw(const double *values,
             size_t n,
             double threshold,
             const BarStyle *style,
             char **ret_text,
             size_t *ret_width);
