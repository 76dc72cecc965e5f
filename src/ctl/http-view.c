/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/http-view.h"

#include "ctl/json-out.h"

#include <math.h>

#define RULE_FIELDS "sussu(tttdddd)(tttdddd)(tttdddd)"
#define PROCESS_FIELDS "susssbsa{st}"

_Static_assert(sizeof("(" RULE_FIELDS ")") == sizeof(CPROF_BUS_HTTP_RULE_SIGNATURE),
               "fields of the signature");
_Static_assert(sizeof("(" PROCESS_FIELDS ")") == sizeof(CPROF_BUS_HTTP_PROCESS_SIGNATURE), "ditto");

static int read_sums(sd_bus_message *m, HttpSumsRow *s) {
        return sd_bus_message_read(
                        m,
                        "(tttdddd)",
                        &s->n_total,
                        &s->n_4xx,
                        &s->n_5xx,
                        &s->mean_ms,
                        &s->p50_ms,
                        &s->p95_ms,
                        &s->p99_ms);
}

static int read_rule(sd_bus_message *m, HttpRuleRow *row) {
        int r;

        r = sd_bus_message_read(
                        m, "sussu", &row->process, &row->pid, &row->uri, &row->refused, &row->n_seconds);
        if (r >= 0)
                r = read_sums(m, &row->last);
        if (r >= 0)
                r = read_sums(m, &row->recent);
        if (r >= 0)
                r = read_sums(m, &row->total);

        return r;
}

static int read_process(sd_bus_message *m, HttpProcessRow *row) {
        const char *name;
        uint64_t n;
        int r, tls;

        r = sd_bus_message_read(
                        m,
                        "susssbs",
                        &row->process,
                        &row->pid,
                        &row->hook,
                        &row->status,
                        &row->reason,
                        &tls,
                        &row->tls_note);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "{st}");
        if (r < 0)
                return r;

        row->is_tls_attached = tls;
        while ((r = sd_bus_message_read(m, "{st}", &name, &n)) > 0) {
                if (row->n_counters == HTTP_VIEW_COUNTERS_MAX)
                        continue;

                row->counters[row->n_counters].name = name;
                row->counters[row->n_counters++].n = n;
        }

        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* One more zeroed element at the end of an array of @n; it grows in steps. */
static void *add_element(void **array, size_t n, size_t size) {
        char *grown;

        if ((n & (n - 1)) == 0) { /* a power of two is full */
                grown = reallocarray(*array, n > 0 ? 2 * n : 1, size);
                if (!grown)
                        return NULL;
                *array = grown;
        }

        return memset((char *) *array + n * size, 0, size);
}

static int read_rules(sd_bus_message *m, HttpView *v) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', CPROF_BUS_HTTP_RULE_SIGNATURE);
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', RULE_FIELDS)) > 0) {
                HttpRuleRow *row = add_element((void **) &v->rules, v->n_rules, sizeof(*row));

                if (!row)
                        return -ENOMEM;

                r = read_rule(m, row);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                v->n_rules += r >= 0;
        }

        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_processes(sd_bus_message *m, HttpView *v) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', CPROF_BUS_HTTP_PROCESS_SIGNATURE);
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', PROCESS_FIELDS)) > 0) {
                HttpProcessRow *row = add_element((void **) &v->processes, v->n_processes, sizeof(*row));

                if (!row)
                        return -ENOMEM;

                r = read_process(m, row);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                v->n_processes += r >= 0;
        }

        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int http_view_read(sd_bus_message *reply, HttpView *ret_view) {
        int r;

        *ret_view = (HttpView){};
        r = read_rules(reply, ret_view);
        return r < 0 ? r : read_processes(reply, ret_view);
}

void http_view_done(HttpView *v) {
        free(v->rules);
        free(v->processes);
}

static json_t *sums_to_json(const HttpSumsRow *s) {
        return json_pack(
                        "{s:I, s:I, s:I, s:o, s:o, s:o, s:o}",
                        "responses",
                        (json_int_t) s->n_total,
                        "4xx",
                        (json_int_t) s->n_4xx,
                        "5xx",
                        (json_int_t) s->n_5xx,
                        "mean_ms",
                        json_number_or_null(s->mean_ms),
                        "p50_ms",
                        json_number_or_null(s->p50_ms),
                        "p95_ms",
                        json_number_or_null(s->p95_ms),
                        "p99_ms",
                        json_number_or_null(s->p99_ms));
}

static json_t *rule_to_json(const HttpRuleRow *row) {
        return json_pack(
                        "{s:s, s:I, s:s, s:s, s:s, s:o, s:I, s:o, s:o}",
                        "process",
                        row->process,
                        "pid",
                        (json_int_t) row->pid,
                        "uri",
                        row->uri[0] == '~' ? "" : row->uri,
                        "uri_regex",
                        row->uri[0] == '~' ? row->uri + 1 : "",
                        "refused",
                        row->refused,
                        "last_second",
                        sums_to_json(&row->last),
                        "recent_seconds",
                        (json_int_t) row->n_seconds,
                        "recent",
                        sums_to_json(&row->recent),
                        "total",
                        sums_to_json(&row->total));
}

static json_t *process_to_json(const HttpProcessRow *row) {
        json_t *counters = json_object();

        for (size_t i = 0; i < row->n_counters; i++)
                (void) json_object_set_new(
                                counters,
                                row->counters[i].name,
                                json_integer((json_int_t) row->counters[i].n));

        return json_pack(
                        "{s:s, s:I, s:s, s:s, s:s, s:b, s:s, s:o}",
                        "process",
                        row->process,
                        "pid",
                        (json_int_t) row->pid,
                        "hook",
                        row->hook,
                        "status",
                        row->status,
                        "reason",
                        row->reason,
                        "tls",
                        row->is_tls_attached,
                        "tls_note",
                        row->tls_note,
                        "counters",
                        counters);
}

json_t *http_view_to_json(const HttpView *v, const char *unit) {
        json_t *rules = json_array(), *processes = json_array();

        for (size_t i = 0; i < v->n_rules; i++)
                (void) json_array_append_new(rules, rule_to_json(v->rules + i));
        for (size_t i = 0; i < v->n_processes; i++)
                (void) json_array_append_new(processes, process_to_json(v->processes + i));

        return json_pack("{s:s, s:o, s:o}", "unit", unit, "rules", rules, "processes", processes);
}

const char *view_milliseconds(double ms, char buf[static VIEW_TEXT_MAX]) {
        const char *unit = ms < 0.9995 ? "us" : ms < 999.5 ? "ms" : "s";
        double value = ms < 0.9995 ? ms * 1000 : ms < 999.5 ? ms : ms / 1000;
        int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

        if (isnan(ms))
                return strcpy(buf, "-");

        (void) snprintf(buf, VIEW_TEXT_MAX, "%.*f%s", digits, value, unit);
        return buf;
}

const char *http_uri_in_words(const char *uri) {
        return uri[0] != '\0' ? uri : "all requests";
}
