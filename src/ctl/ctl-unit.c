/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-bus.h"
#include "ctl/json-out.h"
#include "ctl/pager.h"
#include "ctl/table.h"
#include "ctl/unit-row.h"

#include "basic/log.h"

#include <fnmatch.h>
#include <string.h>

/* A pattern without wildcards means the unit that "systemctl status" would show. */
static bool matches(const char *pattern, const char *name) {
        size_t n;

        if (!pattern || fnmatch(pattern, name, 0) == 0)
                return true;

        n = strlen(pattern);
        return strncmp(name, pattern, n) == 0 && strcmp(name + n, ".service") == 0;
}

static void row_to_table(const UnitRow *row, Table *t) {
        char cpu[VIEW_TEXT_MAX];

        table_add_row(t);
        table_add(t, row->name);
        table_add(t, row->active_state[0] != '\0' ? row->active_state : "-");
        table_addf(t, "%u", row->n_processes);
        table_addf(t, "%u", row->n_threads);
        table_add(t, view_value(row->cpu_percent, "", cpu));
        table_addf(t, "%u", row->n_rules);

        if (row->status[0] == '\0')
                table_add(t, "-");
        else if (row->reason[0] == '\0' || strcmp(row->status, "armed") == 0)
                table_add(t, row->status);
        else {
                _cleanup_(freep) char *text = NULL;

                if (asprintf(&text, "%s: %s", row->status, row->reason) < 0)
                        text = NULL;
                table_add_coloured(t, view_state_colour(row->status), text ?: row->status);
        }
}

static int list_as_json(const Ctl *c, sd_bus_message *reply, const char *pattern) {
        _cleanup_(json_decrefp) json_t *array = json_array();
        UnitRow row;
        int r;

        while ((r = unit_row_read(reply, &row)) > 0)
                if (matches(pattern, row.name) && json_array_append_new(array, unit_row_to_json(&row)) < 0)
                        return log_error_errno(ENOMEM, "Failed to write JSON: %m");

        return r < 0 ? r : json_out(c, array);
}

static int list_as_table(Ctl *c, sd_bus_message *reply, const char *pattern) {
        static const TableColumn columns[] = {
                { "UNIT", TABLE_TRUNCATE | TABLE_KEY },
                { "ACTIVE" },
                { "PROCS", TABLE_RIGHT },
                { "THREADS", TABLE_RIGHT },
                { "CPU%", TABLE_RIGHT },
                { "RULES", TABLE_RIGHT },
                { "STATUS", TABLE_TRUNCATE },
                {},
        };
        _cleanup_(table_freep) Table *t = NULL;
        UnitRow row;
        size_t n = 0;
        int r;

        r = table_new(c, columns, &t);
        if (r < 0)
                return log_error_errno(r, "Failed to print the listing: %m");

        while ((r = unit_row_read(reply, &row)) > 0)
                if (matches(pattern, row.name)) {
                        row_to_table(&row, t);
                        n++;
                }
        if (r < 0)
                return r;

        pager_open(c);
        r = n > 0 ? table_print(t) : 0;
        if (r >= 0)
                view_legend(c, n, "unit", "units");

        return r;
}

int verb_unit_list(Ctl *c, int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *pattern = argc > 0 ? argv[0] : NULL;
        int r;

        r = ctl_call(c, "list units", "ListUnits", &reply, NULL);
        if (r < 0)
                return r;

        r = sd_bus_message_enter_container(reply, 'a', CPROF_BUS_UNIT_SIGNATURE);
        if (r < 0)
                return bus_complain_reply(r);

        return c->options.json != JSON_MODE_OFF ? list_as_json(c, reply, pattern)
                                                : list_as_table(c, reply, pattern);
}
