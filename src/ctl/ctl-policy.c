/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-policy.h"

#include "ctl/json-out.h"
#include "ctl/pager.h"
#include "ctl/table.h"

#include "basic/log.h"
#include "basic/strbuf.h"

#include <string.h>

/* CPROF_BUS_POLICY_SIGNATURE without its parentheses. */
#define POLICY_FIELDS "sssssasasasassttu"

_Static_assert(sizeof("(" POLICY_FIELDS ")") == sizeof(CPROF_BUS_POLICY_SIGNATURE),
               "fields of the signature");

void policy_row_done(PolicyRow *row) {
        strings_free(row->units);
        strings_free(row->filters);
        strings_free(row->triggers);
        strings_free(row->kinds);
        *row = (PolicyRow){};
}

int policy_rows_open(Ctl *c, sd_bus_message **ret_reply) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = ctl_call(c, "list policies", "ListPolicies", &reply, NULL);
        if (r < 0)
                return r;

        r = sd_bus_message_enter_container(reply, 'a', CPROF_BUS_POLICY_SIGNATURE);
        if (r < 0)
                return bus_complain_reply(r);

        *ret_reply = TAKE_PTR(reply);
        return 0;
}

static int read_row(sd_bus_message *reply, PolicyRow *row) {
        char ***lists[] = { &row->units, &row->filters, &row->triggers, &row->kinds };
        int r;

        r = sd_bus_message_read(
                        reply, "sssss", &row->name, &row->source, &row->path, &row->state, &row->message);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                r = sd_bus_message_read_strv(reply, lists[i]);
                if (r < 0)
                        return r;
        }

        r = sd_bus_message_read(
                        reply,
                        "sttu",
                        &row->scope,
                        &row->duration_usec,
                        &row->silence_usec,
                        &row->n_subjects);
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(reply);
}

int policy_rows_next(sd_bus_message *reply, PolicyRow *ret_row) {
        _cleanup_(policy_row_done) PolicyRow row = {};
        int r;

        r = sd_bus_message_enter_container(reply, 'r', POLICY_FIELDS);
        if (r == 0)
                return 0;
        if (r > 0)
                r = read_row(reply, &row);
        if (r < 0)
                return bus_complain_reply(r);

        *ret_row = row;
        row = (PolicyRow){};
        return 1;
}

static json_t *row_to_json(const PolicyRow *row) {
        return json_pack(
                        "{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:I, s:I, s:i}",
                        "name",
                        row->name,
                        "source",
                        row->source,
                        "path",
                        row->path,
                        "state",
                        row->state,
                        "message",
                        row->message,
                        "units",
                        json_strings(row->units),
                        "filters",
                        json_strings(row->filters),
                        "triggers",
                        json_strings(row->triggers),
                        "profiles",
                        json_strings(row->kinds),
                        "scope",
                        row->scope,
                        "duration_usec",
                        (json_int_t) row->duration_usec,
                        "silence_usec",
                        (json_int_t) row->silence_usec,
                        "watched",
                        (int) row->n_subjects);
}

static void add_joined(Table *t, char *const *units, char *const *more) {
        _cleanup_(strbuf_done) StrBuf b = {};
        char *const *lists[] = { units, more };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                for (char *const *s = lists[i]; s && *s; s++)
                        strbuf_addf(&b, "%s%s", b.length > 0 ? " " : "", *s);

        table_add(t, b.text ?: "-");
}

static void row_to_table(const PolicyRow *row, Table *t) {
        _cleanup_(strbuf_done) StrBuf rules = {};

        for (char **s = row->triggers; s && *s; s++)
                strbuf_addf(&rules, "%s%s", rules.length > 0 ? " or " : "", *s);

        table_add_row(t);
        table_add(t, row->name);
        table_add(t, row->source);
        table_add_coloured(t, view_state_colour(row->state), row->state);
        table_addf(t, "%u", row->n_subjects);
        add_joined(t, row->units, row->filters);
        table_add(t, rules.text ?: "-");
}

