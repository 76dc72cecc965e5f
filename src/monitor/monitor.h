/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "monitor/http-monitor.h"
#include "monitor/metric.h"
#include "monitor/subject.h"
#include "target/target-set.h"

/* Values of the second that just closed. */
typedef struct Monitor {
        const Host *host;   /* borrowed */
        TargetSet *targets; /* borrowed */
        double load1;       /* NAN when it could not be read */
        HttpMonitor *http;  /* borrowed; NULL: no HTTP metric has a value */
} Monitor;

void monitor_init(Monitor *m, const Host *host, TargetSet *targets);

/* Once per tick after target_set_refresh(): reads what is per host. Returns -errno of what failed; values
 * are then NAN. */
int monitor_tick(Monitor *m);

/* The value of @metric for @subject in the last second, NAN for none. @uri is for HTTP metrics. */
double monitor_value(Monitor *m, Metric metric, Subject subject, const UriRule *uri);

/* Which Pressure that metric is; -EINVAL: none. */
int metric_pressure(Metric m);
