/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-bus.h"
#include "ctl/flamegraph.h"
#include "ctl/folded-diff.h"
#include "ctl/output.h"
#include "ctl/table.h"
#include "ctl/task-access.h"

#include "basic/log.h"

#include <string.h>

#define OFF_CPU_SECONDS 1e-6 /* counts of stacks off CPU are microseconds */

/* One side of the comparison. */
typedef struct Side {
        json_t *task; /* owned */
        Folded *folded;
        const char *part;  /* "before" or "during" the trigger */
        const char *label; /* borrowed from the task or static */
} Side;

typedef struct Comparison {
        Side sides[_FOLDED_SIDES];
        bool one_task;
        FoldedDiff *diff; /* borrows from the sides */
} Comparison;

static void comparison_done(Comparison *x) {
        folded_diff_free(x->diff);
        for (size_t s = 0; s < _FOLDED_SIDES; s++) {
                folded_free(x->sides[s].folded);
                json_decref(x->sides[s].task);
        }
}

static int read_side(Ctl *c, Side *side, const char *format, usec_t patience_usec) {
        int r;

        r = task_read_profile(c, side->task, format, patience_usec, &side->folded);
        if (r < 0)
                return r;

        if (folded_total(side->folded) == 0)
                return log_error_errno(
                                ENODATA,
                                "Task %s has no samples%s, so there is nothing to compare.",
                                task_id(side->task),
                                strcmp(side->part, "before") == 0 ? " from before its trigger" : "");

        return 0;
}

static int read_one_task(Ctl *c, const char *id, Comparison *x) {
        Side *before = x->sides + FOLDED_BEFORE, *after = x->sides + FOLDED_AFTER;
        int r;

        if (c->options.off_cpu)
                return log_error_errno(
                                EINVAL,
                                "What came before a trigger has stacks on CPU only; --off-cpu needs two tasks.");

        r = task_get(c, id, &after->task);
        if (r < 0)
                return r;

        x->one_task = true;
        before->task = json_incref(after->task);
        before->part = before->label = "before";
        after->part = after->label = "during";

        /* In this order: once the one is there, the other is or never will be. */
        r = read_side(c, after, "folded", TASK_PATIENCE);
        if (r < 0)
                return r;

        return read_side(c, before, "before-folded", 0);
}

static int read_two_tasks(Ctl *c, char **ids, Comparison *x) {
        int r;

        for (size_t s = 0; s < _FOLDED_SIDES; s++) {
                Side *side = x->sides + s;

                r = task_get(c, ids[s], &side->task);
                if (r < 0)
                        return r;

                side->part = "during";
                side->label = task_id(side->task);
                r = read_side(c, side, c->options.off_cpu ? "folded-offcpu" : "folded", TASK_PATIENCE);
                if (r < 0)
                        return r;
        }

        return 0;
}

static json_t *side_to_json(const Comparison *x, int side) {
        const Side *s = x->sides + side;

        return json_pack(
                        "{s:s, s:s, s:I}",
                        "task",
                        task_id(s->task),
                        "part",
                        s->part,
                        "total",
                        (json_int_t) folded_diff_total(x->diff, side));
}

static json_t *changes_to_json(const FoldedChange *rows, size_t n) {
        _cleanup_(json_decrefp) json_t *array = json_array();

        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(
                                    array,
                                    json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f}",
                                              "function",
                                              rows[i].name,
                                              "self_before",
                                              (json_int_t) rows[i].self[FOLDED_BEFORE],
                                              "self_after",
                                              (json_int_t) rows[i].self[FOLDED_AFTER],
                                              "total_before",
                                              (json_int_t) rows[i].total[FOLDED_BEFORE],
                                              "total_after",
                                              (json_int_t) rows[i].total[FOLDED_AFTER],
                                              "self_change_points",
                                              100 * rows[i].self_change,
                                              "total_change_points",
                                              100 * rows[i].total_change)) < 0)
                        return NULL;

        return TAKE_PTR(array);
}

static double percent(const Comparison *x, const uint64_t *counts, int side) {
        return 100.0 * (double) counts[side] / (double) folded_diff_total(x->diff, side);
}

