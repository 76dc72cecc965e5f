/* SPDX-License-Identifier: Apache-2.0 */
/* What units wait for, pass by pass: pressure stall information of their cgroups. */
#include "target/target-set-internal.h"

#include <math.h>

static void sample(TargetSet *s, Unit *u, Pressure pressure) {
        PressureSample *p = u->pressures + pressure;
        uint64_t usec;
        int r;

        /* One of several directories would be one of several units. */
        r = u->path_ambiguous ? -ENOENT : cgroupfs_read_pressure(s->host, u->cgroup_path, pressure, &usec);
        if (r < 0) {
                *p = (PressureSample){ .error = r };
                return;
        }

        *p = (PressureSample){
                .usec = usec,
                .at_usec = s->now_usec,
                .before_usec = p->usec,
                .before_at_usec = p->at_usec,
        };
}

void unit_pressure_sample_all(TargetSet *s) {
        for (Unit *u = s->units; u; u = u->hh.next)
                for (Pressure i = 0; i < _PRESSURE_MAX; i++) {
                        if (u->pressures_wanted & (1U << i))
                                sample(s, u, i);
                        else
                                u->pressures[i] = (PressureSample){};
                }
}

double unit_pressure_percent(const Unit *u, Pressure pressure) {
        const PressureSample *p;
        double usec;

        assert(u);
        assert(pressure >= 0 && pressure < _PRESSURE_MAX);

        p = u->pressures + pressure;
        if (p->at_usec == 0 || p->before_at_usec == 0 || p->at_usec <= p->before_at_usec)
                return NAN;
        if (p->usec < p->before_usec) /* another cgroup of that name: the unit was started again */
                return NAN;

        usec = (double) (p->at_usec - p->before_at_usec);
        return fmin(100.0 * (double) (p->usec - p->before_usec) / usec, 100.0); /* read at another moment */
}
