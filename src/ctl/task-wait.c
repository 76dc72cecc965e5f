/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/task-wait.h"

#include "ctl/ctl-bus.h"
#include "ctl/signal-wait.h"
#include "ctl/task-access.h"
#include "ctl/view.h"

#include "basic/log.h"
#include "basic/utf8.h"

#include <string.h>
#include <time.h>

#define POLL_INTERVAL (300 * USEC_PER_MSEC)

static usec_t time_left(const json_t *task) {
        uint64_t end = json_u64_at(task, "started_realtime_usec"),
                 duration = json_u64_at(task, "duration_usec");
        struct timespec ts;
        usec_t now;

        if (end == 0)
                return duration;

        /* The wall clock, because the task may run on another host. Only shown, never decided by. */
        (void) clock_gettime(CLOCK_REALTIME, &ts);
        now = (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / NSEC_PER_USEC;
        end += duration;

        return end > now ? MIN_OF(end - now, duration) : 0;
}

static void print_progress(const json_t *task, bool stopping) {
        const char *unit = json_text_at(task, "unit", "?");
        _cleanup_(freep) char *clean = utf8_sanitize(unit, strlen(unit));
        char left[TIMESPAN_TEXT_MAX], kinds[PROFILE_KINDS_TEXT_MAX];

        fprintf(stderr,
                "\r%s %s  %s%s  %" PRIu64 " samples\033[K",
                task_kinds_text(task, kinds),
                clean ?: "?",
                stopping ? "stopping"
                         : timespan_format((time_left(task) + USEC_PER_SEC - 1) / USEC_PER_SEC *
                                                           USEC_PER_SEC,
                                           left),
                stopping ? "" : " left",
                json_u64_at(task, "n_samples"));
}

/* On Ctrl-C. Returns -EINTR when that ends the waiting. */
static int on_interrupt(Ctl *c, const char *id, TaskWaitFlags flags, bool *stopping) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        if (!(flags & TASK_WAIT_STOP) || *stopping)
                return -EINTR;

        *stopping = true;
        r = ctl_try_call(c, &error, "StopTask", NULL, "s", id);
        if (r < 0 && !sd_bus_error_has_name(&error, CPROF_BUS_ERROR_NO_SUCH_TASK))
                return bus_complain(r, &error, "stop task %s", id);

        return 0;
}

static int
wait_loop(Ctl *c,
          const char *id,
          TaskWaitFlags flags,
          bool progress,
          SignalWait *interrupt,
          json_t **ret_task) {
        _cleanup_(freep) char *full_id = NULL;
        bool stopping = false;
        int r;

        for (;;) {
                _cleanup_(json_decrefp) json_t *task = NULL;

                r = task_get(c, full_id ?: id, &task);
                if (r < 0)
                        return r;

                /* "latest" may soon mean another one. */
                if (!full_id)
                        full_id = strdup(task_id(task));
                if (!full_id)
                        return log_error_errno(ENOMEM, "Failed to wait for the task: %m");

                if (task_state_is_over(json_text_at(task, "state", ""))) {
                        *ret_task = TAKE_PTR(task);
                        return 0;
                }

                if (progress)
                        print_progress(task, stopping);

                r = signal_wait(interrupt, /* bus= */ NULL, POLL_INTERVAL);
                if (r > 0)
                        r = on_interrupt(c, full_id, flags, &stopping);
                if (r < 0)
                        return r;
        }
}

int task_wait(Ctl *c, const char *id, TaskWaitFlags flags, json_t **ret_task) {
        _cleanup_(signal_wait_done) SignalWait interrupt = SIGNAL_WAIT_INIT;
        bool progress = isatty(STDERR_FILENO) && c->options.json == JSON_MODE_OFF;
        int r;

        r = signal_wait_init(&interrupt);
        if (r < 0)
                return log_error_errno(r, "Failed to prepare for Ctrl-C: %m");

        r = wait_loop(c, id, flags, progress, &interrupt, ret_task);
        if (progress)
                fprintf(stderr, "\r\033[K");

        return r;
}

int task_exit_status(const json_t *task) {
        return strcmp(json_text_at(task, "state", ""), "failed") == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

void task_print_end(const json_t *task) {
        const char *unit = json_text_at(task, "unit", "?"), *reason = json_text_at(task, "reason", "?");
        _cleanup_(freep) char *clean_unit = utf8_sanitize(unit, strlen(unit)),
                              *clean_reason = utf8_sanitize(reason, strlen(reason));

        fprintf(stderr,
                "Task %s %s (%s): %" PRIu64 " samples of %s.\n",
                task_id(task),
                json_text_at(task, "state", "?"),
                clean_reason ?: "?",
                json_u64_at(task, "n_samples"),
                clean_unit ?: "?");
}
