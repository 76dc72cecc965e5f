/* SPDX-License-Identifier: Apache-2.0 */
/* The windows of a unit: each rule's last seconds. */
#include "bus/bus-private.h"

#include "host/clock.h"

#include <math.h>
#include <string.h>

#define WINDOW_ROWS_MAX 4096U /* per reply */
#define TICK_GRACE_USEC                                                                   \
        (100 * USEC_PER_MSEC) /* the second that just closed may still be being evaluated \
                               */

typedef struct Rows {
        Bus *bus;
        Unit *unit;
        sd_bus_message *reply;
        usec_t now_usec;
        size_t n;
        int error;
} Rows;

static const char *running_task(Bus *b, Subject subject, ProfileKinds kinds) {
        TaskManager *m = b->context.tasks;
        Unit *unit = subject.unit ?: subject.process->unit;

        for (Task *t = task_manager_next(m, NULL); t; t = task_manager_next(m, t)) {
                if (!(kinds & t->kinds) || strcmp(t->unit, unit->name) != 0)
                        continue;
                if (t->key.pid == 0 || (subject.process && subject.process->key.pid == t->key.pid))
                        return t->id;
        }

        return "";
}

static usec_t silence_left(Bus *b, Subject subject, ProfileKinds kinds, usec_t now_usec) {
        const char *unit = subject.unit ? subject.unit->name : subject.process->unit->name;
        usec_t left = 0;

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                if (kinds & PROFILE_KIND_BIT(k))
                        left = MAX_OF(left,
                                      cooldown_left(b->context.cooldown,
                                                    unit,
                                                    subject.process ? subject.process->name : "",
                                                    k,
                                                    now_usec));

        return left;
}

static int append_values(sd_bus_message *reply, const Window *w, usec_t slot_usec, unsigned n) {
        double values[POLICY_PERIOD_SEC_MAX];

        for (unsigned i = 0; i < n; i++)
                values[i] = NAN;
        if (w)
                window_values(w, slot_usec, n, values);

        return sd_bus_message_append_array(reply, 'd', values, n * sizeof(values[0]));
}

static int append_rule(Rows *rows, const Watch *w, const Policy *p, const PolicyTrigger *t) {
        usec_t slot_usec = rows->now_usec - TICK_GRACE_USEC;
        const MetricInfo *info = metric_info(t->metric);
        const Window *window = watch_find_window(w, t->metric, &t->uri);
        const char *reason;
        RuleStatus status;
        WindowHits hits = {};
        int r;

        slot_usec -= slot_usec % USEC_PER_SEC + 1; /* in the last second that is over */
        if (window)
                hits = window_hits(window, slot_usec, t->period_sec, t->threshold);
        status = bus_rule_status(rows->bus, p, t, w->subject, &reason);

        r = sd_bus_message_open_container(rows->reply, 'r', "ssussdsuuuadtsss");
        if (r < 0)
                return r;

        r = sd_bus_message_append(
                        rows->reply,
                        "ssus",
                        p->name,
                        w->subject.process ? w->subject.process->name : "",
                        w->subject.process ? (uint32_t) w->subject.process->key.pid : 0U,
                        info->name);
        if (r >= 0)
                r = bus_append_uri(rows->reply, &t->uri);
        if (r >= 0)
                r = sd_bus_message_append(
                                rows->reply,
                                "dsuuu",
                                t->threshold,
                                info->unit,
                                t->period_sec,
                                t->count,
                                hits.hits);
        if (r >= 0)
                r = append_values(rows->reply, window, slot_usec, t->period_sec);
        if (r >= 0)
                r = sd_bus_message_append(
                                rows->reply,
                                "tsss",
                                silence_left(rows->bus, w->subject, p->kinds, rows->now_usec),
                                rule_status_to_string(status),
                                reason,
                                running_task(rows->bus, w->subject, p->kinds));
        if (r < 0)
                return r;

        return sd_bus_message_close_container(rows->reply);
}

static void append_watch(Rows *rows, const Watch *w) {
        if (!w)
                return;

        for (size_t i = 0; i < w->n_policies; i++)
                for (size_t j = 0; j < w->policies[i]->n_triggers; j++) {
                        if (rows->error < 0 || rows->n >= WINDOW_ROWS_MAX)
                                return;

                        rows->error = append_rule(rows, w, w->policies[i], w->policies[i]->triggers + j);
                        rows->n++;
                }
}

static void append_process(Process *p, void *userdata) {
        append_watch(userdata, p->watch);
}

static int append_windows(sd_bus_message *reply, void *userdata) {
        Rows *rows = userdata;

        rows->reply = reply;
        append_watch(rows, rows->unit->watch);
        unit_for_each_process(rows->bus->context.targets, rows->unit, append_process, rows);
        return rows->error;
}

static int method_get_windows(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Rows rows = { .bus = userdata, .now_usec = clock_monotonic_usec() };
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;

        r = bus_find_unit(rows.bus, name, &rows.unit, error);
        if (r < 0)
                return r;

        return bus_reply_array(m, CPROF_BUS_WINDOW_SIGNATURE, append_windows, &rows);
}

const sd_bus_vtable bus_window_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "GetWindows",
                        SD_BUS_ARGS("s", unit),
                        SD_BUS_RESULT("a" CPROF_BUS_WINDOW_SIGNATURE, windows),
                        method_get_windows,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
