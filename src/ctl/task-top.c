/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/task-top.h"

#include "ctl/table.h"
#include "ctl/task-access.h"

#include "basic/log.h"

#include <string.h>

int task_top_read(Ctl *c, const json_t *task, TaskTop *ret) {
        _cleanup_(task_top_done) TaskTop t = {};
        int r;

        if (task_has_kind(task, PROFILE_KIND_OFF_CPU)) {
                r = task_read_profile(c, task, "folded-waits", TASK_PATIENCE, &t.waits);
                if (r < 0)
                        return r;
        }

        if (!t.waits || task_has_kind(task, PROFILE_KIND_ON_CPU)) {
                r = task_read_profile(c, task, "folded", TASK_PATIENCE, &t.on_cpu);
                if (r < 0)
                        return r;
        }

        *ret = t;
        t = (TaskTop){};
        return 0;
}

void task_top_done(TaskTop *t) {
        t->on_cpu = folded_free(t->on_cpu);
        t->waits = folded_free(t->waits);
}

static double percent(uint64_t n, uint64_t total) {
        return total > 0 ? 100.0 * (double) n / (double) total : 0;
}

static int print_on_cpu(const Ctl *c, const Folded *f, size_t max) {
        static const TableColumn columns[] = {
                { "SELF%", TABLE_RIGHT },
                { "TOTAL%", TABLE_RIGHT },
                { "SELF", TABLE_RIGHT },
                { "TOTAL", TABLE_RIGHT },
                { "FUNCTION", TABLE_TRUNCATE | TABLE_KEY },
                {},
        };
        _cleanup_(table_freep) Table *t = NULL;
        _cleanup_(freep) FoldedTop *rows = NULL;
        uint64_t total = folded_total(f);
        size_t n;
        int r;

        r = folded_top(f, max, &rows, &n);
        if (r >= 0)
                r = table_new(c, columns, &t);
        if (r < 0)
                return log_error_errno(r, "Failed to find the hottest functions: %m");

        for (size_t i = 0; i < n; i++) {
                table_add_row(t);
                table_addf(t, "%.1f", percent(rows[i].self, total));
                table_addf(t, "%.1f", percent(rows[i].total, total));
                table_addf(t, "%" PRIu64, rows[i].self);
                table_addf(t, "%" PRIu64, rows[i].total);
                table_add(t, rows[i].name);
        }

        return n > 0 ? table_print(t) : 0;
}

static int print_waits(const Ctl *c, const Folded *f, size_t max) {
        static const TableColumn columns[] = {
                { "WAITED%", TABLE_RIGHT },           { "WAITED", TABLE_RIGHT },       { "STATE" },
                { "IN", TABLE_TRUNCATE | TABLE_KEY }, { "CALLED BY", TABLE_TRUNCATE }, {},
        };
        _cleanup_(table_freep) Table *t = NULL;
        _cleanup_(freep) FoldedWait *rows = NULL;
        char span[VIEW_TEXT_MAX];
        size_t n;
        int r;

        r = folded_waits(f, max, &rows, &n);
        if (r >= 0)
                r = table_new(c, columns, &t);
        if (r < 0)
                return log_error_errno(r, "Failed to find the longest waits: %m");

        for (size_t i = 0; i < n; i++) {
                table_add_row(t);
                table_addf(t, "%.1f", percent(rows[i].total, folded_total(f)));
                table_add(t, view_span(rows[i].total, span));
                table_add(t, rows[i].state);
                table_add(t, rows[i].function);
                table_add(t, rows[i].caller[0] != '\0' ? rows[i].caller : "-");
        }

        return n > 0 ? table_print(t) : 0;
}

int task_top_print(const Ctl *c, const TaskTop *t, size_t max) {
        int r = 0;

        if (t->on_cpu)
                r = print_on_cpu(c, t->on_cpu, max);
        if (r >= 0 && t->on_cpu && t->waits)
                putchar('\n');
        if (r >= 0 && t->waits)
                r = print_waits(c, t->waits, max);

        return r;
}

static json_t *on_cpu_to_json(const Folded *f, size_t max) {
        _cleanup_(json_decrefp) json_t *array = json_array();
        _cleanup_(freep) FoldedTop *rows = NULL;
        size_t n;

        if (folded_top(f, max, &rows, &n) < 0)
                return NULL;

        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(
                                    array,
                                    json_pack("{s:s, s:I, s:I}",
                                              "function",
                                              rows[i].name,
                                              "self",
                                              (json_int_t) rows[i].self,
                                              "total",
                                              (json_int_t) rows[i].total)) < 0)
                        return NULL;

        return TAKE_PTR(array);
}

static json_t *waits_to_json(const Folded *f, size_t max) {
        _cleanup_(json_decrefp) json_t *array = json_array();
        _cleanup_(freep) FoldedWait *rows = NULL;
        size_t n;

        if (folded_waits(f, max, &rows, &n) < 0)
                return NULL;

        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(
                                    array,
                                    json_pack("{s:s, s:s, s:s, s:I}",
                                              "function",
                                              rows[i].function,
                                              "caller",
                                              rows[i].caller,
                                              "state",
                                              rows[i].state,
                                              "usec",
                                              (json_int_t) rows[i].total)) < 0)
                        return NULL;

        return TAKE_PTR(array);
}

int task_top_to_json(const TaskTop *t, size_t max, json_t *task) {
        if (t->on_cpu && json_object_set_new(task, "top", on_cpu_to_json(t->on_cpu, max)) < 0)
                return log_error_errno(ENOMEM, "Failed to write JSON: %m");
        if (t->waits && json_object_set_new(task, "waits", waits_to_json(t->waits, max)) < 0)
                return log_error_errno(ENOMEM, "Failed to write JSON: %m");

        return 0;
}
