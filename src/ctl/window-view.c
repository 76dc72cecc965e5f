/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/window-view.h"

#include "ctl/bar.h"
#include "ctl/json-out.h"

#include "basic/log.h"
#include "basic/strbuf.h"
#include "basic/utf8.h"

#include <math.h>
#include <string.h>

#define BAR_COLUMNS_MAX 60U
#define GAP 2U           /* columns between two cells, and before the first */
#define STATE_COLUMNS 5U /* "armed"; other states may be longer than the line */

/* The texts of one line, ready to be padded. */
typedef struct Line {
        char *subject, *rule, *bar, *hits, *state;
        char value[VIEW_TEXT_MAX];
        size_t bar_width;
} Line;

/* The widest of each column. */
typedef struct Widths {
        size_t subject, rule, bar, hits, value;
} Widths;

static json_t *values_to_json(const WindowRow *w) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < w->n_values; i++)
                if (json_array_append_new(array, json_number_or_null(w->values[i])) < 0) {
                        json_decref(array);
                        return NULL;
                }

        return array;
}

static json_t *row_to_json(const WindowRow *w) {
        bool is_regex = w->uri[0] == '~';

        return json_pack(
                        "{s:s, s:s, s:I, s:s, s:s, s:s, s:f, s:s, s:I, s:I, s:I, s:o, s:I, s:s, s:s, s:s}",
                        "policy",
                        w->policy,
                        "process",
                        w->process,
                        "pid",
                        (json_int_t) w->pid,
                        "metric",
                        w->metric,
                        "uri",
                        is_regex ? "" : w->uri,
                        "uri_regex",
                        is_regex ? w->uri + 1 : "",
                        "threshold",
                        isfinite(w->threshold) ? w->threshold : 0.0,
                        "metric_unit",
                        w->unit_of_metric,
                        "period_sec",
                        (json_int_t) w->period_sec,
                        "count",
                        (json_int_t) w->count,
                        "hits",
                        (json_int_t) w->hits,
                        "values",
                        values_to_json(w),
                        "silence_left_usec",
                        (json_int_t) w->silence_left_usec,
                        "status",
                        w->status,
                        "reason",
                        w->reason,
                        "task",
                        w->task);
}

json_t *window_rows_to_json(const WindowRow *rows, size_t n) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < n; i++)
                if (json_array_append_new(array, row_to_json(rows + i)) < 0) {
                        json_decref(array);
                        return NULL;
                }

        return array;
}

static void line_done(Line *l) {
        free(l->subject);
        free(l->rule);
        free(l->bar);
        free(l->hits);
        free(l->state);
}

static int make_state(const Ctl *c, const WindowRow *w, char **ret_text) {
        char span[VIEW_TEXT_MAX];
        _cleanup_(strbuf_done) StrBuf b = {};

        if (strcmp(w->status, "armed") != 0) {
                _cleanup_(freep) char *reason = utf8_sanitize(w->reason, strlen(w->reason));

                strbuf_addf(&b,
                            "%s%s%s",
                            colour_on(c, view_state_colour(w->status)),
                            w->status,
                            colour_on(c, COLOUR_NORMAL));
                if (reason && reason[0] != '\0')
                        strbuf_addf(&b, " (%s)", reason);
        }

        if (w->task[0] != '\0')
                strbuf_addf(&b, "%stask %s running", b.length > 0 ? ", " : "", w->task);
        else if (w->silence_left_usec > 0)
                strbuf_addf(&b,
                            "%ssilent %s",
                            b.length > 0 ? ", " : "",
                            view_span(w->silence_left_usec, span));
        else if (b.length == 0)
                strbuf_add(&b, "armed");

        return strbuf_finish(&b, ret_text);
}

char *window_row_uri_text(const WindowRow *w) {
        bool is_regex = w->uri[0] == '~';
        _cleanup_(freep) char *uri = utf8_sanitize(w->uri + is_regex, strlen(w->uri + is_regex));
        char *text = NULL;

        if (!uri)
                return NULL;
        if (uri[0] == '\0')
                return TAKE_PTR(uri);
        if (asprintf(&text, " %s %s", is_regex ? "matching" : "on", uri) < 0)
                return NULL;

        return text;
}

