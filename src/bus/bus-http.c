/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP of a unit: its rules with their sums, and how well each process is measured. */
#include "bus/bus-private.h"

#define RULE_ROWS_MAX 4096U    /* per reply */
#define PROCESS_ROWS_MAX 4096U /* ditto */
#define UNIT_RULES_MAX 256U    /* different ones of one unit */

int bus_append_uri(sd_bus_message *m, const UriRule *rule) {
        _cleanup_(freep) char *text = NULL;

        if (rule->kind != URI_RULE_REGEX)
                return bus_append_text(m, rule->text ?: "");

        if (asprintf(&text, "~%s", rule->text) < 0) {
                text = NULL;
                return -ENOMEM;
        }

        return bus_append_text(m, text);
}

/* A reply being written. */
typedef struct Rows {
        Bus *bus;
        sd_bus_message *reply;
        size_t n;
        int error;

        const UriRule *rules[UNIT_RULES_MAX]; /* of the unit; borrowed from the watches */
        size_t n_rules;
} Rows;

static int append_sums(sd_bus_message *m, const HttpSums *s) {
        return sd_bus_message_append(
                        m,
                        "(tttdddd)",
                        s->n_total,
                        s->n_4xx,
                        s->n_5xx,
                        http_sums_mean(s),
                        http_sums_quantile(s, 0.5),
                        http_sums_quantile(s, 0.95),
                        http_sums_quantile(s, 0.99));
}

static int append_all_sums(const Rows *rows, Subject subject, const UriRule *rule, unsigned n_seconds) {
        const HttpMonitor *m = rows->bus->context.http;
        HttpSums s;
        int r;

        (void) http_monitor_last(m, subject, rule, &s);
        r = append_sums(rows->reply, &s);
        if (r < 0)
                return r;

        (void) http_monitor_recent(m, subject, rule, MAX_OF(n_seconds, 1U), &s);
        r = append_sums(rows->reply, &s);
        if (r < 0)
                return r;

        (void) http_monitor_total(m, subject, rule, &s);
        return append_sums(rows->reply, &s);
}

static int
append_rule(Rows *rows, Subject subject, const UriRule *rule, const char *refusal, unsigned n_seconds) {
        const Process *p = subject.process;
        int r;

        r = sd_bus_message_open_container(rows->reply, 'r', "sussu(tttdddd)(tttdddd)(tttdddd)");
        if (r >= 0)
                r = bus_append_text(rows->reply, p ? p->name : "");
        if (r >= 0)
                r = sd_bus_message_append(rows->reply, "u", p ? (uint32_t) p->key.pid : 0U);
        if (r >= 0)
                r = bus_append_uri(rows->reply, rule);
        if (r >= 0)
                r = sd_bus_message_append(rows->reply, "su", refusal ?: "", n_seconds);
        if (r >= 0)
                r = append_all_sums(rows, subject, rule, n_seconds);
        if (r < 0)
                return r;

        return sd_bus_message_close_container(rows->reply);
}

static const char *refusal_of(const Bus *b, const Process *p, const UriRule *rule) {
        return b->context.http_watch ? http_watch_refusal(b->context.http_watch, p, rule) : NULL;
}

static void append_rules_of_process(Process *p, void *userdata) {
        const UriRule *rules[CPROF_HTTP_RULES_MAX];
        Rows *rows = userdata;
        HttpStatus status;
        size_t n;

        if (http_monitor_status(rows->bus->context.http, p, &status) < 0)
                return;

        n = MIN_OF(process_uri_rules(p, rules, ELEMENTSOF(rules)), ELEMENTSOF(rules));
        for (size_t i = 0; i < n && rows->n < RULE_ROWS_MAX && rows->error >= 0; i++, rows->n++)
                rows->error = append_rule(
                                rows,
                                (Subject){ .process = p },
                                rules[i],
                                status.error < 0 ? status.reason : refusal_of(rows->bus, p, rules[i]),
                                status.n_seconds);
}

