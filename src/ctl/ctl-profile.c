/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-bus.h"
#include "ctl/task-access.h"
#include "ctl/task-wait.h"

#include "basic/log.h"
#include "basic/unit-name.h"

#include <string.h>

#define TOP_SHOWN 5U

/* The daemon looks for new units once a second: one that was started a moment ago is not known yet. */
#define NEW_UNIT_USEC (1100 * USEC_PER_MSEC)

static int
call_start(Ctl *c, const char *unit, ProfileKinds kinds, usec_t duration, sd_bus_message **ret_reply) {
        char text[PROFILE_KINDS_TEXT_MAX];
        int r;

        r = ctl_connect(c);
        if (r < 0)
                return r;

        profile_kinds_to_string(kinds, text);
        for (bool again = false;; again = true) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

                r =
                                ctl_try_call(c,
                                             &error,
                                             "StartTask",
                                             ret_reply,
                                             "sstu",
                                             unit,
                                             text,
                                             duration,
                                             c->options.pid);
                if (r >= 0)
                        return r;
                if (again || !sd_bus_error_has_name(&error, CPROF_BUS_ERROR_NO_SUCH_UNIT))
                        return bus_complain(r, &error, "profile '%s'", unit);

                (void) usleep(NEW_UNIT_USEC);
        }
}

/* Starts the task that the options ask for. */
static int start(Ctl *c, const char *unit, char **ret_id) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        ProfileKinds kinds = c->options.kinds ?: PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU);
        usec_t duration = 0; /* the daemon's default */
        const char *id;
        int r;

        if (c->options.policy.duration) {
                r = timespan_parse(c->options.policy.duration, &duration);
                if (r < 0 || duration == 0)
                        return log_error_errno(
                                        EINVAL,
                                        "Bad value '%s' of --duration=, expected a time span such as 30s or 2min.",
                                        c->options.policy.duration);
        }

        r = call_start(c, unit, kinds, duration, &reply);
        if (r < 0)
                return r;

        r = sd_bus_message_read(reply, "s", &id);
        if (r < 0)
                return bus_complain_reply(r);

        *ret_id = strdup(id);
        return *ret_id ? 0 : log_error_errno(ENOMEM, "Failed to start the task: %m");
}

static void print_hints(const json_t *task) {
        printf("\nFlame graph:  cprofctl task flamegraph %s\n"
               "For pprof:    cprofctl task export %s\n",
               task_id(task),
               task_id(task));
}

/* What a task of this moment came to. */
static int report(Ctl *c, json_t *task) {
        _cleanup_(folded_freep) Folded *f = NULL;
        int r;

        if (c->options.json != JSON_MODE_OFF) {
                r = json_out(c, task);
                return r < 0 ? r : task_exit_status(task);
        }

        task_print_end(task);
        /* Descriptors do not cross ssh: the summary alone then, the verbs that read profiles say why. */
        if ((json_u64_at(task, "n_samples") == 0 && json_u64_at(task, "offcpu.switches") == 0) ||
            sd_bus_can_send(c->bus, SD_BUS_TYPE_UNIX_FD) <= 0)
                return task_exit_status(task);

        r = task_read_folded(c, task, TASK_PATIENCE, &f);
        if (r < 0)
                return r;

        putchar('\n');
        r = task_print_top(c, f, TOP_SHOWN);
        if (r < 0)
                return r;

        if (!c->options.no_legend)
                print_hints(task);

        return task_exit_status(task);
}

int verb_profile(Ctl *c, int argc, char **argv) {
        _cleanup_(freep) char *unit = NULL, *id = NULL;
        _cleanup_(json_decrefp) json_t *task = NULL;
        int r;

        r = unit_name_mangle(argv[0], &unit);
        if (r < 0)
                return log_error_errno(r, "Bad unit name '%s'.", argv[0]);

        r = start(c, unit, &id);
        if (r < 0)
                return r;

        if (c->options.no_wait) {
                printf("%s\n", id);
                return EXIT_SUCCESS;
        }

        if (!isatty(STDERR_FILENO) && c->options.json == JSON_MODE_OFF)
                fprintf(stderr, "Task %s started.\n", id);

        r = task_wait(c, id, TASK_WAIT_STOP, &task);
        if (r == -EINTR) {
                fprintf(stderr, "Left task %s to itself.\n", id);
                return EXIT_INTERRUPTED;
        }
        if (r < 0)
                return r;

        return report(c, task);
}
