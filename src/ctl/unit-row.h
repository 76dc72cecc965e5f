/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/ctl-bus.h"

#include <jansson.h>

/* One row of ListUnits; borrowed from the reply. */
typedef struct UnitRow {
        const char *name, *description, *active_state, *status, *reason;
        unsigned n_processes, n_threads, n_rules;
        double cpu_percent;
} UnitRow;

/* The next one of the array that was entered; 0 behind the last. Complains itself. */
int unit_row_read(sd_bus_message *reply, UnitRow *row);

json_t *unit_row_to_json(const UnitRow *row); /* NULL: out of memory */
