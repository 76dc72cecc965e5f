/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-bus.h"

#include "basic/log.h"
#include "basic/utf8.h"

#include <string.h>

int ctl_connect(Ctl *c) {
        int r;

        assert(c);

        if (c->bus)
                return 0;

        if (c->options.host) {
                r = sd_bus_open_system_remote(&c->bus, c->options.host);
                if (r < 0)
                        return log_error_errno(
                                        r, "Failed to connect to the bus of '%s': %m", c->options.host);
                return 0;
        }

        r = sd_bus_open_system(&c->bus);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return log_error_errno(r, "There is no system bus to talk to cprofd: is dbus running? (%m)");
        if (r < 0)
                return log_error_errno(r, "Failed to connect to the system bus: %m");

        return 0;
}

static bool has_prefix(const char *text, const char *prefix) {
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool bus_error_is_not_running(const char *name) {
        static const char *const names[] = {
                SD_BUS_ERROR_SERVICE_UNKNOWN,
                SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                "org.freedesktop.systemd1.NoSuchUnit",
                "org.freedesktop.systemd1.UnitMasked",
                "org.freedesktop.systemd1.ShuttingDown",
        };

        if (!name)
                return false;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(names[i], name) == 0)
                        return true;

        return has_prefix(name, "org.freedesktop.DBus.Error.Spawn.");
}

const char *bus_error_text(const char *name, const char *message) {
        static const struct {
                const char *name, *text;
        } texts[] = {
                { SD_BUS_ERROR_ACCESS_DENIED, "Access denied; only root may do that" },
                { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "Access denied; only root may do that" },
                { SD_BUS_ERROR_NO_REPLY, "cprofd did not answer; see 'journalctl -u cprofd'" },
                { SD_BUS_ERROR_TIMEOUT, "cprofd did not answer in time; see 'journalctl -u cprofd'" },
                { SD_BUS_ERROR_DISCONNECTED, "the connection to the bus was closed" },
                { SD_BUS_ERROR_UNKNOWN_METHOD,
                  "the running cprofd is of another version; 'systemctl restart cprofd' may help" },
        };

        if (bus_error_is_not_running(name))
                return "cprofd is not running; start it with 'systemctl start cprofd'";

        for (size_t i = 0; name && i < ELEMENTSOF(texts); i++)
                if (strcmp(texts[i].name, name) == 0)
                        return texts[i].text;

        return message && message[0] != '\0' ? message : name ?: "unknown error";
}

int bus_complain(int r, const sd_bus_error *error, const char *what, ...) {
        _cleanup_(freep) char *prefix = NULL, *text = NULL;
        const char *message;
        va_list ap;
        int n;

        va_start(ap, what);
        n = vasprintf(&prefix, what, ap);
        va_end(ap);
        if (n < 0)
                return log_error_errno(ENOMEM, "Failed to report an error: %m");

        message = error && sd_bus_error_is_set(error) ? bus_error_text(error->name, error->message)
                                                      : strerror(abs(r));
        /* The daemon quotes foreign names: nothing of it may reach the terminal as a control sequence. */
        text = utf8_sanitize(message, strlen(message));

        return log_error_errno(r, "Failed to %s: %s", prefix, text ?: message);
}

int bus_complain_reply(int r) {
        return log_error_errno(r, "The answer of cprofd cannot be read: %m");
}

static int
call_valist(Ctl *c,
            sd_bus_error *reterr_error,
            const char *method,
            sd_bus_message **ret_reply,
            const char *types,
            va_list ap) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(
                        c->bus, &m, CPROF_BUS_NAME, CPROF_BUS_PATH, CPROF_BUS_INTERFACE, method);
        if (r < 0)
                return r;

        if (types && types[0] != '\0') {
                r = sd_bus_message_appendv(m, types, ap);
                if (r < 0)
                        return r;
        }

        return sd_bus_call(c->bus, m, /* usec= */ 0, reterr_error, ret_reply);
}

int ctl_try_call(
                Ctl *c,
                sd_bus_error *reterr_error,
                const char *method,
                sd_bus_message **ret_reply,
                const char *types,
                ...) {
        va_list ap;
        int r;

        va_start(ap, types);
        r = call_valist(c, reterr_error, method, ret_reply, types, ap);
        va_end(ap);

        return r;
}

int ctl_call(Ctl *c,
             const char *what,
             const char *method,
             sd_bus_message **ret_reply,
             const char *types,
             ...) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list ap;
        int r;

        r = ctl_connect(c);
        if (r < 0)
                return r;

        va_start(ap, types);
        r = call_valist(c, &error, method, ret_reply, types, ap);
        va_end(ap);
        if (r < 0)
                return bus_complain(r, &error, "%s", what);

        return 0;
}

int ctl_call_string(Ctl *c, const char *what, const char *method, const char *argument, char **ret_text) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *text;
        char *copy;
        int r;

        r = ctl_call(c, what, method, &reply, "s", argument);
        if (r < 0)
                return r;

        r = sd_bus_message_read(reply, "s", &text);
        if (r < 0)
                return bus_complain_reply(r);

        copy = strdup(text);
        if (!copy)
                return log_error_errno(ENOMEM, "Failed to read the answer: %m");

        *ret_text = copy;
        return 0;
}

char **strings_free(char **list) {
        for (char **s = list; s && *s; s++)
                free(*s);
        free(list);

        return NULL;
}
