/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "monitor/metric.h"
#include "target/target-set.h"

/* What a rule looks at: a process, or a unit as a whole (exactly one is set). */
typedef struct Subject {
        Process *process;
        Unit *unit;
} Subject;

/* Values of the second that just closed. */
typedef struct Monitor {
        const Host *host;   /* borrowed */
        TargetSet *targets; /* borrowed */
        double load1;       /* NAN when it could not be read */
} Monitor;

void monitor_init(Monitor *m, const Host *host, TargetSet *targets);

/* Once per tick after target_set_refresh(): reads what is per host. Returns -errno of what failed; values
 * are then NAN. */
int monitor_tick(Monitor *m);

/* The value of @metric for @subject in the last second, NAN for none. */
double monitor_value(Monitor *m, Metric metric, Subject subject);
