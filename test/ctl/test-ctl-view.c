/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/bar.h"
#include "ctl/ctl-bus.h"
#include "ctl/http-view.h"
#include "ctl/view.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(ctl_view, .timeout = 5);

static char *draw(const double *values, size_t n, double threshold, bool utf8, size_t columns, bool marks) {
        const BarStyle style = {
                .utf8 = utf8,
                .hot_on = marks ? "<" : "",
                .hot_off = marks ? ">" : "",
                .columns_max = columns,
        };
        char *text;
        size_t width;

        cr_assert_eq(bar_draw(values, n, threshold, &style, &text, &width), 0);
        cr_expect_eq(width, n < columns ? n : columns);
        return text;
}

Test(ctl_view, bar_is_scaled_to_a_quarter_above_the_threshold) {
        const double values[] = { 0, 12.5, 50, 99.9 };
        _cleanup_(freep) char *text = draw(values, 4, 80, true, 60, false);

        cr_expect_str_eq(text, "▁▂▅█");
}

Test(ctl_view, bar_is_scaled_to_the_peak_when_that_is_higher) {
        const double values[] = { 100, 400 };
        _cleanup_(freep) char *text = draw(values, 2, 80, true, 60, false);

        cr_expect_str_eq(text, "▃█");
}

Test(ctl_view, seconds_without_a_value_are_dots_and_break_no_run) {
        const double values[] = { NAN, 80, NAN, 79.9, 90, 100 };
        _cleanup_(freep) char *utf8 = draw(values, 6, 80, true, 60, true),
                              *ascii = draw(values, 6, 80, false, 60, true);

        cr_expect_str_eq(utf8, "·<▇>·▇<██>");
        cr_expect_str_eq(ascii, "_<*>_*<##>");
}

Test(ctl_view, bar_shows_the_highest_second_of_a_shared_column) {
        const double values[] = { 0, 100, 0, 0, NAN, NAN, 0, NAN };
        _cleanup_(freep) char *text = draw(values, 8, 80, true, 4, false);

        cr_expect_str_eq(text, "█▁·▁");
}

Test(ctl_view, bar_survives_odd_thresholds_and_values) {
        const double values[] = { INFINITY, -1, 0 };
        _cleanup_(freep) char *zero = draw(values, 3, 0, true, 60, false),
                              *none = draw(values, 0, 80, true, 60, false),
                              *nan = draw(values, 3, NAN, true, 60, false);

        cr_expect_str_eq(zero, "·▁▁");
        cr_expect_str_eq(none, "");
        cr_expect_str_eq(nan, "·▁▁");
}

Test(ctl_view, values_are_short) {
        static const struct {
                double value;
                const char *unit, *text;
        } rows[] = {
                { 80, "%", "80%" },    { 97.5, "%", "97.5%" }, { 0, "", "0" },        { 100, "", "100" },
                { 0.126, "", "0.13" }, { NAN, "%", "-" },      { INFINITY, "", "-" },
        };
        char buf[VIEW_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                cr_expect_str_eq(view_value(rows[i].value, rows[i].unit, buf), rows[i].text);

        /* whatever comes, the buffer is enough */
        cr_expect_lt(strlen(view_value(1e300, "%", buf)), VIEW_TEXT_MAX);
}

Test(ctl_view, spans_are_rounded_to_what_a_person_reads) {
        static const struct {
                usec_t usec;
                const char *text;
        } rows[] = {
                { 800, "800us" },
                { 9900, "9.9ms" },
                { 1500000, "1.5s" },
                { 12 * USEC_PER_SEC + 400000, "12s" },
                { 90 * USEC_PER_SEC, "1min 30s" },
                { USEC_INFINITY, "infinity" },
        };
        char buf[VIEW_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                cr_expect_str_eq(view_span(rows[i].usec, buf), rows[i].text);
}

Test(ctl_view, bus_errors_are_told_in_words_that_help) {
        static const struct {
                const char *name, *message, *part;
        } rows[] = {
                { SD_BUS_ERROR_SERVICE_UNKNOWN, "raw", "systemctl start cprofd" },
                { "org.freedesktop.DBus.Error.Spawn.ChildExited", "raw", "not running" },
                { SD_BUS_ERROR_ACCESS_DENIED, "raw", "only root" },
                { CPROF_BUS_ERROR_BAD_POLICY, "web.policy:3: bad", "web.policy:3: bad" },
                { CPROF_BUS_ERROR_NO_SUCH_TASK, "", CPROF_BUS_ERROR_NO_SUCH_TASK },
                { NULL, NULL, "unknown" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                cr_expect_not_null(
                                strstr(bus_error_text(rows[i].name, rows[i].message), rows[i].part),
                                "row %zu",
                                i);
}

Test(ctl_view, response_times_have_three_digits) {
        static const struct {
                double ms;
                const char *text;
        } rows[] = {
                { NAN, "-" },         { 0, "0.00us" },     { 0.0314, "31.4us" }, { 0.999, "999us" },
                { 0.9996, "1.00ms" }, { 1.234, "1.23ms" }, { 9.996, "10.0ms" },  { 250.4, "250ms" },
                { 999.4, "999ms" },   { 999.6, "1.00s" },  { 12345, "12.3s" },   { 900e3, "900s" },
        };
        char buf[VIEW_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                cr_expect_str_eq(view_milliseconds(rows[i].ms, buf), rows[i].text);
}
