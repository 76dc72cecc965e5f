/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-bus.h"
#include "ctl/json-out.h"
#include "ctl/pager.h"
#include "ctl/table.h"
#include "ctl/task-access.h"
#include "ctl/task-top.h"
#include "ctl/task-wait.h"

#include "basic/log.h"

#include <string.h>

/* One row of ListTasks; borrowed from the reply. */
typedef struct TaskRow {
        const char *id, *state, *unit, *process, *kinds, *policy, *cause, *reason;
        unsigned pid;
        uint64_t started_usec, ended_usec, duration_usec, left_usec, n_samples;
} TaskRow;

static const char *id_or_latest(int argc, char **argv) {
        return argc > 0 ? argv[0] : "latest";
}

static int next_row(sd_bus_message *reply, TaskRow *row) {
        int r;

        r = sd_bus_message_read(
                        reply,
                        CPROF_BUS_TASK_SIGNATURE,
                        &row->id,
                        &row->state,
                        &row->unit,
                        &row->process,
                        &row->pid,
                        &row->kinds,
                        &row->policy,
                        &row->cause,
                        &row->reason,
                        &row->started_usec,
                        &row->ended_usec,
                        &row->duration_usec,
                        &row->left_usec,
                        &row->n_samples);
        if (r < 0)
                return bus_complain_reply(r);

        return r;
}

static json_t *row_to_json(const TaskRow *row) {
        const struct {
                const char *key;
                uint64_t value;
        } numbers[] = {
                { "pid", row->pid },
                { "started_realtime_usec", row->started_usec },
                { "ended_realtime_usec", row->ended_usec },
                { "duration_usec", row->duration_usec },
                { "left_usec", row->left_usec },
                { "n_samples", row->n_samples },
        };
        const char *const texts[][2] = {
                { "id", row->id },           { "state", row->state },   { "unit", row->unit },
                { "process", row->process }, { "kinds", row->kinds },   { "policy", row->policy },
                { "cause", row->cause },     { "reason", row->reason },
        };
        _cleanup_(json_decrefp) json_t *object = json_object();

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (json_object_set_new(object, texts[i][0], json_string(texts[i][1])) < 0)
                        return NULL;

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                if (json_object_set_new(
                                    object, numbers[i].key, json_integer((json_int_t) numbers[i].value)) < 0)
                        return NULL;

        return TAKE_PTR(object);
}

static void row_to_table(const TaskRow *row, Table *t) {
        char left[VIEW_TEXT_MAX];

        table_add_row(t);
        table_add(t, row->id);
        table_add_coloured(t, view_state_colour(row->state), row->state);
        table_add(t,
                  strcmp(row->state, "running") == 0
                                  ? view_span(row->left_usec / USEC_PER_SEC * USEC_PER_SEC, left)
                                  : "-");
        table_addf(t, "%" PRIu64, row->n_samples);
        table_add(t, row->kinds);
        table_add(t, row->unit);
        if (row->pid > 0)
                table_addf(t, "%s %u", row->process, row->pid);
        else
                table_add(t, "-");
        table_add(t, row->cause[0] != '\0' ? row->cause : "by hand");
}

static int list_as_table(Ctl *c, sd_bus_message *reply) {
        static const TableColumn columns[] = {
                { "TASK" },
                { "STATE" },
                { "LEFT", TABLE_RIGHT },
                { "SAMPLES", TABLE_RIGHT },
                { "KINDS" },
                { "UNIT", TABLE_TRUNCATE | TABLE_KEY },
                { "PROCESS", TABLE_TRUNCATE },
                { "WHY", TABLE_TRUNCATE },
                {},
        };
        _cleanup_(table_freep) Table *t = NULL;
        TaskRow row;
        size_t n = 0;
        int r;

        r = table_new(c, columns, &t);
        if (r < 0)
                return log_error_errno(r, "Failed to print the listing: %m");

        for (; (r = next_row(reply, &row)) > 0; n++)
                row_to_table(&row, t);
        if (r < 0)
                return r;

        pager_open(c);
        r = n > 0 ? table_print(t) : 0;
        if (r >= 0)
                view_legend(c, n, "task", "tasks");

        return r;
}

int verb_task_list(Ctl *c, int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(json_decrefp) json_t *array = NULL;
        TaskRow row;
        int r;

        r = ctl_call(c, "list tasks", "ListTasks", &reply, NULL);
        if (r < 0)
                return r;

        r = sd_bus_message_enter_container(reply, 'a', CPROF_BUS_TASK_SIGNATURE);
        if (r < 0)
                return bus_complain_reply(r);

        if (c->options.json == JSON_MODE_OFF)
                return list_as_table(c, reply);

        array = json_array();
        while ((r = next_row(reply, &row)) > 0)
                if (json_array_append_new(array, row_to_json(&row)) < 0)
                        return log_error_errno(ENOMEM, "Failed to write JSON: %m");

        return r < 0 ? r : json_out(c, array);
}

int verb_task_info(Ctl *c, int argc, char **argv) {
        _cleanup_(json_decrefp) json_t *task = NULL;
        _cleanup_(task_top_done) TaskTop found = {};
        unsigned top = c->options.top;
        int r;

        r = task_get(c, id_or_latest(argc, argv), &task);
        if (r < 0)
                return r;

        if (top > 0) {
                r = task_top_read(c, task, &found);
                if (r < 0)
                        return r;
        }

        if (c->options.json != JSON_MODE_OFF) {
                r = task_top_to_json(&found, top, task);
                return r < 0 ? r : json_out(c, task);
        }

        pager_open(c);
        task_print(c, task);
        if (top == 0)
                return EXIT_SUCCESS;

        putchar('\n');
        return task_top_print(c, &found, top);
}

int verb_task_wait(Ctl *c, int argc, char **argv) {
        _cleanup_(json_decrefp) json_t *task = NULL;
        int r;

        r = task_wait(c, id_or_latest(argc, argv), 0, &task);
        if (r == -EINTR)
                return EXIT_INTERRUPTED;
        if (r < 0)
                return r;

        if (c->options.json != JSON_MODE_OFF) {
                r = json_out(c, task);
                if (r < 0)
                        return r;
        } else
                task_print_end(task);

        return task_exit_status(task);
}

int verb_task_stop(Ctl *c, int argc, char **argv) {
        return ctl_call(c, "stop the task", "StopTask", NULL, "s", id_or_latest(argc, argv));
}

int verb_task_delete(Ctl *c, int argc, char **argv) {
        int r, result = EXIT_SUCCESS;

        for (int i = 0; i < argc; i++) {
                r = ctl_call(c, "delete the task", "DeleteTask", NULL, "s", argv[i]);
                if (r < 0)
                        result = r;
        }

        return result;
}