static int print_table(const Ctl *c, const Comparison *x, const FoldedChange *rows, size_t n) {
        const TableColumn columns[] = {
                { "SELF CHANGE", TABLE_RIGHT },
                { x->one_task ? "BEFORE%" : "FIRST%", TABLE_RIGHT },
                { x->one_task ? "DURING%" : "SECOND%", TABLE_RIGHT },
                { "TOTAL CHANGE", TABLE_RIGHT },
                { "FUNCTION", TABLE_TRUNCATE | TABLE_KEY },
                {},
        };
        _cleanup_(table_freep) Table *t = NULL;
        int r;

        if (n == 0) {
                printf("No function's share changed.\n");
                return 0;
        }

        r = table_new(c, columns, &t);
        if (r < 0)
                return log_error_errno(r, "Failed to list the changes: %m");

        for (size_t i = 0; i < n; i++) {
                table_add_row(t);
                table_addf(t, "%+.1f", 100 * rows[i].self_change);
                table_addf(t, "%.1f", percent(x, rows[i].self, FOLDED_BEFORE));
                table_addf(t, "%.1f", percent(x, rows[i].self, FOLDED_AFTER));
                table_addf(t, "%+.1f", 100 * rows[i].total_change);
                table_add(t, rows[i].name);
        }

        r = table_print(t);
        if (r >= 0 && !c->options.no_legend)
                printf("\nChanges of the share of all samples, in percentage points.\n");

        return r;
}

/* The most changed functions, as a table or as JSON. */
static int list(const Ctl *c, const Comparison *x) {
        _cleanup_(json_decrefp) json_t *json = NULL;
        _cleanup_(freep) FoldedChange *rows = NULL;
        size_t n;
        int r;

        r = folded_diff_top(x->diff, c->options.top > 0 ? c->options.top : OPTION_TOP_DEFAULT, &rows, &n);
        if (r < 0)
                return log_error_errno(r, "Failed to find the changes: %m");

        if (c->options.json == JSON_MODE_OFF)
                return print_table(c, x, rows, n);

        json =
                        json_pack("{s:o, s:o, s:o}",
                                  "before",
                                  side_to_json(x, FOLDED_BEFORE),
                                  "after",
                                  side_to_json(x, FOLDED_AFTER),
                                  "functions",
                                  changes_to_json(rows, n));
        return json_out(c, json);
}

static int
make_texts(const Ctl *c, const Comparison *x, char **ret_title, char **ret_subtitle, char **ret_stem) {
        const json_t *first = x->sides[FOLDED_BEFORE].task, *second = x->sides[FOLDED_AFTER].task;
        const char *unit = json_text_at(first, "unit", "?"), *other = json_text_at(second, "unit", "?");
        const char *kind = c->options.off_cpu ? "off-cpu" : "on-cpu";
        bool same = strcmp(unit, other) == 0;
        int n;

        n = asprintf(ret_title, "%s of %s%s%s", kind, other, same ? "" : " against ", same ? "" : unit);
        if (n >= 0)
                n = x->one_task ? asprintf(ret_subtitle,
                                           "task %s, during against before its trigger",
                                           task_id(second))
                                : asprintf(ret_subtitle,
                                           "task %s against %s",
                                           task_id(second),
                                           task_id(first));
        if (n >= 0)
                n = asprintf(ret_stem,
                             "%s%s%s-diff",
                             task_id(first),
                             x->one_task ? "" : "-",
                             x->one_task ? "" : task_id(second));

        return n < 0 ? log_error_errno(ENOMEM, "Failed to draw the flame graph: %m") : 0;
}

static int draw(const Ctl *c, const Comparison *x) {
        _cleanup_(freep) char *title = NULL, *subtitle = NULL, *stem = NULL;
        _cleanup_(output_done) Output out = { .fd = -EBADF };
        FlamegraphInfo info;
        int r;

        r = make_texts(c, x, &title, &subtitle, &stem);
        if (r < 0)
                return r;

        r = output_open(c, stem, "html", /* binary= */ false, &out);
        if (r < 0)
                return r;

        info = (FlamegraphInfo){
                .title = title,
                .subtitle = subtitle,
                .unit_label = c->options.off_cpu ? "blocked" : "samples",
                .counts_time = c->options.off_cpu,
                .seconds_per_sample = c->options.off_cpu ? OFF_CPU_SECONDS : 0,
                .before_label = x->sides[FOLDED_BEFORE].label,
                .after_label = x->sides[FOLDED_AFTER].label,
        };
        return output_finish(&out, flamegraph_write_diff_html(x->diff, &info, out.fd));
}

int verb_task_diff(Ctl *c, int argc, char **argv) {
        _cleanup_(comparison_done) Comparison x = {};
        int r;

        r = argc > 1 ? read_two_tasks(c, argv, &x) : read_one_task(c, argc > 0 ? argv[0] : "latest", &x);
        if (r < 0)
                return r;

        r = folded_diff_new(x.sides[FOLDED_BEFORE].folded, x.sides[FOLDED_AFTER].folded, &x.diff);
        if (r < 0)
                return log_error_errno(r, "Failed to compare the profiles: %m");

        if (c->options.top > 0 || c->options.json != JSON_MODE_OFF)
                return list(c, &x);

        return draw(c, &x);
}
