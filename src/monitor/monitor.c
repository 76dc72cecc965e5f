/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/monitor.h"

#include "host/procfs-system.h"

#include <math.h>

void monitor_init(Monitor *m, const Host *host, TargetSet *targets) {
        assert(m);

        *m = (Monitor){ .host = host, .targets = targets, .load1 = NAN };
}

int monitor_tick(Monitor *m) {
        double load1;
        int r;

        assert(m);
        assert(m->host);

        m->load1 = NAN; /* an old value is none of this second */
        r = procfs_read_load1(m->host, &load1);
        if (r < 0)
                return r;

        m->load1 = load1;
        return 0;
}

static double process_value(const Monitor *m, Metric metric, const Process *p) {
        if (p->fresh)
                return NAN;

        switch (metric) {
        case METRIC_PROCESS_CPU:
                return process_cpu_percent(p);
        case METRIC_PROCESS_THREAD_COUNT:
                return p->n_threads > 0 ? p->n_threads : NAN; /* alive means at least one: 0 was not read */
        case METRIC_SYSTEM_LOAD:
                return m->load1;
        default:
                return NAN;
        }
}

int metric_pressure(Metric m) {
        switch (m) {
        case METRIC_CPU_PRESSURE:
                return PRESSURE_CPU;
        case METRIC_IO_PRESSURE:
                return PRESSURE_IO;
        case METRIC_MEMORY_PRESSURE:
                return PRESSURE_MEMORY;
        default:
                return _PRESSURE_INVALID;
        }
}

static double unit_value(const Monitor *m, Metric metric, Unit *u) {
        switch (metric) {
        case METRIC_PROCESS_CPU:
                return unit_cpu_percent(u);
        case METRIC_PROCESS_THREAD_COUNT:
                return unit_n_threads(m->targets, u);
        case METRIC_SYSTEM_LOAD:
                return m->load1;
        case METRIC_CPU_PRESSURE:
        case METRIC_IO_PRESSURE:
        case METRIC_MEMORY_PRESSURE:
                return unit_pressure_percent(u, (Pressure) metric_pressure(metric));
        default:
                return NAN;
        }
}

static double http_value(const Monitor *m, Metric metric, Subject subject, const UriRule *uri) {
        if (!m->http || (subject.process && subject.process->fresh))
                return NAN;

        return http_monitor_value(m->http, metric, subject, uri);
}

double monitor_value(Monitor *m, Metric metric, Subject subject, const UriRule *uri) {
        assert(m);
        assert(!subject.process != !subject.unit);

        if (metric_info(metric)->is_http)
                return http_value(m, metric, subject, uri);

        if (subject.process)
                return process_value(m, metric, subject.process);

        return unit_value(m, metric, subject.unit);
}
