/* SPDX-License-Identifier: Apache-2.0 */
/* "cprofctl unit show": one unit, what watches it, and how well its requests are seen. */
#include "ctl/http-view.h"
#include "ctl/json-out.h"
#include "ctl/unit-row.h"

#include "basic/log.h"
#include "basic/unit-name.h"
#include "basic/utf8.h"

#include <string.h>

/* Finds the unit in the listing. */
static int read_unit(sd_bus_message *reply, const char *unit, UnitRow *row) {
        int r;

        r = sd_bus_message_enter_container(reply, 'a', CPROF_BUS_UNIT_SIGNATURE);
        if (r < 0)
                return bus_complain_reply(r);

        while ((r = unit_row_read(reply, row)) > 0)
                if (strcmp(row->name, unit) == 0)
                        return 1;

        return r;
}

static void print_text(const char *text) {
        _cleanup_(freep) char *clean = utf8_sanitize(text, strlen(text));

        fputs(clean ?: "", stdout);
}

static void print_status(const Ctl *c, const char *status, const char *reason) {
        printf("%s%s%s", colour_on(c, view_state_colour(status)), status, colour_on(c, COLOUR_NORMAL));
        if (reason[0] != '\0') {
                printf(": ");
                print_text(reason);
        }
}

static void print_unit(const Ctl *c, const UnitRow *row) {
        char cpu[VIEW_TEXT_MAX];

        printf("%s %s", c->utf8 ? "●" : "*", row->name);
        if (row->description[0] != '\0') {
                printf(" - ");
                print_text(row->description);
        }
        putchar('\n');

        if (row->active_state[0] != '\0')
                printf("%10s %s\n", "Active:", row->active_state);
        printf("%10s %u, %u threads, CPU %s\n",
               "Processes:",
               row->n_processes,
               row->n_threads,
               view_value(row->cpu_percent, "%", cpu));
        printf("%10s %u", "Rules:", row->n_rules);
        if (row->n_rules > 0) {
                printf(", ");
                print_status(c, row->status, row->reason);
        }
        putchar('\n');
}

static void print_rule(const HttpRuleRow *r) {
        char mean[VIEW_TEXT_MAX], p99[VIEW_TEXT_MAX];

        printf("%10s ", "");
        print_text(http_uri_in_words(r->uri));
        if (r->refused[0] != '\0') {
                printf(": not measured: ");
                print_text(r->refused);
        } else
                printf(": %" PRIu64 " responses, %" PRIu64 " 4xx, %" PRIu64 " 5xx, mean %s, p99 %s",
                       r->total.n_total,
                       r->total.n_4xx,
                       r->total.n_5xx,
                       view_milliseconds(r->total.mean_ms, mean),
                       view_milliseconds(r->total.p99_ms, p99));
        putchar('\n');
}

static uint64_t counter(const HttpProcessRow *p, const char *name) {
        for (size_t i = 0; i < p->n_counters; i++)
                if (strcmp(p->counters[i].name, name) == 0)
                        return p->counters[i].n;

        return 0;
}

static void print_process(const Ctl *c, const HttpProcessRow *p) {
        printf("%10s ", "");
        print_text(p->process);
        printf(" (%u): ", p->pid);
        if (p->hook[0] == '\0') {
                print_status(c, p->status, p->reason);
                putchar('\n');
                return;
        }

        printf("hook %s, ", p->hook);
        if (p->tls_note[0] != '\0') {
                printf(p->is_tls_attached ? "TLS seen: " : "TLS not seen: ");
                print_text(p->tls_note);
        } else
                printf("%s",
                       p->is_tls_attached                      ? "TLS seen"
                                       : counter(p, "tls") > 0 ? "TLS not seen"
                                                               : "no TLS");
        if (strcmp(p->status, "armed") != 0) {
                printf(", ");
                print_status(c, p->status, p->reason);
        }
        putchar('\n');

        if (p->n_counters == 0)
                return;

        printf("%10s   ", "");
        for (size_t i = 0; i < p->n_counters; i++)
                printf("%s%s %" PRIu64, i > 0 ? ", " : "", p->counters[i].name, p->counters[i].n);
        putchar('\n');
}

static void print_http(const Ctl *c, const HttpView *v) {
        if (v->n_rules == 0)
                return;

        printf("%10s since they are measured:\n", "HTTP:");
        for (size_t i = 0; i < v->n_rules && v->rules[i].pid == 0; i++)
                print_rule(v->rules + i);
        for (size_t i = 0; i < v->n_processes; i++)
                print_process(c, v->processes + i);
}

static int show(Ctl *c, const UnitRow *row, const HttpView *v) {
        _cleanup_(json_decrefp) json_t *unit = NULL;

        if (c->options.json == JSON_MODE_OFF) {
                print_unit(c, row);
                print_http(c, v);
                return EXIT_SUCCESS;
        }

        unit = unit_row_to_json(row);
        if (!unit || json_object_set_new(unit, "http", http_view_to_json(v, row->name)) < 0)
                return log_error_errno(ENOMEM, "Failed to write JSON: %m");

        return json_out(c, unit);
}

int verb_unit_show(Ctl *c, int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *units = NULL, *http = NULL;
        _cleanup_(http_view_done) HttpView v = {};
        _cleanup_(freep) char *unit = NULL;
        UnitRow row = {};
        int r;

        r = unit_name_mangle(argv[0], &unit);
        if (r < 0)
                return log_error_errno(r, "Bad unit name '%s'.", argv[0]);

        /* first, because it knows how to say that there is no such unit */
        r = ctl_call(c, "show the unit", "GetHttp", &http, "s", unit);
        if (r < 0)
                return r;

        r = http_view_read(http, &v);
        if (r < 0)
                return bus_complain_reply(r);

        r = ctl_call(c, "show the unit", "ListUnits", &units, NULL);
        if (r >= 0)
                r = read_unit(units, unit, &row);
        if (r < 0)
                return r;
        if (r == 0)
                return log_error_errno(ENOENT, "Unit '%s' has just gone.", unit);

        return show(c, &row, &v);
}