static void collect_rules(Process *p, void *userdata) {
        const UriRule *rules[CPROF_HTTP_RULES_MAX];
        Rows *rows = userdata;
        size_t n;

        n = MIN_OF(process_uri_rules(p, rules, ELEMENTSOF(rules)), ELEMENTSOF(rules));
        for (size_t i = 0; i < n && rows->n_rules < UNIT_RULES_MAX; i++) {
                bool known = false;

                for (size_t k = 0; k < rows->n_rules && !known; k++)
                        known = uri_rule_equal(rows->rules[k], rules[i]);
                if (!known)
                        rows->rules[rows->n_rules++] = rules[i];
        }
}

static void most_seconds(Process *p, void *userdata) {
        Rows *rows = userdata;
        HttpStatus status;

        if (http_monitor_status(rows->bus->context.http, p, &status) >= 0)
                rows->n = MAX_OF(rows->n, (size_t) status.n_seconds);
}

/* Why nobody in the unit is measured by a rule; NULL: somebody is, or soon will be. */
typedef struct Refusal {
        const Rows *rows;
        const UriRule *rule;
        const char *reason;
} Refusal;

static void find_refusal(Process *p, void *userdata) {
        Refusal *f = userdata;
        HttpStatus status;

        if (f->reason || http_monitor_status(f->rows->bus->context.http, p, &status) < 0)
                return;

        f->reason = status.error < 0 ? status.reason : refusal_of(f->rows->bus, p, f->rule);
}

static const char *refusal_of_unit(const Rows *rows, Unit *u, const UriRule *rule) {
        Refusal f = { .rows = rows, .rule = rule };
        HttpSums s;

        if (http_monitor_total(rows->bus->context.http, (Subject){ .unit = u }, rule, &s))
                return NULL;

        unit_for_each_process(rows->bus->context.targets, u, find_refusal, &f);
        return f.reason;
}

static int append_rules(Rows *rows, Unit *u) {
        TargetSet *targets = rows->bus->context.targets;
        unsigned n_seconds;
        int r;

        unit_for_each_process(targets, u, collect_rules, rows);
        unit_for_each_process(targets, u, most_seconds, rows);
        n_seconds = (unsigned) rows->n;

        r = sd_bus_message_open_container(rows->reply, 'a', CPROF_BUS_HTTP_RULE_SIGNATURE);
        for (rows->n = 0; r >= 0 && rows->n < rows->n_rules; rows->n++)
                r = append_rule(rows,
                                (Subject){ .unit = u },
                                rows->rules[rows->n],
                                refusal_of_unit(rows, u, rows->rules[rows->n]),
                                n_seconds);
        if (r < 0)
                return r;

        unit_for_each_process(targets, u, append_rules_of_process, rows);
        return rows->error < 0 ? rows->error : sd_bus_message_close_container(rows->reply);
}

static RuleStatus status_of(const HttpStatus *s, const char **ret_reason) {
        *ret_reason = "";

        if (s->error < 0) {
                *ret_reason = s->reason ?: "";
                return RULE_STATUS_IMPOSSIBLE;
        }
        if (s->is_degraded) {
                *ret_reason = s->degraded_reason;
                return RULE_STATUS_DEGRADED;
        }

        return RULE_STATUS_ARMED;
}

