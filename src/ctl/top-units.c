/* SPDX-License-Identifier: Apache-2.0 */
/* The list of watched units in the live view, each with its rule that is nearest to acting. */
#include "ctl/top.h"

#include "basic/log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define UNITS_MAX 256U    /* listed */
#define WINDOWS_MAX 4096U /* rules looked at in one frame, of units in their order */
#define BAR_WIDTH 6U
#define FIXED_COLUMNS 44 /* all but unit and rule */

typedef struct UnitLine {
        char *name; /* owned */
        double cpu_percent;
        char rule[VIEW_TEXT_MAX * 2]; /* of the window that is nearest; "" = not known */
        char value[VIEW_TEXT_MAX], state[VIEW_TEXT_MAX];
        unsigned hits, count;
} UnitLine;

typedef struct UnitLines {
        UnitLine *lines;
        size_t n;
        unsigned n_more;
} UnitLines;

static void lines_done(UnitLines *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->lines[i].name);
        free(l->lines);
}

static int compare_lines(const void *a, const void *b) {
        return strcmp(((const UnitLine *) a)->name, ((const UnitLine *) b)->name);
}

static int read_units(sd_bus_message *reply, UnitLines *l) {
        const char *name, *text[4];
        unsigned n_processes, n_threads, n_rules;
        double cpu;
        int r;

        l->lines = calloc(UNITS_MAX, sizeof(l->lines[0]));
        if (!l->lines)
                return -ENOMEM;

        r = sd_bus_message_enter_container(reply, 'a', CPROF_BUS_UNIT_SIGNATURE);
        if (r < 0)
                return r;

        while ((r = sd_bus_message_read(
                                reply,
                                CPROF_BUS_UNIT_SIGNATURE,
                                &name,
                                text,
                                text + 1,
                                &n_processes,
                                &n_threads,
                                &cpu,
                                &n_rules,
                                text + 2,
                                text + 3)) > 0) {
                if (n_rules == 0)
                        continue;
                if (l->n == UNITS_MAX) {
                        l->n_more++;
                        continue;
                }

                l->lines[l->n] = (UnitLine){ .name = strdup(name), .cpu_percent = cpu };
                if (!l->lines[l->n].name)
                        return -ENOMEM;
                l->n++;
        }
        if (r < 0)
                return r;

        qsort(l->lines, l->n, sizeof(l->lines[0]), compare_lines);
        return 0;
}

static double last_value(const WindowRow *w) {
        return w->n_values > 0 ? w->values[w->n_values - 1] : NAN;
}

/* How near to acting: the share of hits, then of the threshold. */
static double nearness(const WindowRow *w) {
        double of_threshold = w->threshold > 0 ? last_value(w) / w->threshold : 0;

        return (w->count > 0 ? 1000.0 * w->hits / w->count : 0) +
                        (isfinite(of_threshold) ? MIN_OF(of_threshold, 999.0) : 0);
}

static void describe(const WindowRow *w, UnitLine *line) {
        _cleanup_(freep) char *uri = window_row_uri_text(w); /* without memory it is left out */
        char threshold[VIEW_TEXT_MAX], span[VIEW_TEXT_MAX];

        (void) snprintf(line->rule,
                        sizeof(line->rule),
                        "%s >= %s%s",
                        w->metric,
                        view_value(w->threshold, w->unit_of_metric, threshold),
                        uri ?: "");
        (void) view_value(last_value(w), w->unit_of_metric, line->value);
        line->hits = w->hits;
        line->count = w->count;

        if (w->task[0] != '\0')
                (void) snprintf(line->state, sizeof(line->state), "task runs");
        else if (strcmp(w->status, "armed") != 0)
                (void) snprintf(line->state, sizeof(line->state), "%s", w->status);
        else if (w->silence_left_usec > 0)
                (void) snprintf(line->state,
                                sizeof(line->state),
                                "silent %s",
                                view_span(w->silence_left_usec, span));
        else
                (void) snprintf(line->state, sizeof(line->state), "armed");
}

/* Finds the window of the unit that is nearest. A unit that went meanwhile has none. */
static int look_at_windows(Top *t, UnitLine *line, size_t *n_windows) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(freep) WindowRow *rows = NULL;
        const WindowRow *nearest = NULL;
        size_t n;
        int r;

        r = top_call(t, &error, "GetWindows", &reply, "s", line->name);
        if (r < 0)
                return sd_bus_error_is_set(&error) ? 0 : r;

        r = window_rows_read(reply, &rows, &n);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n; i++)
                if (!nearest || nearness(rows + i) > nearness(nearest))
                        nearest = rows + i;
        if (nearest)
                describe(nearest, line);

        *n_windows += n;
        return 0;
}

