/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/window-view.h"

#include "ctl/json-out.h"
#include "ctl/pager.h"
#include "ctl/signal-wait.h"

#include "basic/log.h"
#include "basic/unit-name.h"

#include <string.h>

#define WINDOW_FIELDS "ssussdsuuuadtsss"

_Static_assert(sizeof("(" WINDOW_FIELDS ")") == sizeof(CPROF_BUS_WINDOW_SIGNATURE),
               "fields of the signature");

static int read_row(sd_bus_message *reply, WindowRow *w) {
        const void *values;
        size_t size;
        int r;

        r = sd_bus_message_read(
                        reply,
                        "ssussdsuuu",
                        &w->policy,
                        &w->process,
                        &w->pid,
                        &w->metric,
                        &w->uri,
                        &w->threshold,
                        &w->unit_of_metric,
                        &w->period_sec,
                        &w->count,
                        &w->hits);
        if (r < 0)
                return r;

        r = sd_bus_message_read_array(reply, 'd', &values, &size);
        if (r < 0)
                return r;

        w->values = values;
        w->n_values = size / sizeof(w->values[0]);

        r = sd_bus_message_read(reply, "tsss", &w->silence_left_usec, &w->status, &w->reason, &w->task);
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(reply);
}

int window_rows_read(sd_bus_message *reply, WindowRow **ret_rows, size_t *ret_n) {
        _cleanup_(freep) WindowRow *rows = NULL;
        size_t n = 0, allocated = 0;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', CPROF_BUS_WINDOW_SIGNATURE);
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(reply, 'r', WINDOW_FIELDS)) > 0) {
                if (n >= allocated) {
                        WindowRow *more;

                        allocated = allocated * 2 + 16;
                        more = reallocarray(rows, allocated, sizeof(rows[0]));
                        if (!more)
                                return -ENOMEM;
                        rows = more;
                }

                rows[n] = (WindowRow){ .order = n };
                r = read_row(reply, rows + n);
                if (r < 0)
                        return r;
                n++;
        }
        if (r < 0)
                return r;

        *ret_rows = TAKE_PTR(rows);
        *ret_n = n;
        return 0;
}

/* One look at the unit. */
static int show(Ctl *c, const char *unit) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(freep) WindowRow *rows = NULL;
        size_t n;
        int r;

        r = ctl_call(c, "show the windows", "GetWindows", &reply, "s", unit);
        if (r < 0)
                return r;

        r = window_rows_read(reply, &rows, &n);
        if (r < 0)
                return bus_complain_reply(r);

        if (c->options.json != JSON_MODE_OFF) {
                _cleanup_(json_decrefp) json_t *j = window_rows_to_json(rows, n);

                return json_out(c, j);
        }

        if (!c->options.watch)
                pager_open(c);
        else if (c->tty)
                printf("\033[H\033[2J");

        return window_rows_print(c, unit, rows, n, c->columns / 3);
}

int verb_unit_windows(Ctl *c, int argc, char **argv) {
        _cleanup_(signal_wait_done) SignalWait interrupt = SIGNAL_WAIT_INIT;
        _cleanup_(freep) char *unit = NULL;
        int r;

        r = unit_name_mangle(argv[0], &unit);
        if (r < 0)
                return log_error_errno(r, "Bad unit name '%s'.", argv[0]);

        if (!c->options.watch)
                return show(c, unit);

        r = signal_wait_init(&interrupt);
        if (r < 0)
                return log_error_errno(r, "Failed to prepare for Ctrl-C: %m");

        for (;;) {
                r = show(c, unit);
                if (r < 0)
                        return r;

                (void) fflush(stdout);
                r = signal_wait(&interrupt, /* bus= */ NULL, USEC_PER_SEC);
                if (r < 0)
                        return log_error_errno(r, "Failed to wait: %m");
                if (r > 0)
                        return EXIT_SUCCESS;
        }
}
