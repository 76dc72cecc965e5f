/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-transport.h"
#include "oap/oap-forward.h"

/* A day on which OAP is away while policies trigger, on a simulated clock: what is forwarded meanwhile, and
 * what OAP has got when it is back. For a test and a bench: errors are returned. */
typedef struct OutagePlan {
        usec_t day_usec;     /* OAP is away for that long */
        usec_t trigger_usec; /* between two triggers: one task, on-CPU and off-CPU */
        usec_t task_usec;
        usec_t flush_usec; /* of its data */
        unsigned n_stacks; /* of one flush and target */
        unsigned n_meters; /* of one minute */
        uint64_t spool_bytes;
        unsigned restarts; /* of us, meanwhile */
} OutagePlan;

typedef struct Outage {
        uint64_t n_tasks, n_samples, n_meters; /* that there were; on-CPU and off-CPU are two tasks */
        uint64_t n_known, n_task_refused;      /* of tasks, as we were told */

        uint64_t n_tasks_at_oap, n_samples_at_oap, n_meters_at_oap;
        uint64_t n_twice;        /* streams that OAP got twice and answered both */
        uint64_t n_out_of_order; /* times that went back within a task */

        uint64_t bytes_max;                      /* of the spool, as it was seen each second */
        uint64_t bytes_at_end, n_records_at_end; /* of the outage */
        uint64_t n_dropped[_OAP_SPOOL_KIND_MAX];
        uint64_t n_calls_away, n_calls_back;        /* that were started */
        usec_t back_usec;                           /* until all of it was there */
        double append_ms_max, step_ms_max, busy_ms; /* of real time: the longest ones, and all of them */

        struct OutageWorld *world;
} Outage;

int outage_run(Outage *ret, const OutagePlan *plan);
void outage_done(Outage *o);