static int list_as_json(const Ctl *c, sd_bus_message *reply) {
        _cleanup_(json_decrefp) json_t *array = json_array();
        int r;

        for (;;) {
                _cleanup_(policy_row_done) PolicyRow row = {};

                r = policy_rows_next(reply, &row);
                if (r < 0)
                        return r;
                if (r == 0)
                        return json_out(c, array);
                if (json_array_append_new(array, row_to_json(&row)) < 0)
                        return log_error_errno(ENOMEM, "Failed to write JSON: %m");
        }
}

int verb_policy_list(Ctl *c, int argc, char **argv) {
        static const TableColumn columns[] = {
                { "POLICY", TABLE_TRUNCATE | TABLE_KEY },
                { "SOURCE" },
                { "STATE" },
                { "WATCHED", TABLE_RIGHT },
                { "UNITS", TABLE_TRUNCATE },
                { "RULES", TABLE_TRUNCATE },
                {},
        };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        size_t n = 0;
        int r;

        r = policy_rows_open(c, &reply);
        if (r < 0)
                return r;

        if (c->options.json != JSON_MODE_OFF)
                return list_as_json(c, reply);

        r = table_new(c, columns, &t);
        if (r < 0)
                return log_error_errno(r, "Failed to print the listing: %m");

        for (;; n++) {
                _cleanup_(policy_row_done) PolicyRow row = {};

                r = policy_rows_next(reply, &row);
                if (r < 0)
                        return r;
                if (r == 0)
                        break;
                row_to_table(&row, t);
        }

        pager_open(c);
        r = n > 0 ? table_print(t) : 0;
        if (r >= 0)
                view_legend(c, n, "policy", "policies");

        return r;
}

int verb_policy_show(Ctl *c, int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *text, *path, *message;
        int r;

        r = ctl_call(c, "show the policy", "GetPolicy", &reply, "s", argv[0]);
        if (r < 0)
                return r;

        r = sd_bus_message_read(reply, "sss", &text, &path, &message);
        if (r < 0)
                return bus_complain_reply(r);

        if (c->options.json != JSON_MODE_OFF) {
                _cleanup_(json_decrefp) json_t *j =
                                json_pack("{s:s, s:s, s:s, s:s}",
                                          "name",
                                          argv[0],
                                          "path",
                                          path,
                                          "text",
                                          text,
                                          "message",
                                          message);

                return json_out(c, j);
        }

        pager_open(c);
        /* The daemon puts such a line before each drop-in; the main file gets its own here. */
        printf("%s# %s%s\n", colour_on(c, COLOUR_DIM), path, colour_on(c, COLOUR_NORMAL));
        printf("%s%s", text, text[0] != '\0' && text[strlen(text) - 1] != '\n' ? "\n" : "");
        if (message[0] != '\0')
                printf("\n%s# %s%s\n", colour_on(c, COLOUR_RED), message, colour_on(c, COLOUR_NORMAL));

        return 0;
}

static int
change_each(Ctl *c, int argc, char **argv, const char *method, const char *verb, const char *done) {
        bool with_runtime = strcmp(method, "RemovePolicy") != 0;
        int r, result = 0;

        for (int i = 0; i < argc; i++) {
                _cleanup_(freep) char *what = NULL;

                if (asprintf(&what, "%s policy '%s'", verb, argv[i]) < 0)
                        return log_error_errno(ENOMEM, "Failed to %s the policy: %m", verb);

                if (with_runtime)
                        r = ctl_call(c, what, method, NULL, "sb", argv[i], (int) c->options.runtime);
                else
                        r = ctl_call(c, what, method, NULL, "s", argv[i]);
                if (r < 0)
                        result = r;
                else
                        printf("Policy %s %s.\n", argv[i], done);
        }

        return result;
}

int verb_policy_remove(Ctl *c, int argc, char **argv) {
        return change_each(c, argc, argv, "RemovePolicy", "remove", "removed");
}

int verb_policy_mask(Ctl *c, int argc, char **argv) {
        return change_each(c, argc, argv, "MaskPolicy", "mask", "masked");
}

int verb_policy_unmask(Ctl *c, int argc, char **argv) {
        return change_each(c, argc, argv, "UnmaskPolicy", "unmask", "unmasked");
}