static int append_counters(sd_bus_message *m, const HttpStatus *s) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{st}");
        for (unsigned i = 0; r >= 0 && i < CPROF_HTTP_COUNTERS_MAX; i++)
                if (s->counters[i] > 0)
                        r = sd_bus_message_append(
                                        m, "{st}", probe_http_counter_to_string(i), s->counters[i]);

        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_status(sd_bus_message *m, const Process *p, const HttpStatus *s) {
        const char *reason;
        RuleStatus status = status_of(s, &reason);
        int r;

        r = sd_bus_message_open_container(m, 'r', "susssbsa{st}");
        if (r >= 0)
                r = bus_append_text(m, p->name);
        if (r >= 0)
                r = sd_bus_message_append(
                                m,
                                "usssbs",
                                (uint32_t) p->key.pid,
                                s->error < 0 ? "" : probe_http_hook_to_string(s->hook),
                                rule_status_to_string(status),
                                reason,
                                s->is_tls_attached,
                                s->tls_note ?: "");
        if (r >= 0)
                r = append_counters(m, s);

        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void append_process(Process *p, void *userdata) {
        Rows *rows = userdata;
        HttpStatus status;

        if (rows->error < 0 || rows->n >= PROCESS_ROWS_MAX ||
            http_monitor_status(rows->bus->context.http, p, &status) < 0)
                return;

        rows->error = append_status(rows->reply, p, &status);
        rows->n++;
}

static int append_processes(Rows *rows, Unit *u) {
        int r;

        r = sd_bus_message_open_container(rows->reply, 'a', CPROF_BUS_HTTP_PROCESS_SIGNATURE);
        if (r < 0)
                return r;

        rows->n = 0;
        unit_for_each_process(rows->bus->context.targets, u, append_process, rows);
        return rows->error < 0 ? rows->error : sd_bus_message_close_container(rows->reply);
}

static int method_get_http(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Rows rows = { .bus = userdata };
        const char *name;
        Unit *u;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;

        if (!rows.bus->context.http)
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_NOT_SUPPORTED,
                                "HTTP is not measured by this daemon.");

        r = bus_find_unit(rows.bus, name, &u, error);
        if (r < 0)
                return r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;

        rows.reply = reply;
        r = append_rules(&rows, u);
        if (r >= 0)
                r = append_processes(&rows, u);
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

const sd_bus_vtable bus_http_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "GetHttp",
                        SD_BUS_ARGS("s", unit),
                        SD_BUS_RESULT("a" CPROF_BUS_HTTP_RULE_SIGNATURE,
                                      rules,
                                      "a" CPROF_BUS_HTTP_PROCESS_SIGNATURE,
                                      processes),
                        method_get_http,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

/* The worst of a unit's processes; what only some of them have degrades the unit. */
typedef struct UnitStatus {
        Bus *bus;
        const UriRule *rule;
        unsigned n, n_impossible;
        RuleStatus worst;
        const char *reason;
} UnitStatus;

static RuleStatus process_status(Bus *b, const Process *p, const UriRule *rule, const char **ret_reason) {
        const char *refusal = refusal_of(b, p, rule);
        HttpStatus status;

        *ret_reason = "";
        if (refusal) {
                *ret_reason = refusal;
                return RULE_STATUS_IMPOSSIBLE;
        }

        if (http_monitor_status(b->context.http, p, &status) < 0)
                return RULE_STATUS_ARMED; /* the next tick watches it */

        return status_of(&status, ret_reason);
}

static void add_process_status(Process *p, void *userdata) {
        UnitStatus *u = userdata;
        const char *reason;
        RuleStatus status;

        status = process_status(u->bus, p, u->rule, &reason);
        u->n++;
        u->n_impossible += status == RULE_STATUS_IMPOSSIBLE;
        if (status > u->worst) {
                u->worst = status;
                u->reason = reason;
        }
}

RuleStatus bus_http_rule_status(Bus *b, const UriRule *rule, Subject subject, const char **ret_reason) {
        UnitStatus u = { .bus = b, .rule = rule, .reason = "" };

        *ret_reason = NULL;
        if (probe_feature(b->context.probe, PROBE_FEATURE_HTTP, ret_reason) < 0) {
                *ret_reason = *ret_reason ?: "HTTP cannot be measured on this host";
                return RULE_STATUS_IMPOSSIBLE;
        }

        *ret_reason = "";
        if (!b->context.http)
                return RULE_STATUS_IMPOSSIBLE;
        if (subject.process)
                return process_status(b, subject.process, rule, ret_reason);

        unit_for_each_process(b->context.targets, subject.unit, add_process_status, &u);
        *ret_reason = u.reason;
        return u.worst == RULE_STATUS_IMPOSSIBLE && u.n_impossible < u.n ? RULE_STATUS_DEGRADED : u.worst;
}
