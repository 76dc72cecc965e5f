/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-bus.h"
#include "ctl/json-out.h"
#include "ctl/view.h"

#include "basic/log.h"
#include "basic/utf8.h"

#include <string.h>

/* Properties are read into JSON first: both outputs come from there. */
static int read_features(sd_bus_message *m, json_t **ret) {
        _cleanup_(json_decrefp) json_t *array = json_array();
        const char *name, *reason;
        int available, r;

        r = sd_bus_message_enter_container(m, 'a', CPROF_BUS_FEATURE_SIGNATURE);
        if (r < 0)
                return r;

        while ((r = sd_bus_message_read(m, CPROF_BUS_FEATURE_SIGNATURE, &name, &available, &reason)) > 0)
                if (json_array_append_new(
                                    array,
                                    json_pack("{s:s, s:b, s:s}",
                                              "name",
                                              name,
                                              "available",
                                              available,
                                              "reason",
                                              reason)) < 0)
                        return -ENOMEM;
        if (r < 0)
                return r;

        *ret = TAKE_PTR(array);
        return sd_bus_message_exit_container(m);
}

static int read_counts(sd_bus_message *m, json_t **ret) {
        _cleanup_(json_decrefp) json_t *object = json_object();
        const char *name;
        uint64_t n;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{st}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_read(m, "{st}", &name, &n)) > 0)
                if (json_object_set_new(object, name, json_integer((json_int_t) n)) < 0)
                        return -ENOMEM;
        if (r < 0)
                return r;

        *ret = TAKE_PTR(object);
        return sd_bus_message_exit_container(m);
}

static int read_basic(sd_bus_message *m, const char *contents, json_t **ret) {
        _cleanup_(strings_freep) char **strings = NULL;
        const char *text;
        unsigned u;
        int r;

        if (strcmp(contents, "s") == 0) {
                r = sd_bus_message_read(m, "s", &text);
                *ret = r < 0 ? NULL : json_string(text);
        } else if (strcmp(contents, "u") == 0) {
                r = sd_bus_message_read(m, "u", &u);
                *ret = r < 0 ? NULL : json_integer(u);
        } else {
                r = sd_bus_message_read_strv(m, &strings);
                *ret = r < 0 ? NULL : json_strings(strings);
        }

        return r;
}

static const struct {
        const char *property, *key, *contents;
} properties[] = {
        { "Version", "version", "s" },
        { "ProcessSource", "process_source", "s" },
        { "NPolicies", "policies", "u" },
        { "NUnits", "units", "u" },
        { "NProcesses", "processes", "u" },
        { "NRules", "rules", "u" },
        { "NTasksRunning", "tasks_running", "u" },
        { "KernelFeatures", "kernel_features", "a" CPROF_BUS_FEATURE_SIGNATURE },
        { "UnwindTables", "unwind_tables", "a{st}" },
        { "Losses", "losses", "a{st}" },
        { "Problems", "problems", "as" },
};

/* One property into @object; unknown ones, of a newer daemon, are skipped. */
static int read_property(sd_bus_message *m, json_t *object) {
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(properties); i++) {
                const char *contents = properties[i].contents;
                json_t *value = NULL;

                if (strcmp(name, properties[i].property) != 0)
                        continue;

                r = sd_bus_message_enter_container(m, 'v', contents);
                if (r < 0)
                        return r;

                if (strcmp(contents, "a" CPROF_BUS_FEATURE_SIGNATURE) == 0)
                        r = read_features(m, &value);
                else if (strcmp(contents, "a{st}") == 0)
                        r = read_counts(m, &value);
                else
                        r = read_basic(m, contents, &value);
                if (r < 0)
                        return r;

                if (json_object_set_new(object, properties[i].key, value) < 0)
                        return -ENOMEM;

                return sd_bus_message_exit_container(m);
        }

        return sd_bus_message_skip(m, "v");
}

static int read_properties(sd_bus_message *m, json_t *object) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_property(m, object);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }

        return r;
}

/* Asks without starting the daemon: looking at it must not change what is seen. */
static int get_all(Ctl *c, sd_bus_error *reterr_error, sd_bus_message **ret_reply) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(
                        c->bus,
                        &m,
                        CPROF_BUS_NAME,
                        CPROF_BUS_PATH,
                        "org.freedesktop.DBus.Properties",
                        "GetAll");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", CPROF_BUS_INTERFACE);
        if (r < 0)
                return r;

        return sd_bus_call(c->bus, m, /* usec= */ 0, reterr_error, ret_reply);
}

static void print_features(const Ctl *c, const json_t *features) {
        size_t i;
        json_t *f;

        json_array_foreach((json_t *) features, i, f) {
                bool available = json_is_true(json_at(f, "available"));
                const char *reason = json_text_at(f, "reason", ""), *mark;

                mark = available ? (c->utf8 ? "✓" : "yes") : (c->utf8 ? "✗" : "no ");
                printf("%9s %s%s%s %s%s%s\n",
                       i == 0 ? "Kernel:" : "",
                       colour_on(c, available ? COLOUR_GREEN : COLOUR_RED),
                       mark,
                       colour_on(c, COLOUR_NORMAL),
                       json_text_at(f, "name", "?"),
                       available || reason[0] == '\0' ? "" : ": ",
                       available ? "" : reason);
        }
}