/* The line that is selected, moved by @key; 0 when the unit has gone. */
static int move_selection(Top *t, const UnitLines *l, Key key, size_t *ret_selected) {
        size_t at = 0;
        char *copy;

        for (size_t i = 0; i < l->n; i++)
                if (t->selected && strcmp(l->lines[i].name, t->selected) == 0)
                        at = i;

        if (key == KEY_UP && at > 0)
                at--;
        if (key == KEY_DOWN && at + 1 < l->n)
                at++;

        *ret_selected = at;
        if (l->n == 0)
                return 0;

        copy = strdup(l->lines[at].name);
        if (!copy)
                return -ENOMEM;

        free(t->selected);
        t->selected = copy;
        if (key != KEY_ENTER)
                return 0;

        t->unit = strdup(copy);
        return t->unit ? 0 : -ENOMEM;
}

static void add_line(const Top *t, const UnitLine *line, bool selected, StrBuf *b) {
        int room = (int) MAX_OF(t->screen.columns, 64U) - FIXED_COLUMNS;
        char cpu[VIEW_TEXT_MAX], hits[VIEW_TEXT_MAX] = "";

        (void) snprintf(cpu, sizeof(cpu), "%.1f%%", line->cpu_percent);
        if (line->rule[0] != '\0')
                (void) snprintf(hits, sizeof(hits), "%u/%u", line->hits, line->count);

        if (t->screen.is_terminal)
                strbuf_addf(b,
                            "%s%s ",
                            selected ? colour_on(t->c, COLOUR_BOLD) : "",
                            selected ? (t->c->utf8 ? "▶" : ">") : " ");
        else
                strbuf_add(b, "  ");
        top_add_cell(b, line->name, room / 2);
        strbuf_add(b, " ");
        top_add_cell(b, isfinite(line->cpu_percent) ? cpu : "-", -6);
        strbuf_add(b, "  ");
        top_add_cell(b, line->rule, room - room / 2);
        strbuf_add(b, " ");
        if (line->rule[0] == '\0') /* no rule has a window of it yet */
                top_add_cell(b, "", BAR_WIDTH);
        else
                top_add_bar(t->c, b, line->count > 0 ? (double) line->hits / line->count : 0, BAR_WIDTH);
        strbuf_add(b, " ");
        top_add_cell(b, hits, -5);
        strbuf_add(b, " ");
        top_add_cell(b, line->value, -6);
        strbuf_add(b, " ");
        top_add_cell(b, line->state, 12);
        strbuf_addf(b, "%s\n", selected && t->screen.is_terminal ? colour_on(t->c, COLOUR_NORMAL) : "");
}

static void add_header(const Top *t, const UnitLines *l, StrBuf *b) {
        int room = (int) MAX_OF(t->screen.columns, 64U) - FIXED_COLUMNS;

        strbuf_addf(b, "cprofctl top: %zu watched unit%s", l->n + l->n_more, l->n == 1 ? "" : "s");
        if (t->screen.is_terminal)
                strbuf_add(b, "   arrows, Enter: choose   q: quit");
        strbuf_addf(b,
                    "\n\n%s  %-*s %6s  %-*s %-12s %6s %s%s\n",
                    colour_on(t->c, COLOUR_BOLD),
                    room / 2,
                    "UNIT",
                    "CPU",
                    room - room / 2,
                    "NEAREST RULE",
                    "HITS",
                    "VALUE",
                    "STATE",
                    colour_on(t->c, COLOUR_NORMAL));
        if (l->n == 0)
                strbuf_add(b, "  No policy watches a unit that runs; see 'cprofctl policy list'.\n");
}

int top_add_units(Top *t, Key key, StrBuf *b, sd_bus_error *reterr_error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(lines_done) UnitLines l = {};
        size_t selected, first = 0, last, n_windows = 0;
        int r;

        r = top_call(t, reterr_error, "ListUnits", &reply, NULL);
        if (r >= 0)
                r = read_units(reply, &l);
        if (r >= 0)
                r = move_selection(t, &l, key, &selected);
        if (r < 0 || t->unit)
                return r;

        /* The part of the list that the screen has room for, with the selected line in it. */
        last = l.n;
        if (t->screen.is_terminal) {
                size_t rows = t->screen.rows > 5 ? t->screen.rows - 4 : 1;

                first = selected >= rows ? selected - rows + 1 : 0;
                last = MIN_OF(l.n, first + rows);
        }

        add_header(t, &l, b);
        for (size_t i = first; i < last; i++) {
                if (n_windows < WINDOWS_MAX) {
                        r = look_at_windows(t, l.lines + i, &n_windows);
                        if (r < 0)
                                return r;
                }
                add_line(t, l.lines + i, i == selected, b);
        }

        return 0;
}
