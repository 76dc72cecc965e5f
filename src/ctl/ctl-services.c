/* SPDX-License-Identifier: Apache-2.0 */
/* "cprofctl oap services": who the processes are to SkyWalking, and why. */
#include "ctl/ctl-bus.h"
#include "ctl/json-out.h"
#include "ctl/pager.h"
#include "ctl/table.h"

#include "basic/log.h"

#include <string.h>

/* CPROF_BUS_SERVICE_SIGNATURE without its parentheses. */
#define SERVICE_FIELDS "ssssusssssa{ss}"

_Static_assert(sizeof("(" SERVICE_FIELDS ")") == sizeof(CPROF_BUS_SERVICE_SIGNATURE),
               "fields of the signature");

/* Strings are borrowed from the reply. */
typedef struct ServiceRow {
        const char *service, *instance, *process, *layer, *unit, *scope, *rule, *id, *problem;
        uint32_t pid;
} ServiceRow;

static int read_properties(sd_bus_message *m, json_t *object) {
        const char *key, *value;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{ss}");
        while (r >= 0 && (r = sd_bus_message_read(m, "{ss}", &key, &value)) > 0)
                if (json_object_set_new(object, key, json_string(value)) < 0)
                        return -ENOMEM;

        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* 1: read, 0: no more. */
static int read_row(sd_bus_message *m, ServiceRow *row, json_t *properties) {
        int r;

        r = sd_bus_message_enter_container(m, 'r', SERVICE_FIELDS);
        if (r <= 0)
                return r;

        r = sd_bus_message_read(
                        m,
                        "ssssusssss",
                        &row->service,
                        &row->instance,
                        &row->process,
                        &row->layer,
                        &row->pid,
                        &row->unit,
                        &row->scope,
                        &row->rule,
                        &row->id,
                        &row->problem);
        if (r >= 0)
                r = read_properties(m, properties);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);

        return r < 0 ? r : 1;
}

/* Takes @properties over. */
static json_t *row_to_json(const ServiceRow *row, json_t *properties) {
        return json_pack(
                        "{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:o}",
                        "service",
                        row->service,
                        "instance",
                        row->instance,
                        "process",
                        row->process,
                        "layer",
                        row->layer,
                        "pid",
                        (json_int_t) row->pid,
                        "unit",
                        row->unit,
                        "scope",
                        row->scope,
                        "rule",
                        row->rule,
                        "oap_id",
                        row->id,
                        "problem",
                        row->problem,
                        "properties",
                        properties);
}

/* The section without the directory of its file: one of a few. */
static const char *short_rule(const char *rule) {
        const char *slash = strrchr(rule, '/');

        return slash ? slash + 1 : rule;
}

static void row_to_table(const ServiceRow *row, Table *t) {
        table_add_row(t);
        table_add(t, row->service);
        table_add(t, row->instance);
        table_add(t, row->process);
        if (row->pid > 0)
                table_addf(t, "%u", row->pid);
        else
                table_add(t, "-");
        table_add(t, row->layer);
        table_add(t, row->unit);
        table_add(t, short_rule(row->rule));
        if (row->problem[0] != '\0')
                table_add_coloured(t, COLOUR_RED, row->problem);
        else
                table_add(t, row->id[0] != '\0' ? "known" : "-");
}

typedef struct Listing {
        Table *table; /* NULL: JSON is wanted */
        json_t *array;
        size_t n;
        uint32_t n_unregistered;
        uint64_t n_over_cap;
} Listing;

static void listing_done(Listing *l) {
        table_free(l->table);
        json_decref(l->array);
}

static int add_row(Listing *l, const ServiceRow *row, json_t *properties) {
        l->n++;
        if (!l->table)
                return json_array_append_new(l->array, row_to_json(row, json_incref(properties))) < 0
                                ? -ENOMEM
                                : 0;

        row_to_table(row, l->table);
        return 0;
}

static int read_listing(sd_bus_message *m, Listing *l) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', CPROF_BUS_SERVICE_SIGNATURE);
        if (r < 0)
                return r;

        for (;;) {
                _cleanup_(json_decrefp) json_t *properties = json_object();
                ServiceRow row;

                r = read_row(m, &row, properties);
                if (r <= 0)
                        break;

                r = add_row(l, &row, properties);
                if (r < 0)
                        break;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);

        return r < 0 ? r : sd_bus_message_read(m, "ut", &l->n_unregistered, &l->n_over_cap);
}

/* Whether an OAP is configured; unknown is yes: nothing is said then. */
static bool has_oap(Ctl *c) {
        _cleanup_(freep) char *state = NULL;

        if (sd_bus_get_property_string(
                            c->bus,
                            CPROF_BUS_NAME,
                            CPROF_BUS_PATH,
                            CPROF_BUS_INTERFACE,
                            "OapState",
                            NULL,
                            &state) < 0)
                return true;

        return strcmp(state, "off") != 0;
}

static void print_hints(Ctl *c, const Listing *l) {
        if (c->options.no_legend)
                return;

        view_legend(c, l->n, "process", "processes");
        if (l->n_unregistered > 0)
                printf("%u %s of no [Service] section that registers %s.\n",
                       l->n_unregistered,
                       l->n_unregistered == 1 ? "other is" : "others are",
                       l->n_unregistered == 1 ? "it" : "them");
        if (l->n_over_cap > 0)
                printf("%" PRIu64 " times one was left out, there are too many.\n", l->n_over_cap);
        if (!has_oap(c))
                printf("No OAP is configured: this is what would be registered. Set Address= in [OAP] of\n"
                       "/etc/cprof/cprofd.conf to connect to one.\n");
}

int verb_oap_services(Ctl *c, int argc, char **argv) {
        static const TableColumn columns[] = {
                { "SERVICE", TABLE_TRUNCATE | TABLE_KEY },
                { "INSTANCE", TABLE_TRUNCATE },
                { "PROCESS", TABLE_TRUNCATE },
                { "PID", TABLE_RIGHT },
                { "LAYER" },
                { "UNIT", TABLE_TRUNCATE },
                { "RULE", TABLE_TRUNCATE },
                { "OAP", TABLE_TRUNCATE },
                {},
        };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(listing_done) Listing l = { .array = json_array() };
        int r;

        r = ctl_call(c, "list services", "ListServices", &reply, NULL);
        if (r < 0)
                return r;

        if (c->options.json == JSON_MODE_OFF) {
                r = table_new(c, columns, &l.table);
                if (r < 0)
                        return log_error_errno(r, "Failed to print the listing: %m");
        }

        r = read_listing(reply, &l);
        if (r < 0)
                return bus_complain_reply(r);

        if (!l.table)
                return json_out(c, l.array);

        pager_open(c);
        r = l.n > 0 ? table_print(l.table) : 0;
        if (r >= 0)
                print_hints(c, &l);

        return r;
}