static void print_tables(const json_t *tables) {
        const double mib = 1024.0 * 1024.0;

        if (json_u64_at(tables, "bytes-max") == 0) /* by frame pointers only, as the features say */
                return;

        printf("%9s %" PRIu64 " unwind tables (%" PRIu64 " rows, %.1f of %.1f MiB) for %" PRIu64
               " processes",
               "Stacks:",
               json_u64_at(tables, "tables"),
               json_u64_at(tables, "rows"),
               (double) json_u64_at(tables, "bytes") / mib,
               (double) json_u64_at(tables, "bytes-max") / mib,
               json_u64_at(tables, "processes"));
        if (json_u64_at(tables, "files-without") > 0)
                printf(", %" PRIu64 " files have none", json_u64_at(tables, "files-without"));
        if (json_u64_at(tables, "files-waiting") > 0)
                printf(", %" PRIu64 " still to be read", json_u64_at(tables, "files-waiting"));
        putchar('\n');
}

static const char *loss_in_words(const char *name) {
        static const struct {
                const char *name, *text;
        } texts[] = {
                { "http-seconds-missed", "seconds of HTTP without values, the daemon came too late" },
                { "http-tls-refused", "TLS libraries of processes that could not be probed" },
                { "http-tls-over-cap", "processes and files not looked at for TLS, too many" },
                { "events", "notices of new mappings, the buffer was full" },
                { "unwind-files-no-space", "files without unwind table, the memory for them is full" },
                { "unwind-files-failed", "files without unwind table, unreadable or malformed" },
                { "unwind-entries-malformed",
                  "malformed entries of unwind information, their code has none" },
                { "unwind-entries-over-cap", "entries of unwind information, their file has too many" },
                { "mappings-over-cap", "mappings of code not looked at, too many in their process" },
                { "unwind-processes-no-space", "processes without unwind tables, too many mappings" },
                { "unwind-mappings-over-cap", "mappings without unwind table, too many in their process" },
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (strcmp(texts[i].name, name) == 0)
                        return texts[i].text;

        return name;
}

static void print_losses(const Ctl *c, const json_t *losses) {
        const char *name, *title = "Lost:";
        json_t *n;

        json_object_foreach((json_t *) losses, name, n) {
                if (json_integer_value(n) == 0)
                        continue;

                printf("%9s %s%" JSON_INTEGER_FORMAT " %s%s\n",
                       title,
                       colour_on(c, COLOUR_YELLOW),
                       json_integer_value(n),
                       loss_in_words(name),
                       colour_on(c, COLOUR_NORMAL));
                title = "";
        }
}

static void print_problems(const Ctl *c, const json_t *problems) {
        size_t i;
        json_t *p;

        json_array_foreach((json_t *) problems, i, p) {
                const char *text = json_string_value(p) ?: "";
                _cleanup_(freep) char *clean = utf8_sanitize(text, strlen(text));

                printf("%9s %s%s%s\n",
                       i == 0 ? "Problems:" : "",
                       colour_on(c, COLOUR_RED),
                       clean ?: "",
                       colour_on(c, COLOUR_NORMAL));
        }
}

static void print_status(const Ctl *c, const json_t *s) {
        const char *source = json_text_at(s, "process_source", "?");
        const struct {
                const char *key, *one, *many;
        } counts[] = {
                { "policies", "policy", "policies" },
                { "rules", "rule", "rules" },
                { "units", "unit", "units" },
                { "processes", "process", "processes" },
                { "tasks_running", "task running", "tasks running" },
        };

        printf("%s cprofd %s\n", c->utf8 ? "●" : "*", json_text_at(s, "version", "?"));
        printf("%9s %s\n",
               "Source:",
               strcmp(source, "bpf") == 0 ? "BPF task iterator, one pass a second"
                               : strcmp(source, "proc") == 0
                               ? "/proc (slower; see the kernel features below)"
                               : source);

        printf("%9s ", "Watching:");
        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                uint64_t n = json_u64_at(s, counts[i].key);

                printf("%s%" PRIu64 " %s", i > 0 ? ", " : "", n, n == 1 ? counts[i].one : counts[i].many);
        }
        putchar('\n');

        print_features(c, json_at(s, "kernel_features"));
        print_tables(json_at(s, "unwind_tables"));
        print_losses(c, json_at(s, "losses"));
        print_problems(c, json_at(s, "problems"));
}

int verb_status(Ctl *c, int argc, char **argv) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(json_decrefp) json_t *status = NULL;
        int r;

        r = ctl_connect(c);
        if (r < 0)
                return c->options.host ? r : EXIT_NOT_RUNNING;

        r = get_all(c, &error, &reply);
        if (r < 0 && bus_error_is_not_running(error.name)) {
                log_error("%s.", bus_error_text(error.name, error.message));
                return EXIT_NOT_RUNNING;
        }
        if (r < 0)
                return bus_complain(r, &error, "get the status");

        status = json_object();
        r = status ? read_properties(reply, status) : -ENOMEM;
        if (r < 0)
                return bus_complain_reply(r);

        if (c->options.json != JSON_MODE_OFF)
                return json_out(c, status);

        print_status(c, status);
        return EXIT_SUCCESS;
}

int verb_reload(Ctl *c, int argc, char **argv) {
        return ctl_call(c, "reload", "Reload", NULL, NULL);
}