static int line_make(const Ctl *c, const WindowRow *w, unsigned bar_columns, Line *l) {
        const BarStyle style = {
                .utf8 = c->utf8,
                .hot_on = colour_on(c, COLOUR_RED),
                .hot_off = colour_on(c, COLOUR_NORMAL),
                .columns_max = bar_columns,
        };
        _cleanup_(freep) char *process = utf8_sanitize(w->process, strlen(w->process)),
                              *uri = window_row_uri_text(w);
        double last = w->n_values > 0 ? w->values[w->n_values - 1] : NAN;
        char threshold[VIEW_TEXT_MAX];
        int n;

        if (!process || !uri)
                return -ENOMEM;

        if (w->pid == 0)
                l->subject = strdup("(unit)");
        else if (asprintf(&l->subject, "%s %u", process, w->pid) < 0)
                l->subject = NULL;

        n = asprintf(&l->rule,
                     "%s >= %s%s",
                     w->metric,
                     view_value(w->threshold, w->unit_of_metric, threshold),
                     uri);
        if (n < 0)
                l->rule = NULL;

        if (asprintf(&l->hits, "%u/%u of %us", w->hits, w->count, w->period_sec) < 0)
                l->hits = NULL;

        (void) view_value(last, w->unit_of_metric, l->value);

        if (!l->subject || !l->rule || !l->hits)
                return -ENOMEM;

        n = make_state(c, w, &l->state);
        if (n < 0)
                return n;

        return bar_draw(w->values, w->n_values, w->threshold, &style, &l->bar, &l->bar_width);
}

static int compare_rows(const void *a, const void *b) {
        const WindowRow *x = a, *y = b;
        int r = strcmp(x->policy, y->policy);

        return r != 0 ? r : (x->order > y->order) - (x->order < y->order);
}

static void print_padded(const char *text, size_t width, size_t column) {
        printf("%s%*s  ", text, width < column ? (int) (column - width) : 0, "");
}

static bool fits(const Ctl *c, const Widths *w) {
        return GAP + w->subject + GAP + w->rule + GAP + w->bar + GAP + w->hits + GAP + w->value + GAP +
                        STATE_COLUMNS <=
                        c->columns;
}

static void line_print(const Line *l, const Widths *w, bool in_two) {
        printf("%*s", (int) GAP, "");
        print_padded(l->subject, view_width(l->subject), w->subject);
        if (in_two) /* the rule above what has been seen of it */
                printf("%s\n%*s", l->rule, (int) (GAP + w->subject + GAP), "");
        else
                print_padded(l->rule, view_width(l->rule), w->rule);
        print_padded(l->bar, l->bar_width, w->bar);
        print_padded(l->hits, strlen(l->hits), w->hits);
        printf("%*s%s  %s\n", (int) (w->value - view_width(l->value)), "", l->value, l->state);
}

static void widths_add(Widths *w, const Line *l) {
        w->subject = MAX_OF(w->subject, view_width(l->subject));
        w->rule = MAX_OF(w->rule, view_width(l->rule));
        w->bar = MAX_OF(w->bar, l->bar_width);
        w->hits = MAX_OF(w->hits, strlen(l->hits));
        w->value = MAX_OF(w->value, view_width(l->value));
}

int window_rows_print(const Ctl *c, const char *unit, WindowRow *rows, size_t n, unsigned bar_columns) {
        _cleanup_(freep) Line *lines = calloc(n + 1, sizeof(lines[0]));
        Widths widths = {};
        int r = lines ? 0 : -ENOMEM;

        bar_columns = MIN_OF(BAR_COLUMNS_MAX, bar_columns);
        qsort(rows, n, sizeof(rows[0]), compare_rows);

        for (size_t i = 0; i < n && r >= 0; i++) {
                r = line_make(c, rows + i, bar_columns, lines + i);
                if (r >= 0)
                        widths_add(&widths, lines + i);
        }

        for (size_t i = 0; i < n && r >= 0; i++) {
                if (i == 0 || strcmp(rows[i - 1].policy, rows[i].policy) != 0)
                        printf("%s%s: policy %s%s\n",
                               colour_on(c, COLOUR_BOLD),
                               unit,
                               rows[i].policy,
                               colour_on(c, COLOUR_NORMAL));
                line_print(lines + i, &widths, !fits(c, &widths));
        }
        if (n == 0 && r >= 0)
                printf("No policy watches %s.\n", unit);

        for (size_t i = 0; lines && i < n; i++)
                line_done(lines + i);

        return r < 0 ? log_error_errno(r, "Failed to print the windows: %m") : 0;
}
