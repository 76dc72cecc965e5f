/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/bar.h"

#include "basic/strbuf.h"

#include <math.h>

static const char *const levels_utf8[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char *const levels_ascii[] = { ".", ":", "-", "=", "+", "*", "#" };

/* @at is a share of the top. */
static const char *cell(double at, bool utf8) {
        size_t n = utf8 ? ELEMENTSOF(levels_utf8) : ELEMENTSOF(levels_ascii), level;

        level = at > 0 ? (size_t) MIN_OF(at * (double) n, (double) (n - 1)) : 0;
        return utf8 ? levels_utf8[level] : levels_ascii[level];
}

/* The highest of @n values, NAN when there is none. */
static double highest(const double *values, size_t n) {
        double max = NAN;

        for (size_t i = 0; i < n; i++)
                if (isfinite(values[i]) && !(values[i] <= max))
                        max = values[i];

        return max;
}

int bar_draw(const double *values,
             size_t n,
             double threshold,
             const BarStyle *style,
             char **ret_text,
             size_t *ret_width) {
        _cleanup_(strbuf_done) StrBuf b = {};
        double peak = highest(values, n), top = threshold * 1.25;
        size_t columns, done = 0;
        bool hot = false;
        int r;

        assert(style);
        assert(style->columns_max > 0);
        assert(ret_text);
        assert(ret_width);

        if (peak > top)
                top = peak;
        if (!(top > 0))
                top = 1;

        columns = MIN_OF(n, style->columns_max);
        for (size_t i = 0; i < columns; i++) {
                size_t end = n * (i + 1) / columns;
                double v = highest(values + done, end - done);
                bool over = v >= threshold; /* false for NAN */

                if (over != hot)
                        strbuf_add(&b, over ? style->hot_on : style->hot_off);
                hot = over;

                if (isnan(v))
                        strbuf_add(&b, style->utf8 ? "·" : "_");
                else
                        strbuf_add(&b, cell(v / top, style->utf8));
                done = end;
        }
        if (hot)
                strbuf_add(&b, style->hot_off);
        if (n == 0)
                strbuf_add(&b, "");

        r = strbuf_finish(&b, ret_text);
        if (r < 0)
                return r;

        *ret_width = columns;
        return 0;
}
