/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-bus.h"
#include "ctl/json-out.h"
#include "ctl/signal-wait.h"
#include "ctl/view.h"

#include "basic/log.h"

#include <string.h>
#include <time.h>

/* The daemon's signals: names of their arguments, all strings, and how a person reads them. */
static const struct {
        const char *member;
        const char *event;
        const char *arguments[5];
} signals[] = {
        { "PolicyAdded", "policy-added", { "name" } },
        { "PolicyRemoved", "policy-removed", { "name" } },
        { "PolicyChanged", "policy-changed", { "name" } },
        { "TaskStarted", "task-started", { "id", "unit", "kinds" } },
        { "TaskFinished", "task-finished", { "id", "unit", "state", "reason" } },
};

static usec_t realtime_now(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / NSEC_PER_USEC;
}

static void print_line(const Ctl *c, const char *event, const char *const *names, char values[][512]) {
        char text[VIEW_TEXT_MAX];

        printf("%s  %s%-14s%s",
               view_time(realtime_now(), text),
               colour_on(c, COLOUR_BOLD),
               event,
               colour_on(c, COLOUR_NORMAL));
        for (size_t i = 0; names[i]; i++)
                printf(strcmp(names[i], "reason") == 0 ? " (%s)" : " %s", values[i]);
        putchar('\n');
}

static void print_json(const Ctl *c, const char *event, const char *const *names, char values[][512]) {
        _cleanup_(json_decrefp) json_t *j = NULL;
        char text[TIMESTAMP_TEXT_MAX];
        Ctl line = *c;

        j = json_pack("{s:s, s:s}", "time", timestamp_format(realtime_now(), text), "event", event);
        for (size_t i = 0; j && names[i]; i++)
                (void) json_object_set_new(j, names[i], json_string(values[i]));

        line.options.json = JSON_MODE_SHORT; /* one event a line, whatever was asked for */
        (void) json_out(&line, j);
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Ctl *c = userdata;
        char values[4][512];

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                const char *const *names = signals[i].arguments, *text;

                if (!sd_bus_message_is_signal(m, CPROF_BUS_INTERFACE, signals[i].member))
                        continue;

                for (size_t k = 0; names[k]; k++) {
                        if (sd_bus_message_read(m, "s", &text) <= 0)
                                return 0; /* another version's signal */
                        snprintf(values[k], sizeof(values[k]), "%s", text);
                }

                if (c->options.json != JSON_MODE_OFF)
                        print_json(c, signals[i].event, names, values);
                else
                        print_line(c, signals[i].event, names, values);
                (void) fflush(stdout);
        }

        return 0;
}

int verb_monitor(Ctl *c, int argc, char **argv) {
        _cleanup_(signal_wait_done) SignalWait interrupt = SIGNAL_WAIT_INIT;
        int r;

        r = ctl_connect(c);
        if (r < 0)
                return r;

        r = sd_bus_match_signal(
                        c->bus,
                        NULL,
                        CPROF_BUS_NAME,
                        CPROF_BUS_PATH,
                        CPROF_BUS_INTERFACE,
                        NULL,
                        on_signal,
                        c);
        if (r < 0)
                return log_error_errno(r, "Failed to listen to signals: %m");

        r = signal_wait_init(&interrupt);
        if (r < 0)
                return log_error_errno(r, "Failed to prepare for Ctrl-C: %m");

        if (c->tty && !c->options.no_legend)
                fprintf(stderr, "Waiting for events, Ctrl-C ends.\n");

        for (;;) {
                r = sd_bus_process(c->bus, NULL);
                if (r > 0)
                        continue;
                if (r == 0)
                        r = signal_wait(&interrupt, c->bus, USEC_INFINITY);
                if (r < 0)
                        return log_error_errno(r, "Lost the connection to the bus: %m");
                if (r > 0)
                        return EXIT_SUCCESS;
        }
}
