/* SPDX-License-Identifier: Apache-2.0 */
/* Units, and what to think of the rules that watch them. */
#include "bus/bus-private.h"

#include "task/task-kind.h"

#include <math.h>

static const char *const status_names[_RULE_STATUS_MAX] = {
        [RULE_STATUS_ARMED] = "armed",
        [RULE_STATUS_DEGRADED] = "degraded",
        [RULE_STATUS_IMPOSSIBLE] = "impossible",
};

const char *rule_status_to_string(RuleStatus s) {
        return s < _RULE_STATUS_MAX ? status_names[s] : NULL;
}

/* NULL: there is nothing to say. */
static const char *pressure_missing(const Unit *u, Pressure pressure) {
        switch (u->pressures[pressure].error) {
        case 0:
                return NULL;
        case -EOPNOTSUPP:
                return "pressure is accounted by cgroup2 only, which is not mounted";
        case -ENODATA:
                return "pressure is not accounted for this cgroup (cgroup.pressure)";
        default:
                return "the kernel does not account pressure (CONFIG_PSI, psi=1)";
        }
}

/* Whether there are profiles to be had. */
static RuleStatus kinds_status(Probe *probe, ProfileKinds kinds, const char **ret_reason) {
        const char *reason = NULL;
        ProfileKinds possible;

        possible = task_kinds_possible(probe, kinds, &reason);
        if (possible == kinds)
                return RULE_STATUS_ARMED;

        *ret_reason = reason;
        return possible ? RULE_STATUS_DEGRADED : RULE_STATUS_IMPOSSIBLE;
}

/* Whether there are values to be had. */
static RuleStatus value_status(Probe *probe, Metric metric, Subject subject, const char **ret_reason) {
        int pressure = metric_pressure(metric);
        const char *reason = NULL;

        if (pressure >= 0) { /* of the cgroup: nothing of its processes is read */
                reason = pressure_missing(subject.unit, (Pressure) pressure);
                *ret_reason = reason ?: "";
                return reason ? RULE_STATUS_IMPOSSIBLE : RULE_STATUS_ARMED;
        }

        if (metric == METRIC_SYSTEM_LOAD)
                return RULE_STATUS_ARMED;

        if (probe_feature(probe, PROBE_FEATURE_TASK_ITERATOR, &reason) < 0) {
                *ret_reason = reason ?: "processes are read from /proc";
                return RULE_STATUS_DEGRADED;
        }

        if (subject.unit && metric == METRIC_PROCESS_CPU && subject.unit->now.at_usec > 0 &&
            !subject.unit->cpu_from_cgroup) {
                *ret_reason = "no CPU accounting for this cgroup: summed over processes, short-lived ones are missed";
                return RULE_STATUS_DEGRADED;
        }

        return RULE_STATUS_ARMED;
}

RuleStatus
bus_rule_status(Bus *b,
                const Policy *policy,
                const PolicyTrigger *trigger,
                Subject subject,
                const char **ret_reason) {
        const char *kinds_reason = "", *value_reason = "";
        RuleStatus kinds, value;

        kinds = kinds_status(b->context.probe, policy->kinds, &kinds_reason);
        value = metric_info(trigger->metric)->is_http
                        ? bus_http_rule_status(b, &trigger->uri, subject, &value_reason)
                        : value_status(b->context.probe, trigger->metric, subject, &value_reason);

        *ret_reason = kinds >= value ? kinds_reason : value_reason; /* the worse one */
        return MAX_OF(kinds, value);
}

typedef struct UnitSummary {
        Bus *bus;
        uint32_t n_processes, n_rules;
        double cpu_percent;
        RuleStatus status;
        const char *reason;
} UnitSummary;

static void add_rules(UnitSummary *s, const Watch *w) {
        if (!w)
                return;

        for (size_t i = 0; i < w->n_policies; i++)
                for (size_t j = 0; j < w->policies[i]->n_triggers; j++) {
                        const char *reason;
                        RuleStatus status;

                        status =
                                        bus_rule_status(s->bus,
                                                        w->policies[i],
                                                        w->policies[i]->triggers + j,
                                                        w->subject,
                                                        &reason);
                        if (s->n_rules == 0 || status > s->status) {
                                s->status = status;
                                s->reason = reason;
                        }
                        s->n_rules++;
                }
}

static void add_process(Process *p, void *userdata) {
        UnitSummary *s = userdata;
        double percent = process_cpu_percent(p);

        s->n_processes++;
        if (!isnan(percent))
                s->cpu_percent = isnan(s->cpu_percent) ? percent : s->cpu_percent + percent;

        add_rules(s, p->watch);
}

static int append_unit(sd_bus_message *reply, Bus *b, Unit *u) {
        UnitSummary s = { .bus = b, .cpu_percent = NAN, .reason = "" };

        unit_for_each_process(b->context.targets, u, add_process, &s);
        add_rules(&s, u->watch);

        return sd_bus_message_append(
                        reply,
                        CPROF_BUS_UNIT_SIGNATURE,
                        u->name,
                        u->description ?: "",
                        u->active_state ?: "",
                        s.n_processes,
                        (uint32_t) unit_n_threads(b->context.targets, u),
                        s.cpu_percent,
                        s.n_rules,
                        s.n_rules > 0 ? rule_status_to_string(s.status) : "",
                        s.reason);
}

static int append_units(sd_bus_message *reply, void *userdata) {
        Bus *b = userdata;
        Unit *u, *next;
        int r;

        HASH_ITER(hh, target_set_units(b->context.targets), u, next) {
                r = append_unit(reply, b, u);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int method_list_units(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_reply_array(m, CPROF_BUS_UNIT_SIGNATURE, append_units, userdata);
}

const sd_bus_vtable bus_unit_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "ListUnits",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("a" CPROF_BUS_UNIT_SIGNATURE, units),
                        method_list_units,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
