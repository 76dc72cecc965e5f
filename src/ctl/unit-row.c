/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/unit-row.h"

#include "ctl/json-out.h"

int unit_row_read(sd_bus_message *reply, UnitRow *row) {
        int r;

        r = sd_bus_message_read(
                        reply,
                        CPROF_BUS_UNIT_SIGNATURE,
                        &row->name,
                        &row->description,
                        &row->active_state,
                        &row->n_processes,
                        &row->n_threads,
                        &row->cpu_percent,
                        &row->n_rules,
                        &row->status,
                        &row->reason);
        if (r < 0)
                return bus_complain_reply(r);

        return r;
}

json_t *unit_row_to_json(const UnitRow *row) {
        return json_pack(
                        "{s:s, s:s, s:s, s:I, s:I, s:o, s:I, s:s, s:s}",
                        "unit",
                        row->name,
                        "description",
                        row->description,
                        "active_state",
                        row->active_state,
                        "processes",
                        (json_int_t) row->n_processes,
                        "threads",
                        (json_int_t) row->n_threads,
                        "cpu_percent",
                        json_number_or_null(row->cpu_percent),
                        "rules",
                        (json_int_t) row->n_rules,
                        "status",
                        row->status,
                        "reason",
                        row->reason);
}
